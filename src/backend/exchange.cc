#include "backend/exchange.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "base/strict_json.h"
#include "text/utf8.h"

namespace bw::backend {
namespace {
using nlohmann::json;

// Null where it is not JSON, or too deep to be anything we know.
json parsed(std::string_view text) {
  if (check_json(text)) return json();
  return json::parse(text, nullptr, false);
}

std::string text_of(const json& j, const char* key) {
  const auto at = j.find(key);
  return at != j.end() && at->is_string() ? at->get<std::string>() : std::string();
}
const json& member(const json& j, const char* key) {
  static const json nothing;
  if (!j.is_object()) return nothing;
  const auto at = j.find(key);
  return at == j.end() ? nothing : *at;
}

// The bytes of a token: exact where `bytes` tells them.
std::string bytes_of(const json& token) {
  const json& bytes = member(token, "bytes");
  if (!bytes.is_array()) return text_of(token, "token");
  std::string out;
  for (const json& b : bytes) {
    if (!b.is_number_integer() || b.get<int64_t>() < 0 || b.get<int64_t>() > 255)
      return text_of(token, "token");
    out += char(b.get<int64_t>());
  }
  return out;
}

// Log-probabilities of one piece in either form; false where there are none.
bool read_log_probs(const json& j, bool is_chat, std::vector<TokenText>& out) {
  if (is_chat) {
    const json& content = member(j, "content");
    if (!content.is_array()) return false;
    for (const json& t : content) {
      const json& p = member(t, "logprob");
      if (!p.is_number()) return false;
      TokenText token{-1, bytes_of(t), p.get<double>(), {}};
      const json& top = member(t, "top_logprobs");
      if (top.is_array())
        for (const json& o : top)
          if (const json& q = member(o, "logprob"); q.is_number())
            token.top.push_back({bytes_of(o), q.get<double>(), -1});
      out.push_back(std::move(token));
    }
    return true;
  }
  const json &tokens = member(j, "tokens"), &values = member(j, "token_logprobs"),
             &tops = member(j, "top_logprobs");
  if (!tokens.is_array() || !values.is_array() || tokens.size() != values.size()) return false;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!tokens[i].is_string() || !values[i].is_number()) return false;
    TokenText token{-1, tokens[i].get<std::string>(), values[i].get<double>(), {}};
    if (tops.is_array() && i < tops.size() && tops[i].is_object())
      for (const auto& [text, p] : tops[i].items())
        if (p.is_number()) token.top.push_back({text, p.get<double>(), -1});
    out.push_back(std::move(token));
  }
  return true;
}

Error cannot(const char* field, const char* why) {
  return bad_input(fmt::format("{}: {}", field, why), "leave it out, or ask a deployment of the own engine");
}

Status check_options(const Ask& ask) {
  const engine::SamplerOptions& s = ask.sampler;
  if (ask.tokens)
    return cannot("prompt", "token ids mean nothing to an endpoint, whose vocabulary is not known");
  if (!s.bias.empty()) return cannot("logit_bias", "token ids mean nothing to an endpoint");
  if (s.top_k != 0) return cannot("top_k", "OpenAI's interface has no such field");
  if (s.min_p != 0) return cannot("min_p", "OpenAI's interface has no such field");
  if (s.typical != 1) return cannot("typical", "OpenAI's interface has no such field");
  if (s.repeat_penalty != 1) return cannot("repeat_penalty", "OpenAI's interface has no such field");
  if (ask.echo_prompt_log_probs) return cannot("echo", "an endpoint is not asked for its prompt");
  if (ask.grammar && ask.response_format_json.empty())
    return cannot("response_format",
                  "an endpoint needs the format as it was asked for, not our grammar of it");
  if (ask.max_tokens == 0) return cannot("max_tokens", "an endpoint is asked for at least one token");
  return engine::check(s);
}

}  // namespace

Failure failure(Failure::Why why, std::string what, std::string next) {
  Failure f;
  f.why = why;
  f.error = failed(std::move(what), std::move(next));
  return f;
}

