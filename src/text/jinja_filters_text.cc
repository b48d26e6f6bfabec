// Filters on one text or number: each takes the value before the bar and its arguments.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "text/jinja_filters.h"
#include "text/jinja_interp.h"
#include "text/jinja_json.h"
#include "text/jinja_letters.h"

namespace bw::text::jinja {

namespace {
using Bound = std::vector<std::optional<Value>>;

Result<int64_t> integer_or(const std::optional<Value>& v, int64_t fallback, std::string_view what) {
  if (!v || v->none()) return fallback;
  if (const auto i = as_integer(*v)) return *i;
  return bad_input(std::string(what) + " needs an integer, found " + type_name(*v));
}

template <Letters change>
Result<Value> recase(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "a change of letters", {}));
  BW_TRY(const MarkedText text, to_text(in.meter, v));
  BW_CHECK(in.meter.spend(1 + text.size() / 8));
  return make_text(in.meter, recased(text, change));
}
}  // namespace

Result<Value> filter_capitalize(Interp& in, const Value& v, Args& a) {
  return recase<Letters::capitalize>(in, v, a);
}
Result<Value> filter_lower(Interp& in, const Value& v, Args& a) {
  return recase<Letters::lower>(in, v, a);
}
Result<Value> filter_upper(Interp& in, const Value& v, Args& a) {
  return recase<Letters::upper>(in, v, a);
}
Result<Value> filter_title(Interp& in, const Value& v, Args& a) {
  return recase<Letters::words>(in, v, a);
}

Result<Value> filter_trim(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "trim", {"chars"}));
  BW_TRY(const MarkedText text, to_text(in.meter, v));
  const std::string* letters = nullptr;
  if (bound[0] && !bound[0]->none()) {
    if (!bound[0]->text()) return bad_input("trim needs text, found " + type_name(*bound[0]));
    letters = &bound[0]->text()->bytes();
  }
  BW_CHECK(in.meter.read(text.size() * (1 + (letters ? letters->size() : 0))));
  return make_text(in.meter, stripped(text, letters, true, true));
}

Result<Value> filter_replace(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "replace", {"old", "new", "count"}, 2));
  BW_TRY(const MarkedText text, to_text(in.meter, v));
  BW_TRY(const MarkedText old, to_text(in.meter, *bound[0]));
  BW_TRY(const MarkedText with, to_text(in.meter, *bound[1]));
  BW_TRY(const int64_t most, integer_or(bound[2], -1, "replace"));
  BW_TRY(MarkedText out,
         replaced(in.meter, text, old, with, most < 0 ? SIZE_MAX : static_cast<size_t>(most)));
  return make_text(in.meter, std::move(out));
}

Result<Value> filter_string(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "string", {}));
  if (v.text()) return v;
  BW_TRY(MarkedText text, to_text(in.meter, v));
  return make_text(in.meter, std::move(text));
}

Result<Value> filter_safe(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "safe", {}));
  BW_TRY(const MarkedText text, to_text(in.meter, v));
  return make_text(in.meter, text.as_escaped());
}

Result<Value> filter_format(Interp& in, const Value& v, Args& args) {
  if (!args.positional.empty() && !args.named.empty())
    return bad_input("format takes positions or names, not both");
  BW_TRY(const MarkedText text, to_text(in.meter, v));
  if (!args.named.empty()) {
    std::vector<std::pair<Value, Value>> entries;
    for (auto& [name, value] : args.named) {
      BW_TRY(Value key, make_text(in.meter, name, false));
      entries.emplace_back(std::move(key), std::move(value));
    }
    BW_TRY(const Value dict, make_dict(in.meter, std::move(entries)));
    return formatted(in, text, dict);
  }
  BW_TRY(const Value tuple, make_list(in.meter, List::Kind::tuple, std::move(args.positional)));
  return formatted(in, text, tuple);
}

Result<Value> filter_indent(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "indent", {"width", "first", "blank"}));
  if (v.undefined()) return used_undefined(v);
  if (!v.text()) return bad_input("indent needs text, found " + type_name(v));
  MarkedText by(std::string(4, ' '), true);
  if (bound[0] && bound[0]->text()) {
    by = *bound[0]->text();
  } else {
    BW_TRY(const int64_t width, integer_or(bound[0], 4, "indent"));
    if (width > 1000) return bad_input("indent by more than 1000");
    by = MarkedText(std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' '), true);
  }
  const bool first = bound[1] && truth(*bound[1]), blank = bound[2] && truth(*bound[2]);
  BW_TRY(const Value splitlines, method(in, v, "splitlines"));
  Args none;
  BW_TRY(const Value lines, (*splitlines.as<CallablePtr>())->run(in, none));
  std::vector<Value> all = lines.list()->items;
  // Jinja adds a newline before it splits, so that text ending in one keeps an empty last line.
  const std::string& s = v.text()->bytes();
  if (s.empty() || s.back() == '\n' || s.back() == '\r')
    all.emplace_back(std::make_shared<const MarkedText>());
  MarkedText out;
  for (size_t i = 0; i < all.size(); ++i) {
    const MarkedText& line = *all[i].text();
    BW_CHECK(in.meter.allocate(line.size() + by.size() + 1));
    if (i) out.append("\n", true);
    if (i ? blank || !line.empty() : first) out.append(by);
    out.append(line);
  }
  return make_text(in.meter, std::move(out));
}

