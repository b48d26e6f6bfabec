// A pattern of PCRE2 against text that a model wrote: bounded work, whatever both are. In: a pattern, once.
// Out: whether it matches somewhere. Source: pcre2api(3), pcre2pattern(3).
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bw::contract {

class Regex {
 public:
  // pcre: as pcre2pattern(3), UTF-8. ecma: as JSON Schema's patterns mean it (\uHHHH, $ only at the very
  // end).
  enum class Dialect { pcre, ecma };
  // Error.what: why it does not compile and at which byte.
  static Result<Regex> compile(const std::string& pattern, Dialect dialect = Dialect::pcre);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();
  // limit: after this many steps it could not be told. Bytes that are not UTF-8 match nothing.
  enum class Match { yes, no, limit };
  static constexpr uint32_t most_steps = 1'000'000;
  Match find(std::string_view text) const;
  const std::string& pattern() const;

 private:
  struct State;
  explicit Regex(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bw::contract
