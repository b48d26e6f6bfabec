// Answers, events and errors against the files of data/vectors/openai/golden, which
// tests/e2e/openai_schemas.py holds against OpenAI's schemas; and what no schema says.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "serve/openai.h"

namespace bw::serve {
namespace {
using backend::Reply;
using backend::TokenText;
using nlohmann::json;

const std::string golden = BITWORTH_SOURCE_DIR "/data/vectors/openai/golden/";

void expect_golden(const std::string& name, const std::string& rendered) {
  if (std::getenv("BITWORTH_WRITE_GOLDEN")) {
    auto out = OutFile::create(golden + name);
    ASSERT_TRUE(out) << out.error().what;
    ASSERT_TRUE(out->write(rendered));
    ASSERT_TRUE(out->commit());
  }
  const auto want = read_text(golden + name);
  ASSERT_TRUE(want) << want.error().what;
  EXPECT_EQ(rendered, *want) << name;
}

ApiRequest request(Api api, const std::string& more = "") {
  Parsed p = parse_request(api,
                           api == Api::chat
                               ? R"({"model":"m","messages":[{"role":"user","content":"Hi"}])" + more + "}"
                               : R"({"model":"m","prompt":"Once é")" + more + "}",
                           7);
  if (const auto* e = std::get_if<ApiError>(&p)) {
    ADD_FAILURE() << e->message;
    return {};
  }
  return std::move(std::get<ApiRequest>(p));
}
Head head(Api api) {
  return {api == Api::chat ? "chatcmpl-1" : "cmpl-1", 1'790'000'000, "m", "fp_0123456789abcdef"};
}
// "Hé<nl>" of tokens "H", half of é, the other half with a newline.
Reply reply() {
  Reply r;
  r.text = "H\xC3\xA9\n";
  r.n_prompt = 11;
  r.n_output = 3;
  r.n_reused = 8;
  r.log_probs = {{40, "H", -0.25, {{"H", -0.25, 40}, {"h", -2.5, 41}}},
                 {200, "\xC3", -1.5, {}},
                 {201, "\xA9\n", -0.125, {{"\xA9\n", -0.125, 201}}}};
  return r;
}
constexpr const char* log_probs = R"(,"logprobs":true,"top_logprobs":2)";
constexpr const char* receipt = R"({"deployment":"four-bit","log_index":41})";

TEST(OpenAiAnswer, chats) {
  const Reply r[] = {reply(), reply()};
  const auto one = std::span(r).first(1);
  expect_golden("chat.json", answer_json(request(Api::chat), head(Api::chat), one));
  expect_golden("chat-logprobs.json", answer_json(request(Api::chat, log_probs), head(Api::chat), one));
  expect_golden("chat-two-receipt.json",
                answer_json(request(Api::chat, R"(,"n":2)"), head(Api::chat), r, receipt));
}

TEST(OpenAiAnswer, completions) {
  Reply r = reply();
  const auto of = [&](const std::string& more) {
    return answer_json(request(Api::completions, more), head(Api::completions), std::span(&r, 1));
  };
  expect_golden("completion.json", of(""));
  expect_golden("completion-logprobs.json", of(R"(,"logprobs":2)"));
  expect_golden("completion-logprobs-0.json", of(R"(,"logprobs":0)"));
  r.finish = Reply::Finish::length;
  expect_golden("completion-echo.json", of(R"(,"echo":true)"));
  r.prompt_log_probs = {{1, "Once", 0, {}}, {2, " \xC3\xA9", -3.5, {{" a", -1.0, 3}}}};
  expect_golden("completion-echo-logprobs.json", of(R"(,"echo":true,"logprobs":1)"));
}

// A reply as it would stream: each token with its text, the half character held back.
std::string stream(const ApiRequest& q, const char* with_receipt = "") {
  const Reply r = reply();
  EventWriter w(q, head(q.api));
  std::string out = w.begin(0);
  out += w.text(0, "H", &r.log_probs[0]);
  out += w.text(0, "", &r.log_probs[1]);
  out += w.text(0, "\xC3\xA9\n", &r.log_probs[2]);
  out += w.end(0, r, with_receipt);
  return out + w.finish();
}

TEST(OpenAiEvents, chats) {
  expect_golden("chat.sse", stream(request(Api::chat, R"(,"stream":true)")));
  const std::string all =
      std::string(log_probs) + R"(,"stream":true,"stream_options":{"include_usage":true})";
  expect_golden("chat-logprobs-usage.sse", stream(request(Api::chat, all), receipt));
}

TEST(OpenAiEvents, completions) {
  expect_golden("completion.sse", stream(request(Api::completions, R"(,"stream":true,"echo":true)")));
  expect_golden("completion-logprobs-usage.sse",
                stream(request(Api::completions,
                               R"(,"stream":true,"logprobs":2,"stream_options":{"include_usage":true})"),
                       receipt));
}

TEST(OpenAiEvents, a_reply_that_was_checked_first_comes_at_once) {
  const ApiRequest q = request(Api::chat, std::string(log_probs) + R"(,"stream":true,"n":2)");
  EventWriter w(q, head(Api::chat));
  expect_golden("chat-whole-two.sse", w.all(1, reply(), receipt) + w.all(0, reply()) + w.finish());
}

TEST(OpenAiEvents, a_stream_that_cannot_be_ended_well_says_so) {
  const ApiRequest q = request(Api::chat, R"(,"stream":true)");
  EventWriter w(q, head(Api::chat));
  backend::Failure f;
  f.why = backend::Failure::Why::unavailable;
  f.error = failed("this deployment has been stopped", "ask again");
  expect_golden("chat-broken.sse", w.begin(0) + w.text(0, "H", nullptr) + EventWriter::error(api_error(f)));
}

TEST(OpenAiEvents, joined_they_are_the_answer) {
  for (const char* more : {R"(,"stream":true)", R"(,"stream":true,"logprobs":true)"}) {
    const std::string events = stream(request(Api::chat, more));
    std::string text;
    json tokens = json::array();
    size_t n_roles = 0, n_ends = 0;
    for (size_t at = 0, next; (next = events.find("\n\n", at)) != std::string::npos; at = next + 2) {
      const std::string data = events.substr(at + 6, next - at - 6);
      if (data == "[DONE]") continue;
      const json c = json::parse(data)["choices"][0];
      text += c["delta"].value("content", "");
      n_roles += c["delta"].contains("role");
      n_ends += !c["finish_reason"].is_null();
      if (c["logprobs"].is_object())
        for (const json& t : c["logprobs"]["content"]) tokens.push_back(t);
    }
    const json whole =
        json::parse(answer_json(request(Api::chat, more), head(Api::chat), std::vector{reply()}));
    EXPECT_EQ(text, whole["choices"][0]["message"]["content"]);
    const json& told = whole["choices"][0]["logprobs"];
    EXPECT_EQ(tokens, told.is_null() ? json::array() : told["content"]);
    EXPECT_EQ(n_roles, 1u);
    EXPECT_EQ(n_ends, 1u);
    EXPECT_TRUE(events.ends_with("data: [DONE]\n\n"));
  }
}

TEST(OpenAiAnswer, whatever_bytes_a_model_writes_the_answer_is_json_on_one_line) {
  Reply r = reply();
  r.text = std::string("\xFF\xC3\0\r\n\x1B\"\\</script>", 17) + "\xED\xA0\x80\xF0\x9F\x98";
  r.log_probs = {{5, r.text, -1, {{"\xF0", -2, 6}}}};
  const ApiRequest q = request(Api::chat, log_probs);
  const std::string body = answer_json(q, head(Api::chat), std::span(&r, 1));
  const json j = json::parse(body);
  EXPECT_EQ(j["choices"][0]["logprobs"]["content"][0]["bytes"].size(), r.text.size());
  EXPECT_EQ(j["choices"][0]["logprobs"]["content"][0]["top_logprobs"][0]["token"], "\\xf0");
  EventWriter w(q, head(Api::chat));
  const std::string events = w.all(0, r);
  for (size_t at = 0, next; (next = events.find('\n', at)) != std::string::npos; at = next + 1)
    EXPECT_TRUE(next == at || events.compare(at, 6, "data: ") == 0);
}

TEST(OpenAiErrors, every_failure_of_a_backend_has_its_status_and_code) {
  using Why = backend::Failure::Why;
  const std::tuple<Why, int, const char*> cases[] = {{Why::too_long, 413, "context_length_exceeded"},
                                                     {Why::busy, 429, "queue_full"},
                                                     {Why::cancelled, 503, "cancelled"},
                                                     {Why::deadline, 503, "deadline_exceeded"},
                                                     {Why::unavailable, 503, "unavailable"},
                                                     {Why::bad_request, 400, "unsupported_by_deployment"},
                                                     {Why::failed, 500, "internal_error"}};
  for (const auto& [why, status, code] : cases) {
    backend::Failure f;
    f.why = why;
    f.error = failed("what happened", "what to do");
    f.retry_after_ms = why == Why::busy ? 1'001 : 0;
    const ApiError e = api_error(f);
    EXPECT_EQ(e.status, status);
    EXPECT_EQ(e.code, code);
    EXPECT_EQ(e.message, "what happened; what to do");
    expect_golden(std::string("error-") + code + ".json", error_json(e));
    EXPECT_EQ(error_headers(e).empty(), why != Why::busy);
    if (why != Why::busy) continue;
    EXPECT_EQ(error_headers(e)[0], (std::pair<std::string, std::string>("Retry-After", "2")));
  }
}

TEST(OpenAiErrors, those_of_http_and_of_a_model_that_is_not_there) {
  for (const int status : {400, 404, 405, 408, 413, 431, 500, 503})
    expect_golden("error-http-" + std::to_string(status) + ".json", http_error_json(status, "in words"));
  const std::string known[] = {"contract-a", "snips"};
  const ApiError e = model_not_found("snip", known);
  EXPECT_EQ(e.status, 404);
  EXPECT_NE(e.message.find("did you mean snips?"), std::string::npos) << e.message;
  expect_golden("error-model.json", error_json(model_not_found("gpt-5", known)));
}

TEST(OpenAiModels, lists) {
  const ModelEntry models[] = {{"snips", 1'790'000'000, "owner of the contract"}, {"b", 0, ""}};
  expect_golden("models.json", models_json(models));
  expect_golden("models-none.json", models_json({}));
  expect_golden("model.json", model_json(models[0]));
}

TEST(OpenAiFingerprint, it_changes_with_whatever_changes_bits_and_with_nothing_else) {
  backend::Info a;
  a.model_sha256 = std::string(64, 'a');
  a.kv = "f16";
  a.description = "avx2";
  backend::Info b = a;
  b.description = "amx";
  EXPECT_EQ(system_fingerprint(a), system_fingerprint(b));
  b.kv = "q8";
  EXPECT_NE(system_fingerprint(a), system_fingerprint(b));
  b = a;
  b.model_sha256[0] = 'b';
  EXPECT_NE(system_fingerprint(a), system_fingerprint(b));
  EXPECT_EQ(system_fingerprint(a).size(), 19u);
}

}  // namespace
}  // namespace bw::serve
