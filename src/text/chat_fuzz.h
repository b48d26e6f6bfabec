// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/chat: a template,
// and after a zero byte a JSON context if there is one. Out: true where it rendered; a trap or a sanitizer's
// report is the finding. The default context is written in letters of the private use area, which a template
// without them cannot make, so that a caller's byte that came out trusted is seen.
#pragma once
#include <string>
#include <string_view>

#include "text/chat.h"

namespace bw::text::testing {

inline bool chat_one(std::string_view input) {
  const size_t zero = input.find('\0');
  const std::string source(input.substr(0, zero));
  const bool own = zero != std::string_view::npos;
  const std::string context =
      own ? std::string(input.substr(zero + 1))
          : R"({"m": "\ue001\ue002 \ue003", "messages": [{"role": "user", "content": " \ue004\n\ue005"},
                {"role": "assistant", "content": "\ue006", "tool_calls": [{"function": {"name": "\ue007", "arguments":
                {"\ue008": ["\ue009", 1, 2.5, null, true]}}}]}, {"role": "\ue00a", "content": ""}],
                "d": {"\ue00b": "\ue00c", "items": 3}, "l": [3, 1, 2], "n": 7, "add_generation_prompt": true,
                "bos_token": "<s>", "eos_token": "</s>"})";
  auto t = ChatTemplate::parse(source);
  if (!t) return false;
  RenderLimits limits;
  limits.max_steps = 20'000;
  limits.max_output = 64 << 10;
  limits.max_depth = 16;
  const auto out = t->render_json(context, limits);
  if (!out) return false;
  const bool makes_private = source.find("\xEE") != std::string::npos ||
                             source.find("\\u") != std::string::npos ||
                             source.find("\\U") != std::string::npos;
  size_t n = 0;
  bool last = false, first = true;
  for (const Segment& s : *out) {
    n += s.text.size();
    if (s.text.empty() || (!first && s.trusted == last)) __builtin_trap();  // segments alternate
    last = s.trusted;
    first = false;
    if (!own && !makes_private && s.trusted && s.text.find("\xEE\x80") != std::string::npos) __builtin_trap();
  }
  if (n > limits.max_output) __builtin_trap();
  return true;
}

}  // namespace bw::text::testing
