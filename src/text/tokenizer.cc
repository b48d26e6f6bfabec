// Puts a vocabulary together: special tokens first, then the pre-tokenizer's pieces and their byte pairs, or
// SentencePiece's merging.
#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "base/hash.h"
#include "text/bpe.h"
#include "text/pretokenizer.h"
#include "text/specials.h"
#include "text/spm.h"
#include "text/text_stream.h"
#include "text/utf8.h"

namespace bw::text {
namespace {

constexpr size_t max_tokens = 1u << 24;  // 64 times the largest vocabulary known; ids stay far inside int32

// End-of-turn tokens of known families; they count only where the vocabulary says they are control tokens.
constexpr std::array end_of_turn = {"<|im_end|>",    "<|eot_id|>",    "<|eom_id|>",
                                    "<|end|>",       "<|return|>",    "<|call|>",
                                    "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>"};

bool controls(TokenKind k) {
  return k == TokenKind::control || k == TokenKind::unknown;
}

std::string shown(std::string_view text) {
  constexpr size_t most = 60;
  std::string out = "\"";
  for (const char c : text.substr(0, most))
    out += static_cast<unsigned char>(c) < 0x20 ? std::string("?") : std::string(1, c);
  return out + (text.size() > most ? "...\"" : "\"");
}

}  // namespace

struct Tokenizer::State {
  Vocab vocab;
  std::unordered_map<std::string_view, Token> by_text;  // views into vocab.tokens
  std::array<Token, 256> of_byte{};                     // -1: the vocabulary has none
  Specials specials;
  std::vector<bool> ends, strips_right;
  // Either these two or the third.
  std::optional<PreTokenizer> pre;
  Merges merges;
  std::optional<Spm> spm;

  explicit State(Vocab v) : vocab(std::move(v)) {}
  TokenKind kind(Token t) const {
    return vocab.kinds.empty() ? TokenKind::normal : vocab.kinds[static_cast<size_t>(t)];
  }
  Status fill_tokens();
  Status fill_bytes();
  Status fill_merges();
  Status fill_spm();
  Status check_ids() const;
  void plain(std::string_view text, std::vector<Token>& out) const;
  void plain_spm(std::string_view text, std::vector<Token>& out) const;
  std::vector<Token> encode(std::string_view text,
                            const std::function<bool(Token, size_t, size_t)>& meant) const;
  void append_piece(Token token, bool with_special, std::string& out) const;
};

Status Tokenizer::State::fill_tokens() {
  if (vocab.tokens.empty())
    return bad_input("tokenizer.ggml.tokens: expected at least one token, found none");
  if (vocab.tokens.size() > max_tokens)
    return bad_input("tokenizer.ggml.tokens: expected at most " + std::to_string(max_tokens) + ", found " +
                     std::to_string(vocab.tokens.size()));
  if (!vocab.kinds.empty() && vocab.kinds.size() != vocab.tokens.size())
    return bad_input("tokenizer.ggml.token_type: expected " + std::to_string(vocab.tokens.size()) +
                     " entries (one a token), found " + std::to_string(vocab.kinds.size()));
  by_text.reserve(vocab.tokens.size());
  for (size_t i = 0; i < vocab.tokens.size(); ++i) {
    const auto id = static_cast<Token>(i);
    const std::string& text = vocab.tokens[i];
    if (const auto k = static_cast<int32_t>(kind(id)); k < 1 || k > 6)
      return bad_input("tokenizer.ggml.token_type[" + std::to_string(i) + "]: expected 1 to 6, found " +
                       std::to_string(k));
    if (text.empty()) return bad_input("tokenizer.ggml.tokens[" + std::to_string(i) + "]: the text is empty");
    const auto [other, fresh] = by_text.emplace(text, id);
    if (!fresh)
      return bad_input("tokenizer.ggml.tokens[" + std::to_string(i) + "]: " + shown(text) +
                       " is also token " + std::to_string(other->second) + "; a text must name one token");
    if (controls(kind(id)) || kind(id) == TokenKind::user_defined) specials.add(text, id);
  }
  return {};
}

Status Tokenizer::State::fill_bytes() {
  bool any = false;
  for (size_t b = 0; b < 256; ++b) {
    const auto found = by_text.find(byte_alphabet()[b]);
    of_byte[b] = found == by_text.end() ? -1 : found->second;
    if (of_byte[b] >= 0 && controls(kind(of_byte[b])))
      return bad_input("tokenizer.ggml.tokens[" + std::to_string(of_byte[b]) +
                       "]: " + shown(byte_alphabet()[b]) +
                       " is a control token, so every text with that byte would hold one");
    any = any || found != by_text.end();
  }
  if (!any)
    return bad_input("tokenizer.ggml.tokens: no token stands for a single byte, so no text could be encoded");
  return {};
}

Status Tokenizer::State::fill_merges() {
  merges.reserve(vocab.merges.size());
  for (size_t i = 0; i < vocab.merges.size(); ++i) {
    const std::string_view line = vocab.merges[i];
    const auto refuse = [&](const std::string& why) {
      return bad_input("tokenizer.ggml.merges[" + std::to_string(i) + "]: " + shown(line) + ": " + why);
    };
    const size_t space = line.empty() ? std::string_view::npos : line.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == line.size()) return refuse("expected \"left right\"");
    const std::string_view left = line.substr(0, space), right = line.substr(space + 1);
    const auto l = by_text.find(left), r = by_text.find(right);
    if (l == by_text.end()) return refuse(shown(left) + " is no token");
    if (r == by_text.end()) return refuse(shown(right) + " is no token");
    const std::string joined = std::string(left) + std::string(right);
    const auto m = by_text.find(joined);
    if (m == by_text.end()) return refuse(shown(joined) + ", its result, is no token");
    if (controls(kind(m->second)))
      return refuse(shown(joined) + ", its result, is a control token, which no plain text may become");
    merges.add(l->second, r->second, m->second);
  }
  return {};
}

