// Requests against data/vectors/openai: what each of them comes to, and that every field of OpenAI's own
// schema is known here. Whether a body is valid by that schema is checked apart
// (tests/e2e/openai_schemas.py).
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "base/file.h"
#include "serve/openai.h"

namespace bw::serve {
namespace {
using nlohmann::json;

const std::string vectors = BITWORTH_SOURCE_DIR "/data/vectors/openai/";

ApiRequest accepted(Api api, const std::string& body) {
  Parsed p = parse_request(api, body, 99);
  if (const auto* e = std::get_if<ApiError>(&p)) {
    ADD_FAILURE() << body << ": " << e->message;
    return {};
  }
  return std::move(std::get<ApiRequest>(p));
}
ApiError refused(Api api, const std::string& body) {
  Parsed p = parse_request(api, body, 99);
  if (std::holds_alternative<ApiRequest>(p)) {
    ADD_FAILURE() << "accepted: " << body.substr(0, 300);
    return {};
  }
  return std::get<ApiError>(p);
}
ApiRequest chat(const std::string& more) {
  return accepted(Api::chat, R"({"model":"m","messages":[{"role":"user","content":"Hi"}])" + more + "}");
}

TEST(OpenAiRequest, every_request_of_the_vectors_comes_to_what_it_says) {
  const auto text = read_text(vectors + "requests.jsonl");
  ASSERT_TRUE(text) << text.error().what;
  std::istringstream lines(*text);
  size_t n = 0;
  for (std::string line; std::getline(lines, line); ++n) {
    const json c = json::parse(line);
    const Api api = c["api"] == "chat" ? Api::chat : Api::completions;
    const Parsed p = parse_request(api, c["body"].dump(), 1);
    const auto* e = std::get_if<ApiError>(&p);
    EXPECT_EQ(e ? json(e->code) : json(), c["code"]) << c["why"] << (e ? ": " + e->message : "");
    if (!e) continue;
    EXPECT_EQ(e->param, c["param"].get<std::string>()) << c["why"];
    EXPECT_EQ(e->status, 400);
    EXPECT_NE(e->message.find(e->param), std::string::npos) << e->message;  // named in the words too
  }
  EXPECT_GT(n, 100u);
}

// Names of a schema's properties, through allOf and $ref.
void properties(const json& defs, const json& schema, std::set<std::string>& out) {
  if (schema.contains("$ref")) properties(defs, defs.at(schema["$ref"].get<std::string>().substr(8)), out);
  for (const json& part : schema.value("allOf", json::array())) properties(defs, part, out);
  const json own = schema.value("properties", json::object());
  for (const auto& [name, _] : own.items()) out.insert(name);
}

TEST(OpenAiRequest, every_field_of_the_apis_own_schema_is_known_and_no_other) {
  const auto text = read_text(vectors + "schemas.json");
  ASSERT_TRUE(text);
  const json defs = json::parse(*text)["$defs"];
  for (const Api api : {Api::chat, Api::completions}) {
    std::set<std::string> names;
    properties(defs, defs[api == Api::chat ? "CreateChatCompletionRequest" : "CreateCompletionRequest"],
               names);
    EXPECT_GT(names.size(), 15u);
    for (const std::string& name : names) {
      const Parsed p = parse_request(api, json{{name, "value of a wrong type"}}.dump(), 1);
      EXPECT_NE(std::get<ApiError>(p).code, "unknown_parameter") << name;
    }
    EXPECT_EQ(refused(api, R"({"top_k":1})").code, "unknown_parameter");
  }
  // And each is spoken of where users look.
  const auto docs = read_text(BITWORTH_SOURCE_DIR "/docs/serve.md");
  ASSERT_TRUE(docs) << docs.error().what;
  for (const char* schema : {"CreateChatCompletionRequest", "CreateCompletionRequest"}) {
    std::set<std::string> names;
    properties(defs, defs[schema], names);
    for (const std::string& name : names)
      EXPECT_NE(docs->find("`" + name + "`"), std::string::npos)
          << "docs/serve.md does not speak of " << name;
  }
}

TEST(OpenAiRequest, a_chat_becomes_what_a_backend_is_asked) {
  const ApiRequest r = chat(
      R"(,"temperature":0.25,"top_p":0.5,"seed":-1,"stop":"END","frequency_penalty":1.5,"presence_penalty":-0.5,
      "logit_bias":{"7":-100},"logprobs":true,"top_logprobs":3,"max_completion_tokens":12,"n":3,"stream":true,
      "stream_options":{"include_usage":true})");
  EXPECT_EQ(r.model, "m");
  ASSERT_EQ(r.asks.size(), 3u);
  EXPECT_EQ(r.n, 3u);
  EXPECT_TRUE(r.stream && r.include_usage && r.log_probs && r.seed_given);
  EXPECT_EQ(r.max_tokens, 12u);
  for (uint32_t i = 0; i < 3; ++i) {
    const backend::Ask& a = r.asks[i];
    EXPECT_EQ(a.messages_json, R"([{"role":"user","content":"Hi"}])");
    EXPECT_EQ(a.max_tokens, 12u);
    EXPECT_EQ(a.sampler.temperature, 0.25f);
    EXPECT_EQ(a.sampler.top_p, 0.5f);
    EXPECT_EQ(a.sampler.seed, UINT64_MAX);
    EXPECT_EQ(a.sampler.sample_index, i);
    EXPECT_EQ(a.sampler.frequency_penalty, 1.5f);
    EXPECT_EQ(a.sampler.presence_penalty, -0.5f);
    ASSERT_EQ(a.sampler.bias.size(), 1u);
    EXPECT_EQ(a.sampler.bias[0].token, 7);
    EXPECT_EQ(a.sampler.bias[0].bias, -100.0f);
    EXPECT_EQ(a.stop, std::vector<std::string>{"END"});
    EXPECT_TRUE(a.log_probs);
    EXPECT_EQ(a.top_log_probs, 3u);
    EXPECT_TRUE(engine::check(a.sampler));
  }
}

TEST(OpenAiRequest, what_is_not_given_is_as_the_api_has_it) {
  const ApiRequest r = chat("");
  ASSERT_EQ(r.asks.size(), 1u);
  EXPECT_EQ(r.asks[0].sampler.temperature, 1.0f);
  EXPECT_EQ(r.asks[0].sampler.top_p, 1.0f);
  EXPECT_EQ(r.asks[0].sampler.seed, 99u);  // the fresh one
  EXPECT_FALSE(r.seed_given || r.stream || r.log_probs);
  EXPECT_FALSE(r.max_tokens);
  EXPECT_EQ(r.asks[0].max_tokens, 0u);
  const ApiRequest c = accepted(Api::completions, R"({"model":"m","prompt":"x"})");
  EXPECT_EQ(c.asks[0].max_tokens, 16u);
  EXPECT_EQ(c.max_tokens, 16u);
}

TEST(OpenAiRequest, roles_and_parts_are_what_a_template_reads) {
  const ApiRequest r = accepted(
      Api::chat,
      R"({"model":"m","messages":[{"role":"developer","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"user","content":"q\u0001\"é"},{"role":"assistant","content":"r","refusal":null}]})");
  EXPECT_EQ(json::parse(r.asks[0].messages_json),
            json::parse(R"([{"role":"system","content":"a\nb"},{"role":"user","content":"q\u0001\"é"},
                           {"role":"assistant","content":"r"}])"));
}