std::string quotable(std::string_view words) {
  constexpr size_t most = 300;
  std::string out;
  for (size_t at = 0; at < words.size();) {
    if (out.size() >= most) return out + "...";
    const text::CodePoint c = text::code_point(words, at);
    if (!c.valid)
      out += '?';
    else if (c.value < 0x20 || (c.value >= 0x7F && c.value < 0xA0))
      out += ' ';
    else
      out += words.substr(at, c.n_bytes);
    at += c.n_bytes;
  }
  return out;
}

Result<Spoken> speak(const Ask& ask, const std::string& model) {
  BW_CHECK(check_options(ask));
  Spoken s;
  s.is_chat = !ask.messages_json.empty();
  json j{{"model", model}, {"stream", true}, {"stream_options", {{"include_usage", true}}}};
  if (s.is_chat) {
    json messages = parsed(ask.messages_json);
    if (!messages.is_array()) return bad_input("messages: expected a JSON array");
    j["messages"] = std::move(messages);
  } else {
    j["prompt"] = ask.prompt;
  }
  j["max_tokens"] = ask.max_tokens;
  j["temperature"] = ask.sampler.temperature;
  j["top_p"] = ask.sampler.top_p;
  // Their seeds are signed, ours are not; n answers of one request differ by an index that they do not have.
  j["seed"] = int64_t((ask.sampler.seed + ask.sampler.sample_index) & 0x7FFFFFFFFFFFFFFF);
  if (ask.sampler.frequency_penalty != 0) j["frequency_penalty"] = ask.sampler.frequency_penalty;
  if (ask.sampler.presence_penalty != 0) j["presence_penalty"] = ask.sampler.presence_penalty;
  if (!ask.stop.empty()) j["stop"] = ask.stop;
  if (ask.log_probs || ask.mean_log_prob) {
    if (s.is_chat) {
      j["logprobs"] = true;
      j["top_logprobs"] = ask.top_log_probs;
    } else {
      j["logprobs"] = ask.top_log_probs;
    }
  }
  if (!ask.response_format_json.empty()) {
    json format = parsed(ask.response_format_json);
    if (!format.is_object()) return bad_input("response_format: expected a JSON object");
    j["response_format"] = std::move(format);
  }
  s.path = s.is_chat ? "/chat/completions" : "/completions";
  s.body = j.dump(-1, ' ', false, json::error_handler_t::replace);
  return s;
}

bool AnswerReader::fail(Failure::Why why, std::string what) {
  failure_ = failure(why, std::move(what));
  return false;
}

bool AnswerReader::event(std::string_view data, const OnText& on_text) {
  if (data == "[DONE]") {
    done_ = true;
    return false;
  }
  return whole(data, on_text);
}

