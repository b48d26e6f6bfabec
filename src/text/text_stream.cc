#include "text/text_stream.h"

#include <algorithm>

#include "text/utf8.h"

namespace bw::text {
namespace {

// Whether `tail` (1 to 3 bytes) is the beginning of a well-formed sequence that more bytes would complete.
bool begins_character(std::string_view tail) {
  std::string longer(tail);
  // Of the bytes that may follow, 0x90 fits every lead but those that need one below or above it.
  for (const char next : {'\x90', '\x80', '\xA0'}) {
    longer.resize(tail.size());
    longer += next;
    while (longer.size() < 4) longer += '\x80';
    if (const CodePoint c = code_point(longer, 0); c.valid && c.n_bytes > tail.size()) return true;
  }
  return false;
}

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer, Token before, bool with_special)
    : tokenizer_(tokenizer), before_(before), with_special_(with_special) {}

std::string TextStream::push(Token token) {
  std::string piece = tokenizer_.piece(token, with_special_);
  const TokenKind kind = tokenizer_.kind(token);
  const bool text = kind == TokenKind::normal || kind == TokenKind::unused;
  if (text && piece.starts_with(' ') && tokenizer_.space_follows(before_)) piece.erase(0, 1);
  before_ = token;
  std::string all = std::move(kept_) + piece;
  kept_.clear();
  for (size_t n = std::min<size_t>(3, all.size()); n > 0; --n)
    if (begins_character(std::string_view(all).substr(all.size() - n))) {
      kept_ = all.substr(all.size() - n);
      all.resize(all.size() - n);
      break;
    }
  return all;
}

std::string TextStream::finish() {
  return std::exchange(kept_, {});
}

}  // namespace bw::text
