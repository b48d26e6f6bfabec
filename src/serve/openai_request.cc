// Request bodies to Asks: the tables of fields, and what is the same in chats and completions. See openai.h.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/strict_json.h"
#include "serve/openai_messages.h"

namespace bw::serve {
namespace {
using Use = Field::Use;

constexpr std::string_view no_tools = "tools are not supported; response_format constrains an answer";
constexpr std::string_view text_only = "text only";

constexpr Field kChat[] = {
    {"messages"},
    {"model"},
    {"max_tokens"},
    {"max_completion_tokens"},
    {"temperature"},
    {"top_p"},
    {"n"},
    {"seed"},
    {"stop"},
    {"stream"},
    {"stream_options"},
    {"frequency_penalty"},
    {"presence_penalty"},
    {"logit_bias"},
    {"logprobs"},
    {"top_logprobs"},
    {"response_format"},
    {"metadata"},
    {"store"},
    {"service_tier"},
    {"modalities"},
    {"verbosity"},
    {"user", Use::ignored_text},
    {"safety_identifier", Use::ignored_text},
    {"prompt_cache_key", Use::ignored_text},
    {"prompt_cache_retention", Use::ignored_text},
    {"prompt_cache_options", Use::ignored},
    {"reasoning_effort", Use::refused, "no deployment here takes an effort"},
    {"web_search_options", Use::refused, "nothing is searched for"},
    {"audio", Use::refused, text_only},
    {"moderation", Use::refused, "nothing is moderated; a contract's checks are declared by its owner"},
    {"prediction", Use::refused, "predicted outputs are not used"},
    {"tools", Use::refused, no_tools},
    {"tool_choice", Use::refused, no_tools},
    {"parallel_tool_calls", Use::refused, no_tools},
    {"function_call", Use::refused, no_tools},
    {"functions", Use::refused, no_tools},
};

constexpr Field kCompletion[] = {
    {"model"},
    {"prompt"},
    {"best_of"},
    {"echo"},
    {"max_tokens"},
    {"temperature"},
    {"top_p"},
    {"n"},
    {"seed"},
    {"stop"},
    {"stream"},
    {"stream_options"},
    {"frequency_penalty"},
    {"presence_penalty"},
    {"logit_bias"},
    {"logprobs"},
    {"user", Use::ignored_text},
    {"suffix", Use::refused, "no text is filled in between two others"},
};

constexpr Field kStreamOptions[] = {{"include_usage"}, {"include_obfuscation"}};
constexpr int64_t kMostTokens = INT32_MAX;

void read_sampler(Reader& r, const Json& j, engine::SamplerOptions& s) {
  s.temperature = float(r.number(j, "", "temperature", 0, 2).value_or(1));
  s.top_p = float(r.number(j, "", "top_p", 0, 1).value_or(1));
  s.frequency_penalty = float(r.number(j, "", "frequency_penalty", -2, 2).value_or(0));
  s.presence_penalty = float(r.number(j, "", "presence_penalty", -2, 2).value_or(0));
  const Json& bias = member(j, "logit_bias");
  if (bias.is_null()) return;
  if (!bias.is_object()) {
    r.wrong_type(bias, "logit_bias", "an object");
    return;
  }
  for (const auto& [key, value] : bias.items()) {
    const std::string param = "logit_bias." + key;
    engine::LogitBias b;
    const auto id = std::from_chars(key.data(), key.data() + key.size(), b.token);
    if (id.ec != std::errc{} || id.ptr != key.data() + key.size() || b.token < 0 ||
        std::to_string(b.token) != key) {
      r.fail("invalid_value", param, param + ": expected a token id as key");
      return;
    }
    const auto v = r.integer(value, param, -100, 100);
    if (!v) return;
    b.bias = float(*v);
    s.bias.push_back(b);
  }
}

std::vector<std::string> read_stop(Reader& r, const Json& stop, const ApiLimits& limits) {
  std::vector<std::string> out;
  if (stop.is_null()) return out;
  if (stop.is_string()) {
    out.push_back(stop.get<std::string>());
  } else if (stop.is_array()) {
    if (stop.empty() || stop.size() > 4)
      r.fail("invalid_value", "stop", fmt::format("stop: expected 1 to 4 strings, found {}", stop.size()));
    for (const Json& s : stop) {
      if (!s.is_string()) r.wrong_type(s, "stop", "strings");
      if (r.error) return {};
      out.push_back(s.get<std::string>());
    }
  } else {
    r.wrong_type(stop, "stop", "a string or an array of strings");
  }
  for (const std::string& s : out)
    if (s.empty() || s.size() > limits.max_stop_bytes)
      r.fail(
          "invalid_value", "stop",
          fmt::format("stop: expected strings of 1 to {} bytes, found {}", limits.max_stop_bytes, s.size()));
  return out;
}

void read_stream(Reader& r, const Json& j, ApiRequest& out) {
  out.stream = r.boolean(j, "", "stream").value_or(false);
  const Json& options = member(j, "stream_options");
  if (options.is_null() || r.error) return;
  if (!options.is_object()) {
    r.wrong_type(options, "stream_options", "an object");
    return;
  }
  if (!out.stream) {
    r.fail("invalid_value", "stream_options", "stream_options: only where stream is true");
    return;
  }
  if (!r.check_fields(options, "stream_options", kStreamOptions)) return;
  out.include_usage = r.boolean(options, "stream_options", "include_usage").value_or(false);
  if (r.boolean(options, "stream_options", "include_obfuscation").value_or(false))
    r.unsupported("stream_options.include_obfuscation", "events are never padded");
}

// Accepted in the one sense that holds here anyway.
void read_indifferent(Reader& r, const Json& j) {
  if (r.boolean(j, "", "store").value_or(false))
    r.unsupported("store", "answers are not stored for later use; the contract says what the log keeps");
  const auto one_of = [&](const char* key, std::initializer_list<std::string_view> accepted,
                          std::string_view why) {
    const auto v = r.text(j, "", key);
    if (v && std::find(accepted.begin(), accepted.end(), *v) == accepted.end()) r.unsupported(key, why);
  };
  one_of("service_tier", {"auto", "default"}, "there is one tier (auto, default)");
  one_of("verbosity", {"medium"}, "no deployment here takes one (medium)");
  if (const Json& m = member(j, "modalities"); !m.is_null() && m != Json::array({"text"}))
    r.unsupported("modalities", "text only");
  const Json& metadata = member(j, "metadata");
  if (metadata.is_null()) return;
  if (!metadata.is_object()) {
    r.wrong_type(metadata, "metadata", "an object");
    return;
  }
  if (metadata.size() > 16) r.fail("invalid_value", "metadata", "metadata: expected at most 16 keys");
  for (const auto& [key, value] : metadata.items()) {
    if (!value.is_string())
      r.wrong_type(value, "metadata." + key, "a string");
    else if (key.size() > 64 || value.get_ref<const std::string&>().size() > 512)
      r.fail("invalid_value", "metadata." + key,
             "metadata: expected keys of at most 64 and values of at most 512 bytes");
  }
}

std::vector<backend::Ask> read_chat(Reader& r, const Json& j, ApiRequest& out) {
  std::vector<backend::Ask> asks(1);
  asks[0].messages_json = read_messages(r, member(j, "messages"));
  if (r.error) return {};
  const auto old = r.integer(j, "", "max_tokens", 1, kMostTokens);
  const auto now = r.integer(j, "", "max_completion_tokens", 1, kMostTokens);
  if (old && now && *old != *now)
    r.fail("invalid_value", "max_tokens", "max_tokens and max_completion_tokens: the same limit, found two");
  if (old || now) out.max_tokens = uint32_t(now ? *now : *old);
  out.log_probs = r.boolean(j, "", "logprobs").value_or(false);
  const auto top = r.integer(j, "", "top_logprobs", 0, engine::max_top_log_probs);
  if (top && !out.log_probs)
    r.fail("invalid_value", "top_logprobs", "top_logprobs: only where logprobs is true");
  asks[0].top_log_probs = uint32_t(top.value_or(0));
  read_indifferent(r, j);
  if (!r.error) read_response_format(r, member(j, "response_format"), asks[0]);
  return asks;
}

std::vector<backend::Ask> read_completion(Reader& r, const Json& j, ApiRequest& out) {
  constexpr uint32_t default_tokens = 16;  // of the API
  std::vector<backend::Ask> asks = read_prompts(r, member(j, "prompt"));
  out.max_tokens = uint32_t(r.integer(j, "", "max_tokens", 0, kMostTokens).value_or(default_tokens));
  out.echo = r.boolean(j, "", "echo").value_or(false);
  const auto top = r.integer(j, "", "logprobs", 0, 5);
  out.log_probs = top.has_value();
  const auto best_of = r.integer(j, "", "best_of", 0, 20);
  if (best_of && *best_of != r.integer(j, "", "n", 1, 128).value_or(1))
    r.unsupported("best_of", "answers are not chosen among; ask for n of them");
  if (out.echo && member(j, "stream") == true && (out.log_probs || (!asks.empty() && asks[0].tokens)))
    r.unsupported("echo", "with stream, of a text prompt without logprobs only");
  for (backend::Ask& a : asks) {
    a.top_log_probs = uint32_t(top.value_or(0));
    a.echo_prompt_log_probs = out.echo && out.log_probs;
  }
  return asks;
}

void multiply(std::vector<backend::Ask> prompts, ApiRequest& out) {
  for (backend::Ask& p : prompts)
    for (uint32_t i = 0; i < out.n; ++i) {
      backend::Ask a = p;
      a.sampler.sample_index = i;
      out.asks.push_back(std::move(a));
    }
}

void read(Reader& r, const Json& j, uint64_t fresh_seed, const ApiLimits& limits, ApiRequest& out) {
  const bool chat = out.api == Api::chat;
  if (!r.check_fields(j, "", chat ? std::span<const Field>(kChat) : std::span<const Field>(kCompletion)))
    return;
  const auto model = r.text(j, "", "model");
  if (!model || model->empty()) {
    r.fail("missing_required_parameter", "model", "model: required");
    return;
  }
  out.model = *model;
  out.n = uint32_t(r.integer(j, "", "n", 1, 128).value_or(1));
  const auto seed = r.integer(j, "", "seed", INT64_MIN, INT64_MAX);
  out.seed_given = seed.has_value();
  out.seed = seed ? uint64_t(*seed) : fresh_seed;
  engine::SamplerOptions sampler;
  read_sampler(r, j, sampler);
  sampler.seed = out.seed;
  const std::vector<std::string> stop = read_stop(r, member(j, "stop"), limits);
  read_stream(r, j, out);
  std::vector<backend::Ask> prompts = chat ? read_chat(r, j, out) : read_completion(r, j, out);
  if (r.error) return;
  if (prompts.size() * out.n > limits.max_choices) {
    r.fail("invalid_value", "n",
           fmt::format("n: {} answers to {} prompt{}: at most {} at once", out.n, prompts.size(),
                       prompts.size() == 1 ? "" : "s", limits.max_choices));
    return;
  }
  for (backend::Ask& a : prompts) {
    a.sampler = sampler;
    a.stop = stop;
    a.max_tokens = out.max_tokens.value_or(0);
    a.log_probs = out.log_probs;
  }
  multiply(std::move(prompts), out);
}

std::string_view code_of(JsonFault::What what) {
  switch (what) {
    case JsonFault::What::too_deep:
      return "json_too_deep";
    case JsonFault::What::too_many_members:
      return "json_too_large";
    case JsonFault::What::duplicate_key:
      return "duplicate_key";
    default:
      return "invalid_json";
  }
}

}  // namespace

Parsed parse_request(Api api, std::string_view body, uint64_t fresh_seed, const ApiLimits& limits) {
  JsonLimits json;
  json.max_depth = limits.max_depth;
  json.max_members = limits.max_members;
  if (const auto fault = check_json(body, json))
    return ApiError{400, std::string(code_of(fault->what)), "the body is " + fault->message, fault->where};
  const Json j = Json::parse(body, nullptr, false);
  Reader r;
  ApiRequest out;
  out.api = api;
  if (j.is_object())
    read(r, j, fresh_seed, limits, out);
  else
    r.fail("invalid_type", "", fmt::format("the body: expected an object, found {}", j.type_name()));
  if (r.error) return std::move(*r.error);
  return out;
}

}  // namespace bw::serve
