// What is said to an endpoint and what its words mean: answers in the shapes of OpenAI, llama-server and
// vLLM, and none of them.
#include "backend/exchange.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bw::backend {
namespace {
using nlohmann::json;
using Why = Failure::Why;

Ask chat() {
  Ask a;
  a.messages_json = R"([{"role":"user","content":"hé\u0001"}])";
  a.max_tokens = 9;
  return a;
}

TEST(Speak, a_chat_is_said_as_openai_has_it) {
  Ask a = chat();
  a.sampler.temperature = 0.5f;
  a.sampler.seed = 0xFFFFFFFFFFFFFFFF;
  a.sampler.presence_penalty = 1;
  a.stop = {"a", "b"};
  a.log_probs = true;
  a.top_log_probs = 3;
  a.response_format_json = R"({"type":"json_object"})";
  const auto s = speak(a, "m");
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_EQ(s->path, "/chat/completions");
  const json j = json::parse(s->body);
  EXPECT_EQ(j["messages"], json::parse(a.messages_json));
  EXPECT_EQ(j["model"], "m");
  EXPECT_EQ(j["max_tokens"], 9);
  EXPECT_EQ(j["temperature"], 0.5);
  EXPECT_EQ(j["seed"], INT64_MAX);
  EXPECT_EQ(j["presence_penalty"], 1);
  EXPECT_FALSE(j.contains("frequency_penalty"));
  EXPECT_EQ(j["stop"], json({"a", "b"}));
  EXPECT_EQ(j["logprobs"], true);
  EXPECT_EQ(j["top_logprobs"], 3);
  EXPECT_EQ(j["response_format"]["type"], "json_object");
  EXPECT_EQ(j["stream"], true);
  EXPECT_EQ(j["stream_options"]["include_usage"], true);
}

TEST(Speak, a_mean_alone_asks_for_the_chosen_tokens_log_probabilities) {
  Ask a = chat();
  EXPECT_FALSE(json::parse(speak(a, "m")->body).contains("logprobs"));
  a.mean_log_prob = true;
  EXPECT_EQ(json::parse(speak(a, "m")->body)["logprobs"], true);
  EXPECT_EQ(json::parse(speak(a, "m")->body)["top_logprobs"], 0);
}

TEST(Speak, a_prompt_goes_to_completions) {
  Ask a;
  a.prompt = "Once";
  const auto s = speak(a, "m");
  ASSERT_TRUE(s);
  EXPECT_EQ(s->path, "/completions");
  EXPECT_EQ(json::parse(s->body)["prompt"], "Once");
}

TEST(Speak, what_an_endpoint_cannot_be_asked_is_refused_by_name) {
  const auto refused = [](const std::function<void(Ask&)>& change, const std::string& name) {
    Ask a = chat();
    change(a);
    const auto s = speak(a, "m");
    ASSERT_FALSE(s) << name;
    EXPECT_EQ(s.error().what.find(name), 0u) << s.error().what;
  };
  refused([](Ask& a) { a.messages_json.clear(), a.tokens = {1}; }, "prompt");
  refused([](Ask& a) { a.sampler.bias = {{1, 1}}; }, "logit_bias");
  refused([](Ask& a) { a.sampler.top_k = 5; }, "top_k");
  refused([](Ask& a) { a.sampler.min_p = 0.1f; }, "min_p");
  refused([](Ask& a) { a.sampler.typical = 0.5f; }, "typical");
  refused([](Ask& a) { a.sampler.repeat_penalty = 1.1f; }, "repeat_penalty");
  refused([](Ask& a) { a.echo_prompt_log_probs = true; }, "echo");
  refused([](Ask& a) { a.max_tokens = 0; }, "max_tokens");
  refused([](Ask& a) { a.messages_json = "{}"; }, "messages");
  refused([](Ask& a) { a.messages_json = std::string(100'000, '['); }, "messages");
  refused([](Ask& a) { a.response_format_json = "[]"; }, "response_format");
}

struct Read {
  Ended ended;
  std::string text;
  size_t n_tokens = 0;
};
Read read(const std::vector<std::string>& events, bool is_chat = true, bool log_probs = false) {
  AnswerReader r(is_chat, log_probs);
  Read out;
  for (const std::string& e : events)
    if (!r.event(e, [&](std::string_view text, const TokenText* t) {
          out.text += text;
          out.n_tokens += t != nullptr;
        }))
      break;
  out.ended = r.end();
  return out;
}
const Reply& reply(const Read& r) {
  static const Reply none;
  if (const auto* f = std::get_if<Failure>(&r.ended)) {
    ADD_FAILURE() << f->error.what;
    return none;
  }
  return std::get<Reply>(r.ended);
}

TEST(AnswerReader, a_stream_as_openai_sends_it) {
  const Read r = read(
      {R"({"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null})",
       R"({"choices":[{"index":0,"delta":{"content":"Hé"},"logprobs":null,"finish_reason":null}]})",
       R"({"choices":[{"index":0,"delta":{"content":"llo"},"finish_reason":null}]})",
       R"({"choices":[{"index":0,"delta":{},"finish_reason":"length"}]})",
       R"({"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":4,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":8}}})",
       "[DONE]", "never read"});
  EXPECT_EQ(reply(r).text, "Héllo");
  EXPECT_EQ(r.text, "Héllo");
  EXPECT_EQ(reply(r).finish, Reply::Finish::length);
  EXPECT_EQ(reply(r).n_prompt, 11u);
  EXPECT_EQ(reply(r).n_output, 4u);
  EXPECT_EQ(reply(r).n_reused, 8u);
  EXPECT_FALSE(reply(r).mean_log_prob);
}

