#include "contract/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <new>

namespace bw::contract {
namespace {

constexpr size_t most_pattern = 16u << 10;  // bytes
constexpr uint32_t most_heap_kib = 16u << 10;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Code = std::unique_ptr<pcre2_code, Freed<pcre2_code_free>>;
using Data = std::unique_ptr<pcre2_match_data, Freed<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Freed<pcre2_match_context_free>>;
using CompileContext = std::unique_ptr<pcre2_compile_context, Freed<pcre2_compile_context_free>>;

}  // namespace

struct Regex::State {
  std::string pattern;
  Code code;
};

Regex::Regex(std::unique_ptr<State> state) : state_(std::move(state)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;
const std::string& Regex::pattern() const {
  return state_->pattern;
}

Result<Regex> Regex::compile(const std::string& pattern, Dialect dialect) {
  if (pattern.size() > most_pattern)
    return bad_input(
        fmt::format("a pattern of {} bytes; at most {} are taken", pattern.size(), most_pattern));
  const CompileContext context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
  if (dialect == Dialect::ecma) {
    options |= PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALLOW_EMPTY_CLASS;
    pcre2_set_compile_extra_options(context.get(), PCRE2_EXTRA_ALT_BSUX);
  }
  int code = 0;
  size_t offset = 0;
  Code compiled(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options, &code,
                              &offset, context.get()));
  if (!compiled) {
    PCRE2_UCHAR words[200];
    pcre2_get_error_message(code, words, sizeof words);
    return bad_input(fmt::format("the pattern does not compile: {} at byte {}",
                                 reinterpret_cast<const char*>(words), offset));
  }
  pcre2_jit_compile(compiled.get(), PCRE2_JIT_COMPLETE);  // without it the same matches come, slower
  return Regex(std::make_unique<State>(State{pattern, std::move(compiled)}));
}

Regex::Match Regex::find(std::string_view text) const {
  const Data data(pcre2_match_data_create(1, nullptr));
  const MatchContext context(pcre2_match_context_create(nullptr));
  if (!data || !context) throw std::bad_alloc();
  pcre2_set_match_limit(context.get(), most_steps);
  pcre2_set_heap_limit(context.get(), most_heap_kib);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.empty() ? "" : text.data());
  int rc = pcre2_match(state_->code.get(), subject, text.size(), 0, 0, data.get(), context.get());
  // The compiled matcher's own stack is small; the interpreter works from the heap, under the same limits.
  if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
    rc = pcre2_match(state_->code.get(), subject, text.size(), 0, PCRE2_NO_JIT, data.get(), context.get());
  if (rc >= 0) return Match::yes;
  return rc == PCRE2_ERROR_NOMATCH ? Match::no : Match::limit;
}

}  // namespace bw::contract
