// Errors are values: what went wrong, with which file and field, what was expected and found, what to do
// next. In: nothing. Out: Error, Result<T>, Status, and the BW_TRY macros that hand an error up unchanged.
// Libraries return these and never print, exit or abort; src/cli turns `code` into an exit code.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace bw {

// The exit code a command ends with when nothing handles the error (docs: design, section 3).
enum class Code {
  failed = 1,        // the operation failed: I/O, full disk, out of memory, interrupted
  bad_input = 2,     // bad usage, or a file, scenario or task that is wrong
  unsupported = 64,  // well formed, but this program cannot run it; axes that need not run it still answer
};

struct Error {
  Code code = Code::failed;
  std::string what;  // names the thing: "model.gguf: general.alignment: expected a power of two, found 0"
  std::string next;  // what a person can do now; may be empty
};

inline Error bad_input(std::string what, std::string next = {}) {
  return {Code::bad_input, std::move(what), std::move(next)};
}
inline Error failed(std::string what, std::string next = {}) {
  return {Code::failed, std::move(what), std::move(next)};
}
inline Error unsupported(std::string what, std::string next = {}) {
  return {Code::unsupported, std::move(what), std::move(next)};
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : v_(std::in_place_index<1>, std::move(error)) {}
  explicit operator bool() const { return v_.index() == 0; }
  T& operator*() & { return std::get<0>(v_); }
  const T& operator*() const& { return std::get<0>(v_); }
  T&& operator*() && { return std::get<0>(std::move(v_)); }
  T* operator->() { return &std::get<0>(v_); }
  const T* operator->() const { return &std::get<0>(v_); }
  Error& error() { return std::get<1>(v_); }
  const Error& error() const { return std::get<1>(v_); }

 private:
  std::variant<T, Error> v_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : e_(std::move(error)) {}
  explicit operator bool() const { return !e_; }
  Error& error() { return *e_; }
  const Error& error() const { return *e_; }

 private:
  std::optional<Error> e_;
};
using Status = Result<void>;

}  // namespace bw

#define BW_CONCAT_(a, b) a##b
#define BW_CONCAT(a, b) BW_CONCAT_(a, b)
// BW_TRY(auto x, f()): x = *f(), or return its error.
#define BW_TRY(declaration, expression) BW_TRY_(BW_CONCAT(bw_try_, __LINE__), declaration, expression)
#define BW_TRY_(name, declaration, expression) \
  auto name = (expression);                    \
  if (!name) return std::move(name.error());   \
  declaration = *std::move(name)
// BW_CHECK(f()): nothing, or return its error.
#define BW_CHECK(expression)                                                            \
  do {                                                                                  \
    if (auto bw_check_ = (expression); !bw_check_) return std::move(bw_check_.error()); \
  } while (0)
