#include "text/pretokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <new>
#include <string>

#include "text/utf8.h"

namespace bw::text {
namespace {

// Unicode White_Space, spelled out: PCRE2's own \s also takes U+180E, which stopped being a space in
// Unicode 6.3.
#define WS R"(\x09-\x0D\x20\x85\xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})"
// GPT-2's encoder.py (OpenAI, 2019), with \s as above.
#define GPT2 \
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+|[" WS "]+(?![^" WS "])|[" WS "]+"
// The published (?i:'s|...) is spelled out in ASCII, as the runtimes that serve these models do it: with
// Unicode case folding U+017F is an s.
#define CONTRACTION "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
// Llama 3, Qwen2 and Qwen3.5 tokenizer.json; they differ in how many digits stay together, and in whether
// marks are letters.
#define LLAMA3(DIGITS, LETTER, MARK)                                                                         \
  CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?" LETTER "+|" DIGITS "| ?[^" WS "\\p{L}" MARK "\\p{N}]+[\\r\\n]*|[" WS \
              "]*[\\r\\n]+|[" WS "]+(?![^" WS "])|[" WS "]+"
// GPT-4o and Mistral's Tekken tokenizer.json: a word is cut where small letters end and large ones begin.
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(DIGITS, END)                                                                           \
  "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" END "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" END \
  "|" DIGITS "| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n/]*|[" WS "]*[\\r\\n]+|[" WS "]+(?![^" WS "])|[" WS "]+"
// DeepSeek V3 tokenizer.json, the last of its three.
#define DEEPSEEK3                                                                                     \
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+" \
  "| ?[\\p{P}\\p{S}]+[\\r\\n]*|[" WS "]*[\\r\\n]+|[" WS "]+(?![^" WS "])|[" WS "]+"

struct Row {
  std::string_view names;  // of the models whose tokenizer.json cuts so, separated by spaces
  std::vector<const char*>
      stages;  // each cuts the pieces of the one before; what it does not match is a piece
  bool whole_words = false;
  bool begins_with_bos = false;
};
const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"gpt-2 phi-2 olmo mpt jais exaone4 trillion granite-docling", {GPT2}},
      {"llama-bpe llama3 llama-v3 falcon3 pixtral lfm2", {LLAMA3("\\p{N}{1,3}", "\\p{L}", "")}, true, true},
      {"dbrx smaug-bpe", {LLAMA3("\\p{N}{1,3}", "\\p{L}", "")}},
      {"qwen2 deepseek-r1-qwen kormo stablelm2 megrez hunyuan", {LLAMA3("\\p{N}", "\\p{L}", "")}},
      {"qwen35", {LLAMA3("\\p{N}", "[\\p{L}\\p{M}]", "\\p{M}")}},
      {"smollm starcoder refact command-r codeshell exaone minerva-7b", {"\\p{N}", GPT2}},
      {"tekken", {CASED("\\p{N}", "")}, true, true},
      {"gpt-4o llama4", {CASED("\\p{N}{1,3}", CONTRACTION "?")}},
      {"deepseek-v3",
       {"\\p{N}{1,3}", "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+", DEEPSEEK3}},
  };
  return table;
}

bool names_it(const Row& row, std::string_view name) {
  if (name.empty() || name.find(' ') != std::string_view::npos) return false;
  for (size_t at = 0; at < row.names.size();) {
    const size_t end = std::min(row.names.find(' ', at), row.names.size());
    if (row.names.substr(at, end - at) == name) return true;
    at = end + 1;
  }
  return false;
}

struct FreeCode {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
};
struct FreeContext {
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
};
using Regex = std::unique_ptr<pcre2_code, FreeCode>;

// Cuts valid UTF-8 into matches and the gaps between them.
void cut(const pcre2_code* regex, std::string_view text, pcre2_match_data* data, pcre2_match_context* context,
         std::vector<std::string_view>& out) {
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t done = 0;
  while (done < text.size()) {
    int rc = pcre2_match(regex, subject, text.size(), done, PCRE2_NO_UTF_CHECK, data, context);
    // The compiled matcher's own stack is small; the interpreter gives the same match from the heap.
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
      rc = pcre2_match(regex, subject, text.size(), done, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, context);
    if (rc == PCRE2_ERROR_NOMATCH) break;
    if (rc < 0) throw std::bad_alloc();  // limits are off, so memory is all that can run out
    const size_t* bounds = pcre2_get_ovector_pointer(data);
    if (bounds[1] == bounds[0]) break;  // no pattern of the table matches the empty text
    if (bounds[0] > done) out.push_back(text.substr(done, bounds[0] - done));
    out.push_back(text.substr(bounds[0], bounds[1] - bounds[0]));
    done = bounds[1];
  }
  if (done < text.size()) out.push_back(text.substr(done));
}

