#include "text/jinja_value.h"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "text/utf8.h"

namespace bw::text::jinja {

Value undefined(std::string why) {
  return Undefined{std::make_shared<const std::string>(std::move(why))};
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& [k, v] : entries)
    if (const MarkedText* t = k.text(); t && t->bytes() == key) return &v;
  return nullptr;
}

Result<Value> make_text(Meter& m, MarkedText text) {
  BW_CHECK(m.allocate(64 + text.size()));
  return Value(std::make_shared<const MarkedText>(std::move(text)));
}
Result<Value> make_text(Meter& m, std::string bytes, bool trusted) {
  return make_text(m, MarkedText(std::move(bytes), trusted));
}

namespace {
size_t depth_of(const Value& v) {
  return v.list() ? v.list()->depth : v.dict() ? v.dict()->depth : 0;
}
Status check_depth(size_t depth) {
  if (depth <= max_nesting) return {};
  return bad_input("lists and dicts nest deeper than " + std::to_string(max_nesting) + " levels");
}
}  // namespace

Result<Value> make_list(Meter& m, List::Kind kind, std::vector<Value> items) {
  BW_CHECK(m.allocate(64 + items.size() * sizeof(Value)));
  auto list = std::make_shared<List>();
  for (const Value& v : items) list->depth = std::max(list->depth, 1 + depth_of(v));
  BW_CHECK(check_depth(list->depth));
  list->kind = kind;
  list->items = std::move(items);
  return Value(ListPtr(std::move(list)));
}

Result<const Value*> find(Meter& m, const Dict& dict, const Value& key) {
  BW_CHECK(m.spend(1 + dict.entries.size() / 8));
  if (key.text()) BW_CHECK(m.read(key.text()->size()));
  for (const auto& [k, v] : dict.entries) {
    if (key.text() && k.text()) {
      if (key.text()->bytes() == k.text()->bytes()) return &v;
      continue;
    }
    BW_TRY(const bool same, equal(m, k, key));
    if (same) return &v;
  }
  return nullptr;
}

Result<Value> make_dict(Meter& m, std::vector<std::pair<Value, Value>> entries) {
  BW_CHECK(m.allocate(64 + entries.size() * 2 * sizeof(Value)));
  auto dict = std::make_shared<Dict>();
  for (auto& entry : entries) {
    Value &k = entry.first, &v = entry.second;
    if (k.list() || k.dict() || k.undefined() || k.is<CallablePtr>() || k.is<Namespace*>() || k.is<Loop*>())
      return bad_input("a dict key must be text, a number, a boolean or none, not " + type_name(k));
    dict->depth = std::max(dict->depth, 1 + depth_of(v));
    BW_TRY(const Value* present, find(m, *dict, k));
    if (present)
      *const_cast<Value*>(present) = std::move(v);  // ours until it is handed out below
    else
      dict->entries.emplace_back(std::move(k), std::move(v));
  }
  BW_CHECK(check_depth(dict->depth));
  return Value(DictPtr(std::move(dict)));
}

std::string type_name(const Value& v) {
  if (v.undefined()) return "undefined";
  if (v.none()) return "none";
  if (v.is<bool>()) return "a boolean";
  if (v.is<int64_t>()) return "an integer";
  if (v.is<double>()) return "a float";
  if (v.text()) return "text";
  if (v.dict()) return "a dict";
  if (v.is<CallablePtr>()) return "a function";
  if (v.is<Namespace*>()) return "a namespace";
  if (v.is<Loop*>()) return "a loop";
  switch (v.list()->kind) {
    case List::Kind::list:
      return "a list";
    case List::Kind::tuple:
      return "a tuple";
    case List::Kind::range:
      return "a range";
    case List::Kind::generator:
      return "a generator";
    default:
      return "a view of a dict";
  }
}

Error used_undefined(const Value& v) {
  const auto& why = v.as<Undefined>()->why;
  return bad_input(why ? *why : "an undefined value is used");
}

std::optional<int64_t> as_integer(const Value& v) {
  if (v.is<bool>()) return *v.as<bool>() ? 1 : 0;
  if (v.is<int64_t>()) return *v.as<int64_t>();
  return std::nullopt;
}
std::optional<double> as_number(const Value& v) {
  if (const auto i = as_integer(v)) return static_cast<double>(*i);
  if (v.is<double>()) return *v.as<double>();
  return std::nullopt;
}

