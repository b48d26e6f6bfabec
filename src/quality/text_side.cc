// A tokenizer and its chat template as the runs use them.
#include "quality/degradation.h"
#include "text/chat.h"

namespace bw::quality {

TextSide text_side(const text::Tokenizer& t) {
  TextSide s;
  s.prompt = [&t](const std::vector<text::Message>& m) { return text::chat_tokens(t, m, true); };
  s.decode = [&t](std::span<const text::Token> tokens, text::Token before) {
    return t.decode_text(tokens, false, before);
  };
  s.encode = [&t](std::string_view text) { return t.encode(text); };
  for (size_t i = 0; i < t.size(); ++i)
    if (t.ends_generation(text::Token(i))) s.stop.push_back(text::Token(i));
  s.digest = t.digest();
  return s;
}

}  // namespace bw::quality
