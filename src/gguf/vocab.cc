// tokenizer.ggml.* keys -> text::Vocab: lengths, element types and ids checked. Merges and texts are read as
// bytes; what they mean together is text::Tokenizer::make's to check.
#include "gguf/vocab.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "base/cursor.h"
#include "gguf/header.h"
#include "text/pretokenizer.h"

namespace bw::gguf {
namespace {

constexpr const char* convert = "convert the model anew, or fetch another copy of the file";

Error wrong(const File& f, std::string_view key, const std::string& expected, const std::string& found) {
  return bad_input(fmt::format("{}: key {}: expected {}, found {}", f.path, key, expected, found), convert);
}

std::string kind(const Value& v) {
  return v.type == ValueType::array ? fmt::format("an array of {}", name(v.element))
                                    : std::string(name(v.type));
}

// Absent is fine and gives nothing; `found` says which.
Status strings(const File& f, std::string_view key, std::vector<std::string>& out, bool& found) {
  const Value* v = f.find(key);
  found = v != nullptr;
  if (!v) return {};
  const auto* texts = std::get_if<Strings>(&v->data);
  if (!texts) return wrong(f, key, "an array of string", kind(*v));
  out.reserve(texts->size());
  for (size_t i = 0; i < texts->size(); i++) out.emplace_back((*texts)[i]);
  return {};
}

Status kinds(const File& f, std::vector<text::TokenKind>& out, size_t n_tokens) {
  constexpr std::string_view key = "tokenizer.ggml.token_type";
  const Value* v = f.find(key);
  if (!v) return {};
  // Written as i32; u32 is seen too. Narrower elements have broken readers that take them for four bytes.
  const auto* s = v->element == ValueType::i32 ? std::get_if<std::vector<int64_t>>(&v->data) : nullptr;
  const auto* u = v->element == ValueType::u32 ? std::get_if<std::vector<uint64_t>>(&v->data) : nullptr;
  if (v->type != ValueType::array || (!s && !u)) return wrong(f, key, "an array of i32", kind(*v));
  const size_t n = s ? s->size() : u->size();
  if (n != n_tokens)
    return wrong(f, key, fmt::format("{} elements, one a token", n_tokens), fmt::format("{}", n));
  out.reserve(n);
  for (size_t i = 0; i < n; i++) {
    const int64_t k = s ? (*s)[i] : static_cast<int64_t>((*u)[i]);
    if (k < 1 || k > 6) return wrong(f, key, "1 to 6", fmt::format("{} for token {}", k, i));
    out.push_back(static_cast<text::TokenKind>(k));
  }
  return {};
}

Status id(const File& f, const char* which, size_t n_tokens, text::Token& out) {
  const std::string key = fmt::format("tokenizer.ggml.{}_token_id", which);
  const Value* v = f.find(key);
  if (!v) return {};
  BW_TRY(const uint64_t n, f.get_uint(key));
  // 2^32 - 1 is how some converters write "none".
  if (n == std::numeric_limits<uint32_t>::max()) return {};
  if (n >= n_tokens) return wrong(f, key, fmt::format("an id below {}", n_tokens), fmt::format("{}", n));
  out = static_cast<text::Token>(n);
  return {};
}

Status text_of(const File& f, std::string_view key, std::string& out) {
  if (!f.find(key)) return {};
  BW_TRY(out, f.get_string(key));
  return {};
}

Status flag(const File& f, std::string_view key, bool& out) {
  if (!f.find(key)) return {};
  BW_TRY(out, f.get_bool(key));
  return {};
}

Status scores(const File& f, std::vector<float>& out, size_t n_tokens) {
  constexpr std::string_view key = "tokenizer.ggml.scores";
  const Value* v = f.find(key);
  if (!v) return wrong(f, key, "an array of f32 (SentencePiece needs it)", "no such key");
  const auto* s = v->element == ValueType::f32 ? std::get_if<std::vector<double>>(&v->data) : nullptr;
  if (v->type != ValueType::array || !s) return wrong(f, key, "an array of f32", kind(*v));
  if (s->size() != n_tokens)
    return wrong(f, key, fmt::format("{} elements, one a token", n_tokens), fmt::format("{}", s->size()));
  for (size_t i = 0; i < n_tokens; i++) {
    if (std::isnan((*s)[i])) return wrong(f, key, "numbers", fmt::format("NaN for token {}", i));
    out.push_back(static_cast<float>((*s)[i]));
  }
  return {};
}

// Phi-3's tokenizer.json drops white space after its special tokens, and no GGUF key says so. llama.cpp knows
// the family by general.name, which misses "Phi 3.5"; the architecture says it too.
bool is_phi3(const File& f) {
  const auto arch = f.get_string("general.architecture");
  if (arch && *arch == "phi3") return true;
  const auto name = f.get_string("general.name");
  if (!name) return false;
  std::string lower = *name;
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower.find("phi-3") != std::string::npos || lower.find("phi3") != std::string::npos;
}

std::vector<text::Token> phi3_strips_right(const text::Vocab& v) {
  std::vector<text::Token> out;
  for (size_t i = 0; i < v.kinds.size(); i++) {
    using text::TokenKind;
    const TokenKind k = v.kinds[i];
    if (k != TokenKind::control && k != TokenKind::unknown && k != TokenKind::user_defined) continue;
    const std::string& t = v.tokens[i];
    if (t != "<unk>" && t != "<s>" && t != "<|endoftext|>") out.push_back(static_cast<text::Token>(i));
  }
  return out;
}

}  // namespace

Result<text::Vocab> vocab(const File& f) {
  text::Vocab v;
  BW_TRY(v.model, f.get_string("tokenizer.ggml.model"));
  if (v.model != "gpt2" && v.model != "llama")
    return unsupported(
        fmt::format("{}: key tokenizer.ggml.model: \"{}\" is not built here", f.path, printable(v.model)),
        "built: gpt2 (byte-level BPE), llama (SentencePiece)");
  const bool spm = v.model == "llama";
  BW_CHECK(text_of(f, "tokenizer.ggml.pre", v.pre));

  bool found = false;
  BW_CHECK(strings(f, "tokenizer.ggml.tokens", v.tokens, found));
  if (!found) return wrong(f, "tokenizer.ggml.tokens", "an array of string", "no such key");
  if (v.tokens.empty()) return wrong(f, "tokenizer.ggml.tokens", "at least one token", "none");
  if (v.tokens.size() > static_cast<size_t>(std::numeric_limits<text::Token>::max()))
    return wrong(f, "tokenizer.ggml.tokens", "fewer than 2^31 tokens", fmt::format("{}", v.tokens.size()));
  BW_CHECK(strings(f, "tokenizer.ggml.merges", v.merges, found));
  if (!found && !spm)
    return wrong(f, "tokenizer.ggml.merges", "an array of string (byte-level BPE needs it)", "no such key");
  for (size_t i = 0; i < v.merges.size(); i++)
    if (v.merges[i].find(' ', 1) == std::string::npos)
      return wrong(f, "tokenizer.ggml.merges", "two token texts with a space between",
                   fmt::format("\"{}\" at {}", printable(v.merges[i]), i));
  if (spm) {
    v.merges.clear();  // some converters write both; SentencePiece's order is that of the scores
    BW_CHECK(scores(f, v.scores, v.tokens.size()));
  }
  BW_CHECK(kinds(f, v.kinds, v.tokens.size()));

  const size_t n = v.tokens.size();
  BW_CHECK(id(f, "bos", n, v.bos));
  BW_CHECK(id(f, "eos", n, v.eos));
  BW_CHECK(id(f, "eot", n, v.eot));
  BW_CHECK(id(f, "unknown", n, v.unk));
  BW_CHECK(id(f, "padding", n, v.pad));
  // Files of some families and SentencePiece ones often leave the key away and mean true: llama.cpp's default
  // for them.
  v.add_bos = (spm || text::PreTokenizer::begins_with_bos(v.pre)) && v.bos >= 0;
  BW_CHECK(flag(f, "tokenizer.ggml.add_bos_token", v.add_bos));
  BW_CHECK(flag(f, "tokenizer.ggml.add_eos_token", v.add_eos));
  if (v.add_bos && v.bos < 0)
    return wrong(f, "tokenizer.ggml.bos_token_id", "an id, as add_bos_token is true", "none");
  if (v.add_eos && v.eos < 0)
    return wrong(f, "tokenizer.ggml.eos_token_id", "an id, as add_eos_token is true", "none");
  v.add_space_prefix = spm;  // SentencePiece's own default
  BW_CHECK(flag(f, "tokenizer.ggml.add_space_prefix", v.add_space_prefix));
  if (spm && is_phi3(f)) v.strips_right = phi3_strips_right(v);
  BW_CHECK(text_of(f, "tokenizer.chat_template", v.chat_template));
  return v;
}

}  // namespace bw::gguf
