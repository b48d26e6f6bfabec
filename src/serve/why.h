// Why a deployment is what it is: what the log knew on a date, in order. In: a log folder, a deployment's
// name. Out: what serves, who switched to it and why, what was judged of its file before that (scenario,
// alternatives, verdicts), and what has happened since: answers by outcome, reviews, triggers, later
// judgements. Everything from the log alone; texts are not needed.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace bw::serve {

struct WhyOptions {
  std::string folder, deployment;
  std::string at;  // RFC 3339: as known then; empty: the whole log
};
// JSON: {"deployment", "at", "live": {...}, "decision": {...} | null, "evidence": [...], "since": {...}}; a
// sentence for each in text_of(). Error: the log, or no entry that names the deployment.
Result<nlohmann::json> why(const WhyOptions& options);
std::string text_of_why(const nlohmann::json& why);

}  // namespace bw::serve
