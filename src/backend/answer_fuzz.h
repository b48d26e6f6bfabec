// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/answer: what an
// endpoint may send, after a byte whose bits say how: 1 a chat, 2 log-probabilities, 4 not streamed; the rest
// how it is cut. Out: true where it is a whole answer; a trap or a sanitizer's report is the finding. However
// it is cut, it means the same.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>

#include "backend/exchange.h"
#include "backend/sse.h"
#include "text/utf8.h"

namespace bw::backend::testing {

struct Heard {
  bool whole = false;
  std::string text, shown, error;
  size_t n_told = 0;
};

inline Heard hear(std::string_view bytes, int how, size_t cut) {
  AnswerReader reader(how & 1, how & 2);
  Heard h;
  const auto on_text = [&](std::string_view text, const TokenText* t) {
    h.shown += text;
    h.n_told += t != nullptr;
  };
  if (how & 4) {
    reader.whole(bytes, on_text);
  } else {
    SseReader sse(1 << 12);
    const auto event = [&](std::string_view data) { return reader.event(data, on_text); };
    bool more = true;
    for (size_t at = 0; more && at < bytes.size(); at += cut) more = sse.push(bytes.substr(at, cut), event);
    if (more) sse.finish(event);
  }
  Ended ended = reader.end();
  if (auto* r = std::get_if<Reply>(&ended)) {
    h.whole = true;
    h.text = std::move(r->text);
  } else {
    h.error = std::get<Failure>(ended).error.what;
  }
  return h;
}

inline bool answer_one(std::string_view input) {
  if (input.empty()) return false;
  const int how = static_cast<unsigned char>(input[0]);
  input.remove_prefix(1);
  const Heard a = hear(input, how, input.size() + 1), b = hear(input, how, 1 + size_t(how >> 3));
  if (a.whole != b.whole || a.text != b.text || a.shown != b.shown || a.error != b.error ||
      a.n_told != b.n_told)
    __builtin_trap();
  if (a.whole && a.text != a.shown) __builtin_trap();
  if (!a.whole && (a.error.empty() || a.error.size() > 600)) __builtin_trap();
  const Failure f = refusal(200 + how * 2, input, 3);
  if (f.error.what.empty() || f.error.what.size() > 600) __builtin_trap();
  const std::string said = a.error + f.error.what;
  if (text::find_invalid_utf8(said) != std::string::npos) __builtin_trap();
  for (const char c : said)
    if (static_cast<unsigned char>(c) < 0x20) __builtin_trap();
  return a.whole;
}

}  // namespace bw::backend::testing
