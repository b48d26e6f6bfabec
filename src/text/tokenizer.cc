// Puts a vocabulary together: special tokens first, then the pre-tokenizer's pieces, then byte pairs.
#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>

#include "base/hash.h"
#include "text/bpe.h"
#include "text/pretokenizer.h"
#include "text/specials.h"

namespace bw::text {
namespace {

constexpr size_t max_tokens = 1u << 24;  // 64 times the largest vocabulary known; ids stay far inside int32

// End-of-turn tokens of known families; they count only where the vocabulary says they are control tokens.
constexpr std::array end_of_turn = {"<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|endoftext|>"};

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
  Merges merges;
  Specials specials;
  PreTokenizer pre;
  std::vector<bool> ends;

  State(Vocab v, PreTokenizer p) : vocab(std::move(v)), pre(std::move(p)) {}
  TokenKind kind(Token t) const {
    return vocab.kinds.empty() ? TokenKind::normal : vocab.kinds[static_cast<size_t>(t)];
  }
  Status fill_tokens();
  Status fill_merges();
  Status check_ids() const;
  void plain(std::string_view text, std::vector<Token>& out) const;
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
  if (vocab.model != "gpt2")
    return unsupported("tokenizer.ggml.model: " + shown(vocab.model) + " is not built in",
                       "known: gpt2 (byte-level BPE)");
  BW_TRY(PreTokenizer pre, PreTokenizer::make(vocab.pre));
  auto state = std::make_unique<State>(std::move(vocab), std::move(pre));
  BW_CHECK(state->fill_tokens());
  BW_CHECK(state->fill_merges());
  BW_CHECK(state->check_ids());
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
  for (const std::string_view piece : pre.split(text)) {
    if (pre.whole_words())
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

std::vector<Token> Tokenizer::State::encode(std::string_view text,
                                            const std::function<bool(Token, size_t, size_t)>& meant) const {
  std::vector<Token> out;
  out.reserve(text.size() / 3 + 8);
  size_t done = 0;
  for (const Specials::Match& m : specials.find(text, meant)) {
    plain(text.substr(done, m.begin - done), out);
    out.push_back(m.token);
    done = m.end;
  }
  plain(text.substr(done), out);
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
      out += from_byte_alphabet(text);
      return;
    case TokenKind::user_defined:
      out += text;
      return;
    case TokenKind::byte:  // "<0x0A>"
      if (unsigned byte = 0; text.size() == 6 && text.starts_with("<0x") && text[5] == '>' &&
                             std::from_chars(&text[3], &text[5], byte, 16).ptr == &text[5]) {
        out += static_cast<char>(byte);
        return;
      }
      [[fallthrough]];
    case TokenKind::control:
    case TokenKind::unknown:
    case TokenKind::unused:
      if (with_special) out += text;
      return;
  }
}

std::string Tokenizer::decode(std::span<const Token> tokens, bool with_special) const {
  std::string out;
  for (const Token t : tokens) state_->append_piece(t, with_special, out);
  return out;
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
  return sha.hex();
}

}  // namespace bw::text