bool truth(const Value& v) {
  if (v.undefined() || v.none()) return false;
  if (const auto n = as_number(v)) return *n != 0;
  if (v.text()) return !v.text()->empty();
  if (v.list()) return v.list()->kind == List::Kind::generator || !v.list()->items.empty();
  if (v.dict()) return !v.dict()->entries.empty();
  return true;
}

namespace {
bool sequence(const List& l) {
  return l.kind == List::Kind::list || l.kind == List::Kind::tuple;
}

Result<bool> equal_lists(Meter& m, const List& a, const List& b) {
  if (&a == &b) return true;
  if (a.kind != b.kind || a.items.size() != b.items.size()) return false;
  if (!sequence(a) && a.kind != List::Kind::range) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    BW_TRY(const bool same, equal(m, a.items[i], b.items[i]));
    if (!same) return false;
  }
  return true;
}
}  // namespace

Result<bool> equal(Meter& m, const Value& a, const Value& b) {
  BW_CHECK(m.spend());
  if (a.text() && b.text()) {
    if (a.text()->size() != b.text()->size()) return false;
    BW_CHECK(m.read(a.text()->size()));
    return a.text()->bytes() == b.text()->bytes();
  }
  const auto ia = as_integer(a), ib = as_integer(b);
  if (ia && ib) return *ia == *ib;
  const auto na = as_number(a), nb = as_number(b);
  if (na && nb) return *na == *nb;
  if (a.undefined() || b.undefined()) return a.undefined() && b.undefined();
  if (a.none() || b.none()) return a.none() && b.none();
  if (a.list() && b.list()) return equal_lists(m, *a.list(), *b.list());
  if (a.dict() && b.dict()) {
    if (a.dict() == b.dict()) return true;
    if (a.dict()->entries.size() != b.dict()->entries.size()) return false;
    for (const auto& [k, v] : a.dict()->entries) {
      BW_TRY(const Value* other, find(m, *b.dict(), k));
      if (!other) return false;
      BW_TRY(const bool same, equal(m, v, *other));
      if (!same) return false;
    }
    return true;
  }
  if (a.is<Namespace*>() && b.is<Namespace*>()) return *a.as<Namespace*>() == *b.as<Namespace*>();
  if (a.is<Loop*>() && b.is<Loop*>()) return *a.as<Loop*>() == *b.as<Loop*>();
  if (a.is<CallablePtr>() && b.is<CallablePtr>()) return *a.as<CallablePtr>() == *b.as<CallablePtr>();
  return false;
}

Result<bool> less(Meter& m, const Value& a, const Value& b) {
  BW_CHECK(m.spend());
  if (a.undefined()) return used_undefined(a);
  if (b.undefined()) return used_undefined(b);
  if (a.text() && b.text()) {
    BW_CHECK(m.read(std::min(a.text()->size(), b.text()->size())));
    return a.text()->bytes() < b.text()->bytes();  // byte order is code point order
  }
  const auto ia = as_integer(a), ib = as_integer(b);
  if (ia && ib) return *ia < *ib;
  const auto na = as_number(a), nb = as_number(b);
  if (na && nb) return *na < *nb;
  if (a.list() && b.list() && a.list()->kind == b.list()->kind && sequence(*a.list())) {
    const auto &x = a.list()->items, &y = b.list()->items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      BW_TRY(const bool same, equal(m, x[i], y[i]));
      if (!same) return less(m, x[i], y[i]);
    }
    return x.size() < y.size();
  }
  return bad_input("'<' has no meaning between " + type_name(a) + " and " + type_name(b));
}

std::string real_text(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, x, std::chars_format::scientific).ptr;
  std::string s(buffer, end);  // d.ddde+XX, the shortest that reads back as x
  const size_t e = s.find('e');
  const int exponent = std::stoi(s.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return s;
  const bool negative = s[0] == '-';
  std::string digits;
  for (const char c : s.substr(negative, e - negative))
    if (c != '.') digits += c;
  std::string out;
  if (exponent < 0) {
    out = "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  } else {
    const auto whole = static_cast<size_t>(exponent) + 1;
    if (digits.size() < whole) digits.append(whole - digits.size(), '0');
    out = digits.substr(0, whole) + "." + (digits.size() > whole ? digits.substr(whole) : "0");
  }
  return (negative ? "-" : "") + out;
}

