#include "backend/prompts.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace bw::backend {
namespace {
using nlohmann::json;

std::string quoted(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}
}  // namespace

Prompts::Prompts(text::Tokenizer tokenizer, uint32_t n_vocab)
    : tokenizer_(std::move(tokenizer)), n_vocab_(n_vocab) {
  for (size_t id = 0; id < tokenizer_.size(); ++id)
    if (tokenizer_.ends_generation(text::Token(id))) ends_.push_back(text::Token(id));
  const text::Vocab& v = tokenizer_.vocab();
  if (v.chat_template.empty()) {
    no_template_ =
        unsupported("messages: the file carries no chat template, so it does not say how a chat is written",
                    "use a plain prompt (/v1/completions), or the instruction-tuned file of this model");
  } else if (auto parsed = text::ChatTemplate::parse(v.chat_template)) {
    template_ = *std::move(parsed);
  } else {
    no_template_ = unsupported("messages: the file's chat template: " + parsed.error().what,
                               "use a plain prompt (/v1/completions)");
  }
  const auto piece = [&](text::Token id) { return quoted(id >= 0 ? tokenizer_.piece(id) : std::string()); };
  context_end_ = fmt::format(R"(,"add_generation_prompt":true,"bos_token":{},"eos_token":{}}})", piece(v.bos),
                             piece(v.eos));
}

Result<std::vector<text::Token>> Prompts::tokens(const Ask& ask) const {
  const int n_given = !ask.messages_json.empty() + !ask.prompt.empty() + ask.tokens.has_value();
  if (n_given > 1)
    return bad_input("a request has messages, a prompt or token ids, found more than one of them");
  if (ask.tokens) {
    for (const text::Token t : *ask.tokens)
      if (t < 0 || uint32_t(t) >= n_vocab_)
        return bad_input(fmt::format("prompt: token {}: expected an id from 0 to {}", t, n_vocab_ - 1));
    return *ask.tokens;
  }
  if (!ask.messages_json.empty()) return chat(ask.messages_json);
  return tokenizer_.encode(ask.prompt, text::Tokenizer::Special::as_text, text::Tokenizer::Bos::as_declared);
}

Result<std::vector<text::Token>> Prompts::chat(const std::string& messages_json) const {
  if (!template_) return no_template_;
  // One whole array and nothing beside it, so that no text of a caller ends up as a key of the context.
  const size_t first = messages_json.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || messages_json[first] != '[' || !json::accept(messages_json))
    return bad_input("messages: expected a JSON array");
  BW_TRY(const std::vector<text::Segment> segments,
         template_->render_json("{\"messages\":" + messages_json + context_end_));
  return text::encode(tokenizer_, segments);
}

Status Prompts::check(const engine::SamplerOptions& sampler) const {
  BW_CHECK(engine::check(sampler));
  for (const engine::LogitBias& b : sampler.bias)
    if (uint32_t(b.token) >= n_vocab_)
      return bad_input(
          fmt::format("logit_bias: token {}: expected an id from 0 to {}", b.token, n_vocab_ - 1));
  return {};
}

}  // namespace bw::backend
