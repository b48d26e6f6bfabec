#include "backend/output_text.h"

#include <utility>

namespace bw::backend {

TokenText token_text(const text::Tokenizer& tokenizer, const engine::LogProbs& log_probs) {
  TokenText out;
  out.token = log_probs.chosen.token;
  out.text = tokenizer.piece(out.token);
  out.log_prob = log_probs.chosen.log_probability;
  for (const engine::TokenLogProb& t : log_probs.top)
    out.top.push_back({tokenizer.piece(t.token), t.log_probability, t.token});
  return out;
}

OutputText::OutputText(const text::Tokenizer& tokenizer, text::Token before, engine::StopStrings stops,
                       bool tells_tokens)
    : tokenizer_(tokenizer),
      characters_(tokenizer, before),
      stops_(std::move(stops)),
      tells_tokens_(tells_tokens) {}

OutputText::Shown OutputText::push(text::Token token, const engine::LogProbs* log_probs) {
  const size_t begin = n_read_ + characters_.n_held();
  const std::string text = characters_.push(token);
  n_read_ += text.size();
  if (tells_tokens_ && log_probs)
    waiting_.push_back({token_text(tokenizer_, *log_probs), begin, n_read_ + characters_.n_held()});
  return show(stops_.push(text));
}

OutputText::Shown OutputText::finish() {
  if (stopped()) return {};
  const std::string text = characters_.finish();
  n_read_ += text.size();
  std::string shown = stops_.push(text);
  if (!stopped()) shown += stops_.finish();
  return show(std::move(shown));
}

OutputText::Shown OutputText::show(std::string text) {
  n_shown_ += text.size();
  Shown out{std::move(text), {}};
  while (!waiting_.empty()) {
    const Waiting& next = waiting_.front();
    // A token that a stop string cuts counts if a byte of it is shown.
    if (stopped() ? next.begin >= n_shown_ : next.end > n_shown_) break;
    out.tokens.push_back(std::move(waiting_.front().token));
    waiting_.pop_front();
  }
  if (stopped()) waiting_.clear();
  return out;
}

}  // namespace bw::backend