namespace {
bool printable(char32_t c) {
  if (c == ' ') return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

MarkedText quoted(const MarkedText& text) {
  const std::string& s = text.bytes();
  const bool single = s.find('\'') == std::string::npos || s.find('"') != std::string::npos;
  const char quote = single ? '\'' : '"';
  MarkedText out(std::string(1, quote), false);
  for (size_t at = 0; at < s.size();) {
    const CodePoint c = code_point(s, at);
    char escape[16] = "";
    if (c.value == static_cast<unsigned char>(quote) || c.value == '\\')
      std::snprintf(escape, sizeof escape, "\\%c", static_cast<char>(c.value));
    else if (c.value == '\n' || c.value == '\r' || c.value == '\t')
      std::snprintf(escape, sizeof escape, "\\%c", c.value == '\n' ? 'n' : c.value == '\r' ? 'r' : 't');
    else if (c.valid && !printable(c.value))
      std::snprintf(escape, sizeof escape,
                    c.value < 0x100     ? "\\x%02x"
                    : c.value < 0x10000 ? "\\u%04x"
                                        : "\\U%08x",
                    static_cast<unsigned>(c.value));
    if (escape[0])
      out.append(escape, false);
    else
      out.append(std::string_view(s).substr(at, c.n_bytes), text.trusted_at(at));
    at += c.n_bytes;
  }
  out.append(std::string(1, quote), false);
  return out;
}

Status print(Meter& m, const Value& v, bool repr, MarkedText& out);

Status print_list(Meter& m, const List& list, MarkedText& out) {
  if (list.kind == List::Kind::range || list.kind == List::Kind::generator)
    return bad_input(std::string(list.kind == List::Kind::range ? "a range" : "a generator") +
                     " has no text of its own; use | list");
  const bool tuple = list.kind == List::Kind::tuple;
  const char* open = tuple                             ? "("
                     : list.kind == List::Kind::items  ? "dict_items(["
                     : list.kind == List::Kind::keys   ? "dict_keys(["
                     : list.kind == List::Kind::values ? "dict_values(["
                                                       : "[";
  const bool view = !tuple && list.kind != List::Kind::list;
  out.append(open, false);
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i) out.append(", ", false);
    BW_CHECK(print(m, list.items[i], true, out));
  }
  if (tuple && list.items.size() == 1) out.append(",", false);
  out.append(tuple ? ")" : view ? "])" : "]", false);
  return {};
}

Status print(Meter& m, const Value& v, bool repr, MarkedText& out) {
  BW_CHECK(m.spend());  // also for the few bytes a number or a bracket takes
  if (const MarkedText* text = v.text()) {
    BW_CHECK(m.allocate(text->size()));
    if (repr) BW_CHECK(m.spend(text->size() / 8));
    out.append(repr ? quoted(*text) : *text);
    return {};
  }
  if (v.undefined()) {
    if (repr) out.append("Undefined", false);
  } else if (v.none()) {
    out.append("None", false);
  } else if (v.is<bool>()) {
    out.append(*v.as<bool>() ? "True" : "False", false);
  } else if (v.is<int64_t>()) {
    out.append(std::to_string(*v.as<int64_t>()), false);
  } else if (v.is<double>()) {
    out.append(real_text(*v.as<double>()), false);
  } else if (v.list()) {
    BW_CHECK(print_list(m, *v.list(), out));
  } else if (v.dict()) {
    out.append("{", false);
    bool first = true;
    for (const auto& [key, value] : v.dict()->entries) {
      if (!first) out.append(", ", false);
      first = false;
      BW_CHECK(print(m, key, true, out));
      out.append(": ", false);
      BW_CHECK(print(m, value, true, out));
    }
    out.append("}", false);
  } else {
    return bad_input(type_name(v) + " has no text");
  }
  return {};
}
}  // namespace

Result<MarkedText> to_text(Meter& m, const Value& v) {
  MarkedText out;
  BW_CHECK(print(m, v, false, out));
  return out;
}
Result<MarkedText> to_repr(Meter& m, const Value& v) {
  MarkedText out;
  BW_CHECK(print(m, v, true, out));
  return out;
}

}  // namespace bw::text::jinja
