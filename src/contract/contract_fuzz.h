// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/contract: a
// contract, and after a zero byte the text of every schema it names. Out: true where it loaded; a trap or a
// sanitizer's report is the finding. Nothing of the disk is read.
#pragma once
#include <string>
#include <string_view>

#include "contract/load.h"

namespace bw::contract::testing {

inline bool contract_one(std::string_view input) {
  const size_t zero = input.find('\0');
  const std::string schema(zero == std::string_view::npos ? std::string_view("{\"type\": \"object\"}")
                                                          : input.substr(zero + 1));
  const Files files{[&](const std::string&) -> Result<std::string> { return schema; },
                    [](const std::string&) { return true; }};
  const auto contract = parse(std::string(input.substr(0, zero)), "fuzz.toml", files);
  if (!contract) {
    if (contract.error().what.empty()) __builtin_trap();
    return false;
  }
  // What loaded holds what it promises.
  for (const Class& c : contract->classes) {
    if (c.chain.empty() || c.attempts == 0 || c.deadline_ms == 0 || c.max_output_tokens == 0)
      __builtin_trap();
    for (const std::string& link : c.chain)
      if (link != "person" && !contract->find_deployment(link)) __builtin_trap();
    const auto checks = Checks::make(c);
    if (!checks) __builtin_trap();
    (*checks)->says_unknown("I do not know");
    bool any_command = false;
    for (const Check& k : c.checks) any_command |= k.kind == Check::Kind::command;
    if (!any_command)
      for (const char* answer : {"", "{\"a\": [1, 2.5, null, {\"b\": \"c\"}]}", "```json\n[1, 1.0]\n```"})
        (*checks)->run({answer, -0.5, false});
  }
  if (describe(*contract).empty()) __builtin_trap();
  warnings(*contract);
  return true;
}

}  // namespace bw::contract::testing
