// Log-probabilities of tokens as JSON, for the commands that print them. In: LogProbs. Out: {"token",
// "piece", "log_probability", "top": [...]}; pieces that are no UTF-8 are mended where the JSON is printed.
#pragma once
#include <nlohmann/json.hpp>

#include "engine/sampler.h"
#include "text/tokenizer.h"

namespace bw::cli {

inline nlohmann::ordered_json log_probs_json(const engine::LogProbs& p, const text::Tokenizer& tokenizer) {
  const auto one = [&](const engine::TokenLogProb& t) {
    return nlohmann::ordered_json{
        {"token", t.token}, {"piece", tokenizer.piece(t.token)}, {"log_probability", t.log_probability}};
  };
  nlohmann::ordered_json j = one(p.chosen);
  if (!p.top.empty()) {
    j["top"] = nlohmann::ordered_json::array();
    for (const engine::TokenLogProb& t : p.top) j["top"].push_back(one(t));
  }
  return j;
}

}  // namespace bw::cli
