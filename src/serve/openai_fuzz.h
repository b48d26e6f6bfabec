// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/openai: the first
// byte says which interface, the rest is the body of a request. Out: true where it is accepted; a trap or a
// sanitizer's report is the finding. What is accepted can be asked of an engine and answered; what is not is
// an error that names itself.
#pragma once
#include <nlohmann/json.hpp>
#include <string_view>

#include "serve/openai.h"

namespace bw::serve::testing {

inline bool openai_one(std::string_view input) {
  using nlohmann::json;
  const auto must = [](bool holds) {
    if (!holds) __builtin_trap();
  };
  const Api api = !input.empty() && input[0] == 'p' ? Api::completions : Api::chat;
  ApiLimits limits;
  limits.max_choices = 4;
  const Parsed parsed = parse_request(api, input.empty() ? input : input.substr(1), 5, limits);
  if (const auto* e = std::get_if<ApiError>(&parsed)) {
    must(e->status == 400 && !e->code.empty() && !e->message.empty());
    const json j = json::parse(error_json(*e), nullptr, false);
    must(j.is_object() && j["error"]["code"] == e->code);
    return false;
  }
  const ApiRequest& r = std::get<ApiRequest>(parsed);
  must(!r.asks.empty() && r.asks.size() <= limits.max_choices && r.asks.size() % r.n == 0 &&
       !r.model.empty());
  std::vector<backend::Reply> replies(r.asks.size());
  for (size_t i = 0; i < r.asks.size(); ++i) {
    const backend::Ask& a = r.asks[i];
    must(bool(engine::check(a.sampler)));
    must(a.top_log_probs <= engine::max_top_log_probs && a.stop.size() <= 4);
    must((api == Api::chat) == !a.messages_json.empty());
    for (const json& m : json::parse(api == Api::chat ? a.messages_json : "[]", nullptr, false))
      must(m.size() == 2 && m["role"].is_string() && m["content"].is_string());
    must(a.response_format_json.empty() == !a.grammar);
    replies[i].text = "a\xC3";
    if (r.log_probs) replies[i].log_probs = {{1, "a", -1, {}}, {2, "\xC3", -2, {{"b", -1, 3}}}};
  }
  const Head head{"id", 1, r.model, "fp"};
  must(!json::parse(answer_json(r, head, replies), nullptr, false).is_discarded());
  EventWriter writer(r, head);
  for (size_t i = 0; i < replies.size(); ++i) must(writer.all(i, replies[i]).ends_with("}\n\n"));
  must(writer.finish().ends_with("data: [DONE]\n\n"));
  return true;
}

}  // namespace bw::serve::testing
