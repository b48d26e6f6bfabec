// Python's operators on values, with 64-bit integers that refuse to overflow instead of growing.
#include <cmath>
#include <cstdio>
#include <cstring>

#include "text/jinja_interp.h"

namespace bw::text::jinja {

namespace {

Error meaningless(const std::string& op, const Value& a, const Value& b) {
  if (a.undefined()) return used_undefined(a);
  if (b.undefined()) return used_undefined(b);
  return bad_input("'" + op + "' has no meaning between " + type_name(a) + " and " + type_name(b));
}
Error overflow() {
  return bad_input("an integer does not fit 64 bits");
}

bool sequence(const List* l) {
  return l && (l->kind == List::Kind::list || l->kind == List::Kind::tuple);
}

Result<Value> on_integers(const std::string& op, int64_t a, int64_t b) {
  int64_t out = 0;
  if (op == "+") return __builtin_add_overflow(a, b, &out) ? Result<Value>(overflow()) : Value(out);
  if (op == "-") return __builtin_sub_overflow(a, b, &out) ? Result<Value>(overflow()) : Value(out);
  if (op == "*") return __builtin_mul_overflow(a, b, &out) ? Result<Value>(overflow()) : Value(out);
  if (op == "**") {
    if (b < 0) {
      if (a == 0) return bad_input("0 to a negative power");
      return Value(std::pow(static_cast<double>(a), static_cast<double>(b)));
    }
    if (a == 0 || a == 1) return Value(b == 0 ? int64_t{1} : a);
    if (a == -1) return Value(b % 2 ? int64_t{-1} : int64_t{1});
    out = 1;
    for (; b > 0; --b)  // at most 63 rounds for any other base
      if (__builtin_mul_overflow(out, a, &out)) return overflow();
    return Value(out);
  }
  if (b == 0) return bad_input("division by zero");
  if (op == "/") return Value(static_cast<double>(a) / static_cast<double>(b));
  if (b == -1) return op == "%" ? Result<Value>(Value(int64_t{0})) : on_integers("-", 0, a);
  const int64_t q = a / b, r = a % b;
  const bool down = r != 0 && (r < 0) != (b < 0);  // Python rounds down, C++ to zero
  return Value(op == "//" ? q - (down ? 1 : 0) : r + (down ? b : 0));
}

Result<Value> on_reals(const std::string& op, double a, double b) {
  if (op == "+") return Value(a + b);
  if (op == "-") return Value(a - b);
  if (op == "*") return Value(a * b);
  if (op == "**") {
    if (a == 0 && b < 0) return bad_input("0 to a negative power");
    const double p = std::pow(a, b);
    if (std::isnan(p) && !std::isnan(a) && !std::isnan(b)) return bad_input("the power is no real number");
    if (std::isinf(p) && !std::isinf(a) && !std::isinf(b)) return bad_input("the power is too large");
    return Value(p);
  }
  if (b == 0) return bad_input("division by zero");
  if (op == "/") return Value(a / b);
  double r = std::fmod(a, b);
  if (r != 0 && (r < 0) != (b < 0)) r += b;
  if (op == "%") return Value(r == 0 ? std::copysign(0.0, b) : r);
  const double q = (a - r) / b, whole = std::floor(q);
  return Value(q - whole > 0.5 ? whole + 1 : whole);
}

Result<Value> repeated(Interp& in, const Value& subject, int64_t times) {
  const size_t n = times < 0 ? 0 : static_cast<size_t>(times);
  const size_t size = subject.text() ? subject.text()->size() : subject.list()->items.size() * sizeof(Value);
  if (size > 0 && n > SIZE_MAX / 2 / size) return in.meter.allocate(SIZE_MAX).error();
  BW_CHECK(in.meter.allocate(size * n));
  BW_CHECK(in.meter.spend(size ? n : 0));
  if (const MarkedText* text = subject.text()) {
    MarkedText out;
    for (size_t i = 0; size && i < n; ++i) out.append(*text);
    return make_text(in.meter, std::move(out));
  }
  std::vector<Value> out;
  for (size_t i = 0; size && i < n; ++i)
    out.insert(out.end(), subject.list()->items.begin(), subject.list()->items.end());
  return make_list(in.meter, subject.list()->kind, std::move(out));
}

}  // namespace

Result<Value> arithmetic(Interp& in, const std::string& op, const Value& a, const Value& b) {
  BW_CHECK(in.meter.spend());
  const auto ia = as_integer(a), ib = as_integer(b);
  if (ia && ib) return on_integers(op, *ia, *ib);
  const auto na = as_number(a), nb = as_number(b);
  if (na && nb) return on_reals(op, *na, *nb);
  if (const bool ea = a.text() && a.text()->escaped(), eb = b.text() && b.text()->escaped(); ea || eb) {
    if (op != "+" || !a.text() || !b.text())
      return bad_input("'" + op + "' on what the filter safe gave is not built in");
    BW_CHECK(in.meter.allocate(6 * (a.text()->size() + b.text()->size())));
    BW_CHECK(in.meter.spend((a.text()->size() + b.text()->size()) / 8));
    MarkedText out = a.text()->escape();
    out.append(b.text()->escape());
    return make_text(in.meter, out.as_escaped());
  }
  if (op == "+") {
    if (a.text() && b.text()) {
      MarkedText out = *a.text();
      out.append(*b.text());
      return make_text(in.meter, std::move(out));
    }
    if (sequence(a.list()) && sequence(b.list()) && a.list()->kind == b.list()->kind) {
      BW_CHECK(in.meter.allocate((a.list()->items.size() + b.list()->items.size()) * sizeof(Value)));
      std::vector<Value> out = a.list()->items;
      out.insert(out.end(), b.list()->items.begin(), b.list()->items.end());
      return make_list(in.meter, a.list()->kind, std::move(out));
    }
  }
  if (op == "*") {
    if ((a.text() || sequence(a.list())) && ib) return repeated(in, a, *ib);
    if ((b.text() || sequence(b.list())) && ia) return repeated(in, b, *ia);
  }
  if (op == "%" && a.text() && !b.undefined()) return formatted(in, *a.text(), b);
  return meaningless(op, a, b);
}

Result<Value> negated(const Value& v) {
  if (v.undefined()) return used_undefined(v);
  if (const auto i = as_integer(v)) return on_integers("-", 0, *i);
  if (v.is<double>()) return Value(-*v.as<double>());
  return bad_input("'-' has no meaning before " + type_name(v));
}

Result<bool> contains(Interp& in, const Value& container, const Value& v) {
  if (const MarkedText* text = container.text()) {
    if (v.undefined()) return used_undefined(v);
    if (!v.text()) return bad_input("'in' text needs text before it, found " + type_name(v));
    BW_CHECK(in.meter.read(text->size() + v.text()->size()));
    const std::string &hay = text->bytes(), &needle = v.text()->bytes();
    return memmem(hay.data(), hay.size(), needle.data(), needle.size()) != nullptr;  // linear time (two-way)
  }
  if (const Dict* dict = container.dict()) {
    if (v.list() || v.dict()) return bad_input(type_name(v) + " cannot be a dict key");
    BW_TRY(const Value* found, find(in.meter, *dict, v));
    return found != nullptr;
  }
  if (!container.list() && !container.undefined())
    return bad_input("'in' has no meaning for " + type_name(container));
  BW_TRY(const ListPtr list, in.items(container));
  for (const Value& item : list->items) {
    BW_TRY(const bool same, equal(in.meter, item, v));
    if (same) return true;
  }
  return false;
}

Result<bool> compare(Interp& in, const std::string& op, const Value& a, const Value& b) {
  if (op == "in") return contains(in, b, a);
  if (op == "not in") {
    BW_TRY(const bool held, contains(in, b, a));
    return !held;
  }
  if (op == "==" || op == "!=") {
    BW_TRY(const bool same, equal(in.meter, a, b));
    return same == (op == "==");
  }
  if (const auto na = as_number(a), nb = as_number(b); na && nb && (std::isnan(*na) || std::isnan(*nb)))
    return false;
  const bool swapped = op == ">" || op == "<=";  // a > b is b < a; a <= b is not b < a
  BW_TRY(const bool below, swapped ? less(in.meter, b, a) : less(in.meter, a, b));
  return below == (op == "<" || op == ">");
}

// Python's %: flags, width, precision and the conversions s r d i f F e g x X o c %.
Result<Value> formatted(Interp& in, const MarkedText& format, const Value& args) {
  const std::string& f = format.bytes();
  const List* tuple = args.list() && args.list()->kind == List::Kind::tuple ? args.list() : nullptr;
  size_t used = 0;
  MarkedText out;
  for (size_t at = 0; at < f.size();) {
    const size_t percent = f.find('%', at);
    out.append(format.slice(at, std::min(percent, f.size())));
    if (percent == std::string::npos) break;
    at = percent + 1;
    const Value* named = nullptr;
    if (at < f.size() && f[at] == '(') {
      const size_t close = f.find(')', at);
      if (close == std::string::npos || !args.dict())
        return bad_input("format: %(name) needs a name and a dict");
      named = args.dict()->find(std::string_view(f).substr(at + 1, close - at - 1));
      if (!named) return bad_input("format: the dict has no such name");
      at = close + 1;
      used = 1;
    }
    std::string spec = "%";
    while (at < f.size() && std::strchr("-+ 0#", f[at]) && spec.size() < 8) spec += f[at++];
    const auto digits = [&] {
      for (int n = 0; n < 3 && at < f.size() && f[at] >= '0' && f[at] <= '9'; ++n) spec += f[at++];
    };
    digits();
    if (at < f.size() && f[at] == '.') {
      spec += f[at++];
      digits();
    }
    if (at >= f.size()) return bad_input("format: incomplete at its end");
    const char kind = f[at++];
    if (kind == '%') {
      out.append(format.slice(at - 1, at));
      continue;
    }
    const Value& v = named   ? *named
                     : tuple ? (used < tuple->items.size() ? tuple->items[used] : Value())
                             : args;
    if (!named && ((tuple && used >= tuple->items.size()) || (!tuple && used > 0)))
      return bad_input("format: not enough arguments");
    if (!named) ++used;
    if (kind == 's' || kind == 'r') {
      if (spec != "%")
        return bad_input("format: width and precision of %" + std::string(1, kind) + " are not built in");
      BW_TRY(const MarkedText text, kind == 's' ? to_text(in.meter, v) : to_repr(in.meter, v));
      out.append(text);
      continue;
    }
    const auto number = as_number(v);
    const bool whole = std::strchr("dixXo", kind) != nullptr, real = std::strchr("fFeEgG", kind) != nullptr;
    if ((!whole && !real) || !number || (whole && kind != 'd' && kind != 'i' && !as_integer(v)))
      return bad_input("format: %" + std::string(1, kind) + " has no meaning for " + type_name(v));
    char buffer[512];
    int n = 0;
    if (real) {
      n = std::snprintf(buffer, sizeof buffer, (spec + kind).c_str(), *number);
    } else {
      if (!as_integer(v) && !(std::fabs(*number) < 9e18)) return overflow();
      const auto integer = as_integer(v) ? *as_integer(v) : static_cast<int64_t>(*number);
      if (kind != 'd' && kind != 'i' && integer < 0)
        return bad_input("format: %x and %o of a negative number");
      n = std::snprintf(buffer, sizeof buffer, (spec + "l" + kind).c_str(), static_cast<long>(integer));
    }
    if (n < 0 || n >= static_cast<int>(sizeof buffer))
      return bad_input("format: a number of more than 500 characters");
    out.append(std::string_view(buffer, static_cast<size_t>(n)), false);
  }
  const List* list = args.list();
  const bool mapping =
      args.dict() || (list && (list->kind == List::Kind::list ||
                               list->kind == List::Kind::range));  // Python lets what has items go unused
  if (!mapping && used < (tuple ? tuple->items.size() : 1))
    return bad_input("format: not all arguments are used");
  return make_text(in.meter, std::move(out));
}

}  // namespace bw::text::jinja
