// Whole answers, and the parts they share with events.
#include "serve/openai_render.h"

#include <fmt/format.h>

#include "text/utf8.h"

namespace bw::serve {
namespace {
using backend::Reply;
using backend::TokenText;

Json bytes_of(std::string_view text) {
  Json out = Json::array();
  for (const char c : text) out.push_back(static_cast<unsigned char>(c));
  return out;
}

std::vector<const TokenText*> pointers(std::span<const TokenText> tokens) {
  std::vector<const TokenText*> out;
  for (const TokenText& t : tokens) out.push_back(&t);
  return out;
}

Json chat_choice(const ApiRequest& request, size_t index, const Reply& r) {
  return {{"index", index},
          {"message", {{"role", "assistant"}, {"content", r.text}, {"refusal", nullptr}}},
          {"logprobs", request.log_probs ? chat_log_probs(pointers(r.log_probs)) : Json()},
          {"finish_reason", finish_reason(r.finish)}};
}

Json completion_choice(const ApiRequest& request, size_t index, const Reply& r) {
  std::string text = r.text;
  Json log_probs;
  std::vector<const TokenText*> tokens;
  if (request.echo) {
    const backend::Ask& ask = request.asks[index];
    text = (ask.tokens ? r.prompt_text : ask.prompt) + text;
    tokens = pointers(r.prompt_log_probs);
  }
  if (request.log_probs) {
    const bool first_is_unknown = !tokens.empty();
    for (const TokenText& t : r.log_probs) tokens.push_back(&t);
    uint64_t offset = 0;
    log_probs = completion_log_probs(tokens, offset, first_is_unknown);
  }
  return {
      {"text", text}, {"index", index}, {"logprobs", log_probs}, {"finish_reason", finish_reason(r.finish)}};
}

}  // namespace

std::string dump(const Json& j) {
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

uint64_t n_characters(std::string_view text) {
  uint64_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

std::string token_name(std::string_view bytes) {
  std::string out;
  for (size_t at = 0; at < bytes.size();) {
    const text::CodePoint c = text::code_point(bytes, at);
    if (c.valid)
      out += bytes.substr(at, c.n_bytes);
    else
      for (size_t i = 0; i < c.n_bytes; ++i)
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[at + i]));
    at += c.n_bytes;
  }
  return out;
}

Json chat_log_probs(std::span<const TokenText* const> tokens) {
  Json content = Json::array();
  for (const TokenText* t : tokens) {
    Json top = Json::array();
    for (const TokenText::Other& o : t->top)
      top.push_back({{"token", token_name(o.text)}, {"logprob", o.log_prob}, {"bytes", bytes_of(o.text)}});
    content.push_back({{"token", token_name(t->text)},
                       {"logprob", t->log_prob},
                       {"bytes", bytes_of(t->text)},
                       {"top_logprobs", std::move(top)}});
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

Json completion_log_probs(std::span<const TokenText* const> tokens, uint64_t& offset, bool first_is_unknown) {
  Json texts = Json::array(), values = Json::array(), tops = Json::array(), offsets = Json::array();
  for (size_t i = 0; i < tokens.size(); ++i) {
    const TokenText& t = *tokens[i];
    const bool unknown = i == 0 && first_is_unknown;
    texts.push_back(token_name(t.text));
    values.push_back(unknown ? Json() : Json(t.log_prob));
    Json top = Json::object();
    for (const TokenText::Other& o : t.top) top[token_name(o.text)] = o.log_prob;
    if (!unknown) top[token_name(t.text)] = t.log_prob;
    tops.push_back(unknown ? Json() : std::move(top));
    offsets.push_back(offset);
    offset += n_characters(t.text);
  }
  return {{"tokens", std::move(texts)},
          {"token_logprobs", std::move(values)},
          {"top_logprobs", std::move(tops)},
          {"text_offset", std::move(offsets)}};
}

const char* finish_reason(Reply::Finish finish) {
  return finish == Reply::Finish::stop ? "stop" : "length";
}

Json usage(uint64_t n_prompt, uint64_t n_output, uint64_t n_reused) {
  return {{"prompt_tokens", n_prompt},
          {"completion_tokens", n_output},
          {"total_tokens", n_prompt + n_output},
          {"prompt_tokens_details", {{"cached_tokens", n_reused}}}};
}

void add_receipt(Json& j, std::string_view receipt) {
  if (receipt.empty()) return;
  Json r = Json::parse(receipt, nullptr, false);
  if (!r.is_discarded()) j["bitworth"] = std::move(r);
}

std::string answer_json(const ApiRequest& request, const Head& head, std::span<const Reply> replies,
                        std::string_view receipt) {
  const bool chat = request.api == Api::chat;
  Json choices = Json::array();
  uint64_t n_prompt = 0, n_output = 0, n_reused = 0;
  for (size_t i = 0; i < replies.size(); ++i) {
    choices.push_back(chat ? chat_choice(request, i, replies[i]) : completion_choice(request, i, replies[i]));
    n_output += replies[i].n_output;
    if (i % request.n != 0) continue;  // n answers to one prompt
    n_prompt += replies[i].n_prompt;
    n_reused += replies[i].n_reused;
  }
  Json j{{"id", head.id},
         {"object", chat ? "chat.completion" : "text_completion"},
         {"created", head.created},
         {"model", head.model},
         {"system_fingerprint", head.fingerprint},
         {"choices", std::move(choices)},
         {"usage", usage(n_prompt, n_output, n_reused)}};
  add_receipt(j, receipt);
  return dump(j);
}

namespace {
Json model_entry(const ModelEntry& m) {
  return {{"id", m.id}, {"object", "model"}, {"created", m.created}, {"owned_by", m.owned_by}};
}
}  // namespace

std::string models_json(std::span<const ModelEntry> models) {
  Json data = Json::array();
  for (const ModelEntry& m : models) data.push_back(model_entry(m));
  return dump({{"object", "list"}, {"data", std::move(data)}});
}
std::string model_json(const ModelEntry& model) {
  return dump(model_entry(model));
}

}  // namespace bw::serve
