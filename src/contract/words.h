// Names as a contract's file writes them. In: an enum's value. Out: the word.
#pragma once
#include "contract/contract.h"

namespace bw::contract {

inline const char* word(Check::Kind kind) {
  switch (kind) {
    case Check::Kind::schema:
      return "schema";
    case Check::Kind::regex:
      return "regex";
    case Check::Kind::mean_log_prob:
      return "mean_log_prob";
    case Check::Kind::command:
      return "command";
  }
  return "?";
}
inline const char* word(StopTrigger::Figure figure) {
  switch (figure) {
    case StopTrigger::Figure::abstained:
      return "abstained";
    case StopTrigger::Figure::escalated:
      return "escalated";
    case StopTrigger::Figure::failed_checks:
      return "failed_checks";
    case StopTrigger::Figure::errors:
      return "errors";
  }
  return "?";
}
inline const char* word(StopTrigger::Action action) {
  return action == StopTrigger::Action::refuse ? "refuse" : "fallback";
}

inline constexpr const char* kPerson = "person";  // the link of a chain that is no deployment

}  // namespace bw::contract