// The byte a token of kind byte stands for ("<0x0A>"), or -1.
int byte_of(std::string_view text) {
  unsigned byte = 0;
  return text.size() == 6 && text.starts_with("<0x") && text[5] == '>' &&
                 std::from_chars(&text[3], &text[5], byte, 16).ptr == &text[5]
             ? static_cast<int>(byte)
             : -1;
}

Status Tokenizer::State::fill_spm() {
  const size_t n = vocab.tokens.size();
  if (vocab.scores.size() != n)
    return bad_input("tokenizer.ggml.scores: expected " + std::to_string(n) +
                     " entries (one a token), found " + std::to_string(vocab.scores.size()));
  if (vocab.kinds.empty())
    return bad_input(
        "tokenizer.ggml.token_type: expected one entry a token, found none: without them a text could become "
        "a "
        "control token",
        "convert the model again with a current converter");
  spm.emplace();
  spm->reserve(n);
  of_byte.fill(-1);
  for (size_t i = 0; i < n; ++i) {
    const auto id = static_cast<Token>(i);
    if (std::isnan(vocab.scores[i]))
      return bad_input("tokenizer.ggml.scores[" + std::to_string(i) + "]: expected a number, found NaN");
    const TokenKind k = kind(id);
    if (k == TokenKind::byte) {
      const int byte = byte_of(vocab.tokens[i]);
      if (byte < 0)
        return bad_input("tokenizer.ggml.tokens[" + std::to_string(i) +
                         "]: expected <0x00> to <0xFF>, as its " + "kind is byte, found " +
                         shown(vocab.tokens[i]));
      of_byte[static_cast<size_t>(byte)] = id;
    } else if (!controls(k)) {
      spm->add(vocab.tokens[i], id, vocab.scores[i], k == TokenKind::unused);
    }
  }
  if (vocab.unk < 0)
    for (size_t b = 0; b < 256; ++b)
      if (of_byte[b] < 0)
        return bad_input("tokenizer.ggml.tokens: none stands for byte " + std::to_string(b) +
                         ", and no unknown_token_id is given, so text would be lost");
  spm->set_bytes(of_byte, vocab.unk);
  for (const Token t : vocab.strips_right) {
    if (t < 0 || static_cast<size_t>(t) >= n)
      return bad_input("strips_right: expected ids below " + std::to_string(n) + ", found " +
                       std::to_string(t));
    strips_right[static_cast<size_t>(t)] = true;
  }
  return {};
}

Status Tokenizer::State::check_ids() const {
  const std::pair<const char*, Token> named[] = {{"bos_token_id", vocab.bos},
                                                 {"eos_token_id", vocab.eos},
                                                 {"eot_token_id", vocab.eot},
                                                 {"unknown_token_id", vocab.unk},
                                                 {"padding_token_id", vocab.pad}};
  for (const auto& [key, id] : named)
    if (id < -1 || (id >= 0 && static_cast<size_t>(id) >= vocab.tokens.size()))
      return bad_input("tokenizer.ggml." + std::string(key) + ": expected below " +
                       std::to_string(vocab.tokens.size()) + ", found " + std::to_string(id));
  if (vocab.add_bos && vocab.bos < 0)
    return bad_input("tokenizer.ggml.add_bos_token: is true, but no bos_token_id is given");
  return {};
}

Result<Tokenizer> Tokenizer::make(Vocab vocab) {
  if (vocab.model != "gpt2" && vocab.model != "llama")
    return unsupported("tokenizer.ggml.model: " + shown(vocab.model) + " is not built in",
                       "known: gpt2 (byte-level BPE), llama (SentencePiece)");
  auto state = std::make_unique<State>(std::move(vocab));
  state->strips_right.assign(state->vocab.tokens.size(), false);
  BW_CHECK(state->fill_tokens());
  BW_CHECK(state->check_ids());
  if (state->vocab.model == "llama") {
    BW_CHECK(state->fill_spm());
  } else {
    BW_TRY(state->pre, PreTokenizer::make(state->vocab.pre));
    BW_CHECK(state->fill_bytes());
    BW_CHECK(state->fill_merges());
  }
  const Vocab& v = state->vocab;
  state->ends.assign(v.tokens.size(), false);
  for (const Token t : {v.eos, v.eot})
    if (t >= 0) state->ends[static_cast<size_t>(t)] = true;
  for (const char* text : end_of_turn)
    if (const auto found = state->by_text.find(text);
        found != state->by_text.end() && state->kind(found->second) == TokenKind::control)
      state->ends[static_cast<size_t>(found->second)] = true;
  return Tokenizer(std::move(state));
}

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

std::string Tokenizer::decode_text(std::span<const Token> tokens, bool with_special) const {
  TextStream stream(*this, -1, with_special);
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