namespace {
// Python's int(text) and float(text): white space around, digits with single underscores.
std::optional<std::string> number_text(const MarkedText& text) {
  const std::string s = stripped(text, nullptr, true, true).bytes();
  std::string out;
  const auto digit = [&](size_t i) { return i < s.size() && s[i] >= '0' && s[i] <= '9'; };
  for (size_t i = 0; i < s.size() && s.size() < 400; ++i) {
    if (s[i] == '_' && i > 0 && digit(i - 1) && digit(i + 1)) continue;
    out += s[i];
  }
  if (out.empty() || out.find_first_not_of("+-0123456789.eEinfINFatyATYN") != std::string::npos)
    return std::nullopt;
  return out;
}
std::optional<double> real_of(const MarkedText& text) {
  const auto s = number_text(text);
  if (!s) return std::nullopt;
  char* end = nullptr;
  const double x = std::strtod(s->c_str(), &end);
  return *end ? std::nullopt : std::optional<double>(x);
}
std::optional<int64_t> integer_of(const MarkedText& text, int base) {
  std::string s = stripped(text, nullptr, true, true).bytes();
  std::erase(s, '_');
  const bool negative = s.starts_with("-");
  size_t at = negative || s.starts_with("+") ? 1 : 0;
  const auto prefix = s.size() > at + 1 && s[at] == '0' ? s[at + 1] : '\0';
  if ((base == 16 && (prefix == 'x' || prefix == 'X')) || (base == 8 && (prefix == 'o' || prefix == 'O')) ||
      (base == 2 && (prefix == 'b' || prefix == 'B')))
    at += 2;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(s.data() + at, s.data() + s.size(), value, base);
  if (error != std::errc() || end != s.data() + s.size() || value > static_cast<uint64_t>(INT64_MAX))
    return std::nullopt;
  return negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
}
}  // namespace

Result<Value> filter_int(Interp&, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "int", {"default", "base"}));
  BW_TRY(const int64_t base, integer_or(bound[1], 10, "int"));
  if (base < 2 || base > 36) return bad_input("int: expected a base from 2 to 36");
  const Value fallback = bound[0] ? *bound[0] : Value(int64_t{0});
  if (v.undefined()) return used_undefined(v);
  if (const auto i = as_integer(v)) return Value(*i);
  std::optional<double> x = as_number(v);
  if (v.text()) {
    if (const auto i = integer_of(*v.text(), static_cast<int>(base))) return Value(*i);
    x = real_of(*v.text());
  }
  if (!x || !(std::fabs(*x) < 9.2e18)) return fallback;
  return Value(static_cast<int64_t>(*x));
}

Result<Value> filter_float(Interp&, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "float", {"default"}));
  if (v.undefined()) return used_undefined(v);
  std::optional<double> x = as_number(v);
  if (v.text()) x = real_of(*v.text());
  if (x) return Value(*x);
  return bound[0] ? *bound[0] : Value(0.0);
}

Result<Value> filter_abs(Interp&, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "abs", {}));
  if (v.is<double>()) return Value(std::fabs(*v.as<double>()));
  const auto i = as_integer(v);
  if (!i) return v.undefined() ? used_undefined(v) : bad_input("abs has no meaning for " + type_name(v));
  return *i < 0 ? negated(Value(*i)) : Value(*i);
}

Result<Value> filter_round(Interp&, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "round", {"precision", "method"}));
  BW_TRY(const int64_t digits, integer_or(bound[0], 0, "round"));
  if (digits < 0 || digits > 15) return bad_input("round: expected a precision from 0 to 15");
  std::string how = "common";
  if (bound[1]) {
    if (!bound[1]->text()) return bad_input("round: expected common, ceil or floor");
    how = bound[1]->text()->bytes();
  }
  if (how != "common" && how != "ceil" && how != "floor")
    return bad_input("round: expected common, ceil or floor");
  if (v.undefined()) return used_undefined(v);
  const auto x = as_number(v);
  if (!x) return bad_input("round has no meaning for " + type_name(v));
  if (how == "common") {
    if (const auto i = as_integer(v)) return Value(*i);
    if (!std::isfinite(*x)) return v;
    char buffer[400];  // printing rounds the exact binary value half to even, as Python's round does
    std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(digits), *x);
    return Value(std::strtod(buffer, nullptr));
  }
  const double scale = std::pow(10.0, static_cast<double>(digits)), scaled = *x * scale;
  return Value((how == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Result<Value> filter_tojson(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ascii = bound[0] && truth(*bound[0]);
  style.sort_keys = bound[3] && truth(*bound[3]);
  if (bound[1] && !bound[1]->none()) {
    if (bound[1]->text()) {
      style.indent = bound[1]->text()->bytes();
    } else {
      BW_TRY(const int64_t width, integer_or(bound[1], 0, "tojson: indent"));
      if (width > 1000) return bad_input("tojson: indent by more than 1000");
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    }
    style.between = MarkedText(",", false);
  }
  if (bound[2] && !bound[2]->none()) {
    const List* pair = bound[2]->list();
    if (!pair || pair->items.size() != 2 || !pair->items[0].text() || !pair->items[1].text())
      return bad_input("tojson: separators must be two texts");
    style.between = *pair->items[0].text();
    style.after_key = *pair->items[1].text();
  }
  BW_TRY(MarkedText out, to_json(in.meter, v, style));
  return make_text(in.meter, std::move(out));
}

}  // namespace bw::text::jinja
