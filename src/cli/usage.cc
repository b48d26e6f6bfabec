#include "cli/usage.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstring>

namespace bw::cli {
namespace {

bool starts(const std::string& s, std::string_view with) {
  return s.compare(0, with.size(), with) == 0;
}

// The whole of `s` as a number, or none.
template <class T>
std::optional<T> parsed(const std::string& s) {
  T value{};
  const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (code != std::errc() || end != s.data() + s.size()) return std::nullopt;
  return value;
}

// "--ctx: WHAT", as CLI11 writes it, apart.
std::pair<std::string, std::string> name_and_rest(const std::string& what) {
  const size_t colon = what.find(": ");
  if (colon == std::string::npos) return {"", what};
  return {what.substr(0, colon), what.substr(colon + 2)};
}

// By type: an error's own name is sometimes the command's.
template <class T>
bool is(const CLI::ParseError& error) {
  return dynamic_cast<const T*>(&error) != nullptr;
}

std::string before(const std::string& text, std::string_view tail) {
  const size_t at = text.find(tail);
  return at == std::string::npos ? text : text.substr(0, at);
}

std::string quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "'" : ", '") + w + "'";
  return out;
}

}  // namespace

CLI::Validator whole(uint64_t low, uint64_t high) {
  const std::string range = high == any_seed ? fmt::format("a whole number from {}", low)
                                             : fmt::format("a whole number from {} to {}", low, high);
  return {[=](std::string& s) {
            const auto v = parsed<uint64_t>(s);
            if (v && *v >= low && *v <= high) return std::string();
            return fmt::format("given '{}', expected {}", s, range);
          },
          high == any_seed ? fmt::format("{}..", low) : fmt::format("{}..{}", low, high)};
}

CLI::Validator real(double low, double high) {
  return {[=](std::string& s) {
            const auto v = parsed<double>(s);
            if (v && std::isfinite(*v) && *v >= low && *v <= high) return std::string();
            return fmt::format("given '{}', expected a number from {} to {}", s, low, high);
          },
          fmt::format("{}..{}", low, high)};
}

Error usage_error(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& words) {
  const CLI::App* command = nullptr;
  for (const CLI::App* c : app.get_subcommands()) command = c;  // those that were named
  const std::string who = command ? command->get_name() + ": " : "";
  const std::string next = command ? fmt::format("bitworth {} --help", command->get_name())
                                   : std::string("bitworth --help lists commands and options");
  // What no option or argument took is told first: it is why something else seems to be missing.
  const std::vector<std::string> extra = app.remaining(true);
  if (!command && words.size() > 1 && !starts(words[1], "-"))
    return bad_input(fmt::format("no command is called '{}'", words[1]), "bitworth --help lists them");
  for (const std::string& e : extra)
    if (starts(e, "-") && e != "--")
      return bad_input(fmt::format("{}no option is called '{}'", who, e), next);
  const std::string what = error.what();
  if (is<CLI::ExtrasError>(error))
    return bad_input(fmt::format("{}given {}, which is one too many", who, quoted(extra)), next);
  if (is<CLI::RequiredError>(error))
    return bad_input(command ? fmt::format("{}{} is missing", who, before(what, " is required"))
                             : std::string("no command was given"),
                     next);
  if (is<CLI::ExcludesError>(error)) {
    const size_t at = what.find(" excludes ");
    if (at != std::string::npos)
      return bad_input(fmt::format("{}{} and {} say the same thing: expected one of them", who,
                                   what.substr(0, at), what.substr(at + std::strlen(" excludes "))),
                       next);
  }
  const auto [option, rest] = name_and_rest(what);
  if (is<CLI::ArgumentMismatch>(error) && rest.find(" required ") != std::string::npos)
    return bad_input(fmt::format("{}{}: expected a value after it, found none", who, option), next);
  if (is<CLI::ConversionError>(error) && option == "Could not convert") {
    const size_t at = rest.find(" = ");
    if (at != std::string::npos)
      return bad_input(
          fmt::format("{}{}: given '{}', expected a number", who, rest.substr(0, at), rest.substr(at + 3)),
          next);
  }
  return bad_input(who + what, next);
}

}  // namespace bw::cli