TEST(AnswerReader, log_probabilities_in_both_forms_with_the_bytes_of_tokens) {
  const std::string piece =
      R"({"choices":[{"delta":{"content":"é!"},"logprobs":{"content":[{"token":"\\xc3","logprob":-1.0,"bytes":[195],"top_logprobs":[{"token":"a","logprob":-2.5,"bytes":[97]}]},{"token":"\\xa9!","logprob":-0.5,"bytes":[169,33],"top_logprobs":[]}]},"finish_reason":"stop"}]})";
  const Read r = read({piece, "[DONE]"}, true, true);
  ASSERT_EQ(reply(r).log_probs.size(), 2u);
  EXPECT_EQ(reply(r).log_probs[0].text + reply(r).log_probs[1].text, "é!");
  EXPECT_EQ(reply(r).log_probs[0].top[0].text, "a");
  EXPECT_EQ(reply(r).log_probs[0].top[0].log_prob, -2.5);
  EXPECT_EQ(reply(r).mean_log_prob, -0.75);
  EXPECT_EQ(r.n_tokens, 2u);
  const Read old = read(
      {R"({"choices":[{"text":"ab","logprobs":{"tokens":["a","b"],"token_logprobs":[-1,-3],"top_logprobs":[{"a":-1},{"b":-3,"c":-4}],"text_offset":[0,1]},"finish_reason":"stop"}]})"},
      false, true);
  EXPECT_EQ(reply(old).mean_log_prob, -2);
  EXPECT_EQ(reply(old).log_probs[1].top.size(), 2u);
  // Where a piece of the text has none, there is no mean of the whole.
  const Read part =
      read({piece, R"({"choices":[{"delta":{"content":"x"},"finish_reason":null}]})"}, true, true);
  EXPECT_FALSE(reply(part).mean_log_prob);
}