bool AnswerReader::whole(std::string_view body, const OnText& on_text) {
  const json j = parsed(body);
  if (!j.is_object()) return fail(Failure::Why::failed, "sent what is not JSON: " + quotable(body));
  if (const json& error = member(j, "error"); !error.is_null()) {
    const std::string words = error.is_string() ? error.get<std::string>() : text_of(error, "message");
    return fail(Failure::Why::failed, "broke its answer off with an error: " + quotable(words));
  }
  if (const json& usage = member(j, "usage"); usage.is_object()) {
    const auto count = [](const json& n) {
      return n.is_number_unsigned() ? uint32_t(std::min<uint64_t>(n.get<uint64_t>(), UINT32_MAX)) : 0u;
    };
    reply_.n_prompt = count(member(usage, "prompt_tokens"));
    reply_.n_output = count(member(usage, "completion_tokens"));
    reply_.n_reused = count(member(member(usage, "prompt_tokens_details"), "cached_tokens"));
  }
  const json& choices = member(j, "choices");
  if (!choices.is_array())
    return fail(Failure::Why::failed, "sent an answer without choices: " + quotable(body));
  if (choices.empty()) return true;  // the one with the usage
  const json& choice = choices[0];
  const json& message =
      is_chat_ ? (choice.contains("delta") ? member(choice, "delta") : member(choice, "message")) : choice;
  if (!text_of(message, "refusal").empty())
    return fail(Failure::Why::failed, "refused to answer: " + quotable(text_of(message, "refusal")));
  if (member(message, "tool_calls").is_array() && !member(message, "tool_calls").empty())
    return fail(Failure::Why::failed, "called a tool, of which it was told none");
  const std::string text = text_of(message, is_chat_ ? "content" : "text");
  std::vector<TokenText> tokens;
  const bool has_log_probs = read_log_probs(member(choice, "logprobs"), is_chat_, tokens);
  if (!text.empty() && !has_log_probs) every_piece_has_log_probs_ = false;
  reply_.text += text;
  if (on_text && !text.empty() && (tokens.empty() || !log_probs_)) on_text(text, nullptr);
  for (size_t i = 0; i < tokens.size(); ++i) {
    sum_log_prob_ += tokens[i].log_prob;
    if (on_text && log_probs_) on_text(i == 0 ? std::string_view(text) : std::string_view(), &tokens[i]);
    reply_.log_probs.push_back(std::move(tokens[i]));
  }
  if (const json& finish = member(choice, "finish_reason"); finish.is_string()) {
    const std::string f = finish.get<std::string>();
    if (f == "stop")
      finish_ = Reply::Finish::stop;
    else if (f == "length")
      finish_ = Reply::Finish::length;
    else
      return fail(Failure::Why::failed, "ended its answer for a reason we have no use for: " + quotable(f));
  }
  return true;
}

Ended AnswerReader::end() {
  if (failure_) return std::move(*failure_);
  if (!finish_) return failure(Failure::Why::unavailable, "broke its answer off before the end");
  reply_.finish = *finish_;
  if (!reply_.log_probs.empty() && every_piece_has_log_probs_)
    reply_.mean_log_prob = sum_log_prob_ / double(reply_.log_probs.size());
  if (reply_.n_output == 0) reply_.n_output = uint32_t(reply_.log_probs.size());
  if (!log_probs_) reply_.log_probs.clear();
  return std::move(reply_);
}

Failure refusal(long status, std::string_view body, uint64_t retry_after_s) {
  const json j = parsed(body);
  const json& error = member(j, "error");
  std::string words = error.is_string() ? error.get<std::string>() : text_of(error, "message");
  if (words.empty()) words = std::string(body);
  const std::string code = text_of(error, "code"), type = text_of(error, "type");  // OpenAI's; llama-server's
  const std::string what = fmt::format("answered {}{}{}", status, words.empty() ? "" : ": ", quotable(words));
  Failure f = failure(Failure::Why::failed, what);
  if (status >= 300 && status < 400) {
    f.error = failed(
        fmt::format("answered {}, a redirection; it is not followed, as the key would go with it", status),
        "give the URL that answers by itself");
  } else if (status == 401 || status == 403) {
    f.error.next = "set the environment variable that holds the key of this deployment";
  } else if (status == 404) {
    f.error.next = "check the URL (up to and with /v1) and the name of the model";
  } else if (status == 413 || code == "context_length_exceeded" || type == "exceed_context_size_error") {
    f.why = Failure::Why::too_long;
    const auto count = [&](const char* key) {
      const json& n = member(error, key);
      return n.is_number_unsigned() ? n.get<uint64_t>() : 0;
    };
    f.n_prompt = count("n_prompt_tokens");
    f.n_context = count("n_ctx");
  } else if (status == 400 || status == 422) {
    f.why = Failure::Why::bad_request;
  } else if (status == 429) {
    f.why = Failure::Why::busy;
    f.retry_after_ms = std::max<uint64_t>(1, std::min<uint64_t>(retry_after_s, 86'400)) * 1000;
  } else if (status >= 500) {
    f.why = Failure::Why::unavailable;
  }
  return f;
}

}  // namespace bw::backend
