// Checks a vocabulary and builds its tables: every way in which a file can be wrong is refused here, by key
// and index. In: a Vocab. Out: a Tokenizer.
#include <charconv>
#include <cmath>

#include "text/tokenizer_state.h"

namespace bw::text {
namespace {

constexpr size_t max_tokens = 1u << 24;  // 64 times the largest vocabulary known; ids stay far inside int32

// End-of-turn tokens of known families; they count only where the vocabulary says they are control tokens.
constexpr std::array end_of_turn = {"<|im_end|>",    "<|eot_id|>",    "<|eom_id|>",
                                    "<|end|>",       "<|return|>",    "<|call|>",
                                    "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>"};

std::string shown(std::string_view text) {
  constexpr size_t most = 60;
  std::string out = "\"";
  for (const char c : text.substr(0, most))
    out += static_cast<unsigned char>(c) < 0x20 ? std::string("?") : std::string(1, c);
  return out + (text.size() > most ? "...\"" : "\"");
}

}  // namespace

int byte_of(std::string_view text) {
  unsigned byte = 0;
  return text.size() == 6 && text.starts_with("<0x") && text[5] == '>' &&
                 std::from_chars(&text[3], &text[5], byte, 16).ptr == &text[5]
             ? static_cast<int>(byte)
             : -1;
}

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

}  // namespace bw::text