// `text` with every ill-formed byte as U+FFFD; origin[i] is the offset in `text` of byte i, one past the end
// too.
std::string readable(std::string_view text, std::vector<size_t>& origin) {
  std::string out;
  out.reserve(text.size() + 64);
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point(text, at);
    const size_t before = out.size();
    if (c.valid)
      out.append(text.substr(at, c.n_bytes));
    else
      append_utf8(out, 0xFFFD);
    for (size_t i = before; i < out.size(); ++i) origin.push_back(c.valid ? at + (i - before) : at);
    at += c.n_bytes;
  }
  origin.push_back(text.size());
  return out;
}
}  // namespace

struct PreTokenizer::State {
  std::vector<Regex> stages;
  bool whole_words = false;
};

PreTokenizer::PreTokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;
bool PreTokenizer::whole_words() const {
  return state_->whole_words;
}

bool PreTokenizer::begins_with_bos(std::string_view name) {
  return std::any_of(rows().begin(), rows().end(),
                     [&](const Row& row) { return row.begins_with_bos && names_it(row, name); });
}

Result<PreTokenizer> PreTokenizer::make(std::string_view name) {
  const Row* found = nullptr;
  std::string known;
  for (const Row& row : rows()) {
    if (names_it(row, name)) found = &row;
    for (const char c : std::string(known.empty() ? "" : " ") + std::string(row.names))
      known += c == ' ' ? std::string(", ") : std::string(1, c);
  }
  if (!found && (name.empty() || name == "default"))
    return unsupported(
        "tokenizer.ggml.pre: expected the name of a pre-tokenizer, found " +
            (name.empty() ? std::string("none") : "\"default\"") +
            ": the file does not say how its model cuts text, and guessing would make it worse unseen",
        "convert the model again with a current converter, or set tokenizer.ggml.pre to one of: " + known);
  if (!found)
    return unsupported("tokenizer.ggml.pre: unknown pre-tokenizer \"" + std::string(name) + "\"",
                       "known: " + known);
  auto state = std::make_unique<State>();
  state->whole_words = found->whole_words;
  for (const char* pattern : found->stages) {
    int code = 0;
    size_t offset = 0;
    Regex regex(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code,
                              &offset, nullptr));
    if (!regex)
      return failed("pre-tokenizer " + std::string(name) + ": PCRE2 refuses its pattern at " +
                    std::to_string(offset) + ", error " + std::to_string(code));
    pcre2_jit_compile(regex.get(), PCRE2_JIT_COMPLETE);  // without it the same matches come, slower
    state->stages.push_back(std::move(regex));
  }
  return PreTokenizer(std::move(state));
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  if (text.empty()) return {};
  std::vector<size_t> origin;
  std::string copy;
  std::string_view subject = text;
  if (find_invalid_utf8(text) != std::string_view::npos) subject = copy = readable(text, origin);

  std::unique_ptr<pcre2_match_data, FreeMatch> data(pcre2_match_data_create(1, nullptr));
  std::unique_ptr<pcre2_match_context, FreeContext> context(pcre2_match_context_create(nullptr));
  if (!data || !context) throw std::bad_alloc();
  pcre2_set_match_limit(context.get(), UINT32_MAX);
  pcre2_set_depth_limit(context.get(), UINT32_MAX);
  pcre2_set_heap_limit(context.get(), UINT32_MAX);

  std::vector<std::string_view> pieces{subject}, next;
  for (const Regex& stage : state_->stages) {
    next.clear();
    next.reserve(subject.size() / 4);
    for (const std::string_view piece : pieces) cut(stage.get(), piece, data.get(), context.get(), next);
    pieces.swap(next);
  }
  if (!origin.empty())
    for (std::string_view& piece : pieces) {
      const size_t begin = origin[static_cast<size_t>(piece.data() - subject.data())];
      const size_t end = origin[static_cast<size_t>(piece.data() - subject.data()) + piece.size()];
      piece = text.substr(begin, end - begin);
    }
  return pieces;
}

}  // namespace bw::text
