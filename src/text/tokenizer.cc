// Text to tokens and back: special tokens first, then the pre-tokenizer's pieces and their byte pairs, or
// SentencePiece's merging.
#include "text/tokenizer.h"

#include <algorithm>
#include <bit>

#include "base/hash.h"
#include "text/text_stream.h"
#include "text/tokenizer_state.h"
#include "text/utf8.h"

namespace bw::text {

void Tokenizer::State::plain(std::string_view text, std::vector<Token>& out) const {
  std::vector<Token> symbols;
  for (const std::string_view piece : pre->split(text)) {
    if (pre->whole_words())
      if (const auto found = by_text.find(to_byte_alphabet(piece));
          found != by_text.end() && !controls(kind(found->second))) {
        out.push_back(found->second);
        continue;
      }
    symbols.clear();
    for (const char b : piece) symbols.push_back(of_byte[static_cast<unsigned char>(b)]);
    merges.apply(symbols);
    for (const Token t : symbols)
      if (t >= 0) out.push_back(t);
  }
}

// `text` begins the whole or follows a special token, so this is where the space comes.
void Tokenizer::State::plain_spm(std::string_view text, std::vector<Token>& out) const {
  if (text.empty()) return;
  std::string written = to_spm_spaces(text);
  if (vocab.add_space_prefix) written.insert(0, spm_space);
  spm->encode(written, out);
}

std::vector<Token> Tokenizer::State::encode(std::string_view text,
                                            const std::function<bool(Token, size_t, size_t)>& meant) const {
  std::vector<Token> out;
  out.reserve(text.size() / 3 + 8);
  size_t done = 0;
  const auto fragment = [&](size_t end) {
    const std::string_view part = text.substr(done, end - done);
    spm ? plain_spm(part, out) : plain(part, out);
  };
  for (const Specials::Match& m : specials.find(text, meant)) {
    fragment(m.begin);
    out.push_back(m.token);
    done = m.end;
    if (strips_right[static_cast<size_t>(m.token)])
      while (done < text.size() && is_space(static_cast<unsigned char>(text[done]), false) &&
             static_cast<unsigned char>(text[done]) < 0x80)
        ++done;
  }
  fragment(text.size());
  return out;
}

std::vector<Token> Tokenizer::encode(std::string_view utf8, Special special, Bos bos) const {
  std::vector<Token> out = state_->encode(
      utf8, [&](Token t, size_t, size_t) { return special == Special::parse || !controls(state_->kind(t)); });
  if (bos == Bos::as_declared && state_->vocab.add_bos) out.insert(out.begin(), state_->vocab.bos);
  return out;
}

std::vector<Token> Tokenizer::encode_marked(std::string_view utf8,
                                            std::span<const std::pair<size_t, size_t>> trusted) const {
  return state_->encode(utf8, [&](Token t, size_t begin, size_t end) {
    if (!controls(state_->kind(t))) return true;
    const auto after = std::upper_bound(trusted.begin(), trusted.end(), begin,
                                        [](size_t at, const auto& range) { return at < range.first; });
    return after != trusted.begin() && std::prev(after)->second >= end;
  });
}

size_t Tokenizer::bytes_without_token(std::string_view utf8) const {
  if (state_->spm) return 0;  // a byte without a token is the unknown token there
  return static_cast<size_t>(std::count_if(
      utf8.begin(), utf8.end(), [&](char c) { return state_->of_byte[static_cast<unsigned char>(c)] < 0; }));
}

void Tokenizer::State::append_piece(Token token, bool with_special, std::string& out) const {
  if (token < 0 || static_cast<size_t>(token) >= vocab.tokens.size()) return;
  const std::string& text = vocab.tokens[static_cast<size_t>(token)];
  switch (kind(token)) {
    case TokenKind::normal:
      out += spm ? from_spm_spaces(text) : from_byte_alphabet(text);
      return;
    case TokenKind::user_defined:
      out += text;
      return;
    case TokenKind::byte:
      if (const int byte = byte_of(text); byte >= 0) {
        out += static_cast<char>(byte);
        return;
      }
      [[fallthrough]];
    case TokenKind::unused:
      if (spm) {  // where nothing else spells a character, text becomes one
        out += from_spm_spaces(text);
        return;
      }
      [[fallthrough]];
    case TokenKind::control:
    case TokenKind::unknown:
      if (with_special) out += text;
      return;
  }
}

std::string Tokenizer::decode(std::span<const Token> tokens, bool with_special) const {
  std::string out;
  for (const Token t : tokens) state_->append_piece(t, with_special, out);
  return out;
}

TokenKind Tokenizer::kind(Token token) const {
  return token < 0 || static_cast<size_t>(token) >= size() ? TokenKind::unused : state_->kind(token);
}

bool Tokenizer::space_follows(Token token) const {
  if (!state_->spm || !state_->vocab.add_space_prefix) return false;
  return token < 0 || controls(kind(token)) || kind(token) == TokenKind::user_defined;
}

std::string Tokenizer::decode_text(std::span<const Token> tokens, bool with_special, Token before) const {
  TextStream stream(*this, before, with_special);
  std::string out;
  for (const Token t : tokens) out += stream.push(t);
  return out + stream.finish();
}

std::string Tokenizer::piece(Token token, bool with_special) const {
  std::string out;
  state_->append_piece(token, with_special, out);
  return out;
}

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;
size_t Tokenizer::size() const {
  return state_->vocab.tokens.size();
}
const Vocab& Tokenizer::vocab() const {
  return state_->vocab;
}
bool Tokenizer::ends_generation(Token token) const {
  return token >= 0 && static_cast<size_t>(token) < state_->ends.size() &&
         state_->ends[static_cast<size_t>(token)];
}

std::string Tokenizer::digest() const {
  Sha256 sha;
  const auto number = [&](uint64_t n) {  // little endian, so digests agree between machines
    unsigned char bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(n >> (8 * i));
    sha.add(bytes, sizeof bytes);
  };
  const auto text = [&](const std::string& s) {  // with its length, so that no two lists look alike joined
    number(s.size());
    sha.add(s.data(), s.size());
  };
  text(state_->vocab.model);
  text(state_->vocab.pre);
  number(size());
  for (size_t i = 0; i < size(); ++i) {
    text(state_->vocab.tokens[i]);
    number(static_cast<uint64_t>(state_->kind(static_cast<Token>(i))));
  }
  number(state_->vocab.merges.size());
  for (const std::string& m : state_->vocab.merges) text(m);
  if (state_->spm) {
    for (const float score : state_->vocab.scores) number(std::bit_cast<uint32_t>(score));
    number(state_->vocab.add_space_prefix);
    for (size_t i = 0; i < size(); ++i) number(state_->strips_right[i]);
  }
  return sha.hex();
}

}  // namespace bw::text
