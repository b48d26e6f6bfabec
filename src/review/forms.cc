#include "review/forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/markup.h"

namespace bw::review {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decoded(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '+') {
      out += ' ';
    } else if (s[i] == '%') {
      if (i + 2 >= s.size() || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
        return bad_input("form: a broken %-escape");
      out += char(hex(s[i + 1]) * 16 + hex(s[i + 2]));
      i += 2;
    } else if (static_cast<unsigned char>(s[i]) <= 0x20 || static_cast<unsigned char>(s[i]) >= 0x7F) {
      return bad_input("form: a byte that must be escaped");
    } else {
      out += s[i];
    }
  }
  if (out.find('\0') != std::string::npos) return bad_input("form: a NUL");
  if (!is_utf8(out)) return bad_input("form: not UTF-8");
  return out;
}

std::string with_lf(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r' || i + 1 >= text.size() || text[i + 1] != '\n') out += text[i];
  return out;
}

std::string_view trimmed(std::string_view s) {
  constexpr const char* space = " \t\r\n";
  const size_t begin = s.find_first_not_of(space);
  return begin == std::string_view::npos ? std::string_view()
                                         : s.substr(begin, s.find_last_not_of(space) - begin + 1);
}

template <class T>
bool number(std::string_view s, T& into) {
  const auto [end, failure] = std::from_chars(s.data(), s.data() + s.size(), into);
  return failure == std::errc{} && end == s.data() + s.size();
}

}  // namespace

Result<Fields> parse_form(std::string_view body, const FormLimits& limits) {
  if (body.size() > limits.body) return bad_input(fmt::format("form: more than {} bytes", limits.body));
  Fields out;
  while (!body.empty()) {
    const size_t end = std::min(body.find('&'), body.size());
    const std::string_view pair = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return bad_input("form: a field without =");
    BW_TRY(std::string name, decoded(pair.substr(0, equals)));
    BW_TRY(std::string value, decoded(pair.substr(equals + 1)));
    if (name.empty()) return bad_input("form: a field without a name");
    if (field(out, name)) return bad_input(fmt::format("form: {} twice", html_attribute(name)));
    if (out.size() == limits.fields)
      return bad_input(fmt::format("form: more than {} fields", limits.fields));
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

const std::string* field(const Fields& fields, std::string_view name) {
  for (const auto& [n, value] : fields)
    if (n == name) return &value;
  return nullptr;
}

Result<Decision> decision_of(const Fields& fields) {
  Decision d;
  const std::string* state = field(fields, "state");
  if (!state) return bad_input("form: state is missing");
  std::string_view own;  // the field that this state has
  if (*state == "accepted") {
    d.state = Item::State::accepted;
    own = "attempt";
  } else if (*state == "corrected") {
    d.state = Item::State::corrected;
    own = "text";
  } else if (*state == "rejected") {
    d.state = Item::State::rejected;
  } else {
    return bad_input("form: state is accepted, corrected or rejected");
  }
  for (const auto& [n, value] : fields) {
    if (n == "state" || n == "csrf") continue;
    if (n == "reviewer") {
      d.reviewer = trimmed(value);
    } else if (n == "reason") {
      d.reason = trimmed(with_lf(value));
    } else if (n == "seconds") {
      double seconds = 0;
      if (value.empty()) continue;
      if (!number(value, seconds) || !std::isfinite(seconds) || seconds < 0)
        return bad_input("form: seconds is not a number of at least 0");
      d.seconds = seconds;
    } else if (n != own) {
      return bad_input(fmt::format("form: {} has no place in what is {}", html_attribute(n), *state));
    } else if (n == "attempt") {
      if (!number(value, d.attempt) || d.attempt < 1 || d.attempt > 1000)
        return bad_input("form: attempt is a whole number from 1");
      --d.attempt;
    } else {
      d.text = with_lf(value);
    }
  }
  if (!own.empty() && !field(fields, own)) return bad_input(fmt::format("form: {} is missing", own));
  return d;
}

}  // namespace bw::review