TEST(OpenAiRequest, a_schema_is_compiled_in_the_order_it_was_written) {
  const ApiRequest r = chat(
      R"(,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":
      {"z":{"type":"integer"},"a":{"type":"integer"}},"required":["z","a"],"additionalProperties":false}}})");
  const backend::Ask& a = r.asks[0];
  ASSERT_TRUE(a.grammar);
  EXPECT_TRUE(a.grammar->accepts(R"({"z":1,"a":2})"));
  EXPECT_FALSE(a.grammar->accepts(R"({"a":1,"z":2})"));
  EXPECT_LT(a.schema.find("\"z\""), a.schema.find("\"a\""));
  EXPECT_EQ(json::parse(a.response_format_json)["json_schema"]["name"], "x");
  const ApiRequest any = chat(R"(,"response_format":{"type":"json_object"})");
  EXPECT_TRUE(any.asks[0].grammar->accepts(R"({"anything":[1]})"));
  EXPECT_EQ(any.asks[0].schema, "");
  EXPECT_FALSE(chat(R"(,"response_format":{"type":"text"})").asks[0].grammar);
}

TEST(OpenAiRequest, a_prompt_is_text_texts_ids_or_lists_of_ids) {
  const auto asks = [](const std::string& prompt) {
    return accepted(Api::completions,
                    R"({"model":"m","n":2,"logprobs":2,"echo":true,"prompt":)" + prompt + "}")
        .asks;
  };
  EXPECT_EQ(asks(R"("a")")[1].prompt, "a");
  const auto texts = asks(R"(["a","b"])");
  ASSERT_EQ(texts.size(), 4u);
  EXPECT_EQ(texts[2].prompt, "b");
  EXPECT_EQ(texts[3].sampler.sample_index, 1u);
  EXPECT_TRUE(texts[0].echo_prompt_log_probs);
  EXPECT_EQ(asks("[5,6]")[0].tokens, (std::vector<text::Token>{5, 6}));
  EXPECT_EQ(asks("[[5],[6,7]]")[2].tokens, (std::vector<text::Token>{6, 7}));
}

TEST(OpenAiRequest, bodies_that_are_no_json_object_are_refused_with_a_code_of_their_own) {
  const std::string deep = std::string(5000, '[') + std::string(5000, ']');
  std::string wide = R"({"logit_bias":{)";
  for (int i = 0; i < 30'000; ++i) wide += (i ? ",\"" : "\"") + std::to_string(i) + "\":1";
  wide += "}}";
  const std::pair<std::string, const char*> cases[] = {
      {"", "invalid_json"},
      {"{", "invalid_json"},
      {"{\"model\":\"\xFF\"}", "invalid_json"},
      {R"({"model":"\ud800"})", "invalid_json"},
      {R"({"model":"m","model":"n"})", "duplicate_key"},
      {R"({"metadata":{"a":{"b":1,"b":2}}})", "duplicate_key"},
      {deep, "json_too_deep"},
      {R"({"model":)" + deep + "}", "json_too_deep"},
      {wide, "json_too_large"},
      {"[]", "invalid_type"},
      {"null", "invalid_type"},
      {"\"x\"", "invalid_type"}};
  for (const auto& [body, code] : cases) EXPECT_EQ(refused(Api::chat, body).code, code) << body.substr(0, 80);
  EXPECT_EQ(refused(Api::chat, R"({"metadata":{"a":{"b":1,"b":2}}})").param, "metadata.a.b");
}

TEST(OpenAiRequest, an_unknown_field_is_refused_with_the_nearest_known_one) {
  const ApiError e = refused(Api::chat, R"({"max_token":5})");
  EXPECT_EQ(e.code, "unknown_parameter");
  EXPECT_NE(e.message.find("did you mean max_tokens?"), std::string::npos) << e.message;
}

}  // namespace
}  // namespace bw::serve