TEST(AnswerReader, an_answer_that_is_not_whole_or_not_an_answer_is_a_failure) {
  const auto why = [](const std::vector<std::string>& events, const std::string& word) {
    const Read r = read(events);
    const auto* f = std::get_if<Failure>(&r.ended);
    ASSERT_TRUE(f) << word;
    EXPECT_NE(f->error.what.find(word), std::string::npos) << f->error.what;
  };
  const std::string half = R"({"choices":[{"delta":{"content":"half"},"finish_reason":null}]})";
  why({half}, "broke its answer off");
  why({half, "[DONE]"}, "broke its answer off");
  why({"[DONE]"}, "broke its answer off");
  why({half, R"({"error":{"message":"out of memory\n\u0007","code":500}})"}, "out of memory  ");
  why({R"({"error":"plain words"})"}, "plain words");
  why({"<html>"}, "not JSON");
  why({"[1,2]"}, "not JSON");
  why({R"({"a":1,"a":2})"}, "not JSON");
  why({R"({"object":"x"})"}, "without choices");
  why({R"({"choices":[{"delta":{"refusal":"I cannot"},"finish_reason":"stop"}]})"}, "I cannot");
  why({R"({"choices":[{"delta":{},"finish_reason":"content_filter"}]})"}, "content_filter");
  why({R"({"choices":[{"delta":{"tool_calls":[{}]},"finish_reason":"tool_calls"}]})"}, "tool");
  why({std::string(2'000'000, '[')}, "not JSON");
}

TEST(AnswerReader, members_of_any_type_do_no_harm) {
  for (
      const char* odd :
      {R"({"choices":[1]})", R"({"choices":[{"delta":[]}]})", R"({"choices":[{"delta":{"content":5}}]})",
       R"({"choices":[{"logprobs":{"content":[1,{"token":1,"logprob":"x","bytes":[999]}]}}]})",
       R"({"choices":[{"delta":{"content":"x"},"logprobs":{"content":[{"token":"x","logprob":-1,"bytes":[-1,"a"],"top_logprobs":{"a":1}}]}}]})",
       R"({"usage":{"prompt_tokens":-5,"completion_tokens":"x"},"choices":[]})"}) {
    const Read r = read({odd}, true, true);
    EXPECT_TRUE(std::holds_alternative<Failure>(r.ended)) << odd;  // none of them ends an answer
  }
}

TEST(Quotable, what_strangers_say_is_short_and_one_line_of_utf8) {
  EXPECT_EQ(quotable("a\nb\x1B[31m\xFFé\xC2\x9B!"), "a b [31m?é !");
  EXPECT_EQ(quotable(std::string(1000, 'x')), std::string(300, 'x') + "...");
  std::string cut(299, 'x');
  EXPECT_EQ(quotable(cut + "😀y"), cut + "😀...");
}

TEST(Refusal, a_status_is_told_as_what_it_means_for_who_asked) {
  EXPECT_EQ(refusal(429, R"({"error":{"message":"slow down"}})", 7).why, Why::busy);
  EXPECT_EQ(refusal(429, "", 7).retry_after_ms, 7000u);
  EXPECT_EQ(refusal(429, "", 0).retry_after_ms, 1000u);
  EXPECT_EQ(refusal(500, "oops", 0).why, Why::unavailable);
  EXPECT_EQ(refusal(503, "", 0).why, Why::unavailable);
  EXPECT_EQ(refusal(400, R"({"error":{"message":"bad"}})", 0).why, Why::bad_request);
  EXPECT_EQ(refusal(401, "", 0).why, Why::failed);
  EXPECT_EQ(refusal(404, "", 0).why, Why::failed);
  EXPECT_EQ(refusal(302, "", 0).why, Why::failed);
  // OpenAI's way and llama-server's.
  EXPECT_EQ(refusal(400, R"({"error":{"message":"m","code":"context_length_exceeded"}})", 0).why,
            Why::too_long);
  const Failure f = refusal(
      400,
      R"({"error":{"code":400,"message":"m","type":"exceed_context_size_error","n_prompt_tokens":900,"n_ctx":512}})",
      0);
  EXPECT_EQ(f.why, Why::too_long);
  EXPECT_EQ(f.n_prompt, 900u);
  EXPECT_EQ(f.n_context, 512u);
  EXPECT_LT(refusal(500, std::string(60'000, 'x'), 0).error.what.size(), 400u);
}

}  // namespace
}  // namespace bw::backend
