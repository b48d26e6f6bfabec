// An answer as server-sent events: `data: {...}` and an empty line each. See openai.h.
#include <utility>

#include "serve/openai_render.h"

namespace bw::serve {
namespace {
using backend::Reply;
using backend::TokenText;

std::string sent(const std::string& data) {
  return "data: " + data + "\n\n";
}

Json frame(const ApiRequest& request, const Head& head) {
  Json j{{"id", head.id},
         {"object", request.api == Api::chat ? "chat.completion.chunk" : "text_completion"},
         {"created", head.created},
         {"model", head.model},
         {"system_fingerprint", head.fingerprint},
         {"choices", Json::array()}};
  if (request.include_usage) j["usage"] = nullptr;
  return j;
}

// `tokens`: null where none are told.
std::string piece(const ApiRequest& request, const Head& head, size_t choice, std::string_view text,
                  std::span<const TokenText* const> tokens, uint64_t& offset) {
  Json log_probs;
  const bool chat = request.api == Api::chat;
  if (!tokens.empty() && chat) log_probs = chat_log_probs(tokens);
  if (!tokens.empty() && !chat) log_probs = completion_log_probs(tokens, offset, false);
  if (tokens.empty()) offset += n_characters(text);
  Json j = frame(request, head);
  if (chat)
    j["choices"].push_back({{"index", choice},
                            {"delta", {{"content", text}}},
                            {"logprobs", std::move(log_probs)},
                            {"finish_reason", nullptr}});
  else
    j["choices"].push_back(
        {{"text", text}, {"index", choice}, {"logprobs", std::move(log_probs)}, {"finish_reason", nullptr}});
  return sent(dump(j));
}

}  // namespace

EventWriter::EventWriter(const ApiRequest& request, Head head)
    : request_(request), head_(std::move(head)), offset_(request.asks.size(), 0) {}

std::string EventWriter::begin(size_t choice) {
  if (request_.api == Api::completions) {
    const std::string& prompt = request_.asks[choice].prompt;
    return request_.echo && !prompt.empty() ? piece(request_, head_, choice, prompt, {}, offset_[choice])
                                            : "";
  }
  Json j = frame(request_, head_);
  j["choices"].push_back({{"index", choice},
                          {"delta", {{"role", "assistant"}, {"content", ""}}},
                          {"logprobs", nullptr},
                          {"finish_reason", nullptr}});
  return sent(dump(j));
}

std::string EventWriter::text(size_t choice, std::string_view text, const TokenText* token) {
  const bool tells = token && request_.log_probs;
  if (text.empty() && !tells) return {};
  return piece(request_, head_, choice, text, std::span(&token, tells ? 1 : 0), offset_[choice]);
}

std::string EventWriter::end(size_t choice, const Reply& reply, std::string_view receipt) {
  n_output_ += reply.n_output;
  if (choice % request_.n == 0) {
    n_prompt_ += reply.n_prompt;
    n_reused_ += reply.n_reused;
  }
  Json j = frame(request_, head_);
  if (request_.api == Api::chat)
    j["choices"].push_back({{"index", choice},
                            {"delta", Json::object()},
                            {"logprobs", nullptr},
                            {"finish_reason", finish_reason(reply.finish)}});
  else
    j["choices"].push_back({{"text", ""},
                            {"index", choice},
                            {"logprobs", nullptr},
                            {"finish_reason", finish_reason(reply.finish)}});
  add_receipt(j, receipt);
  return sent(dump(j));
}

std::string EventWriter::all(size_t choice, const Reply& reply, std::string_view receipt) {
  std::string out = begin(choice);
  std::vector<const TokenText*> tokens;
  if (request_.log_probs)
    for (const TokenText& t : reply.log_probs) tokens.push_back(&t);
  if (!reply.text.empty() || !tokens.empty())
    out += piece(request_, head_, choice, reply.text, tokens, offset_[choice]);
  return out + end(choice, reply, receipt);
}

std::string EventWriter::finish() {
  std::string out;
  if (request_.include_usage) {
    Json j = frame(request_, head_);
    j["usage"] = usage(n_prompt_, n_output_, n_reused_);
    out = sent(dump(j));
  }
  return out + sent("[DONE]");
}

std::string EventWriter::error(const ApiError& e) {
  return sent(error_json(e));
}

}  // namespace bw::serve
