// The tests after `is`, each one row of a table.
#include <algorithm>
#include <array>

#include "text/jinja_interp.h"
#include "text/jinja_letters.h"

namespace bw::text::jinja {

namespace {

using Bound = std::vector<std::optional<Value>>;

template <class F>
Result<bool> plain(const Args& args, F holds) {
  BW_TRY(const Bound bound, bind(args, "a test", {}));
  return holds();
}
#define SIMPLE(name, condition)                                                                 \
  Result<bool> name([[maybe_unused]] Interp& in, [[maybe_unused]] const Value& v, Args& args) { \
    return plain(args, [&]() -> bool { return condition; });                                    \
  }
SIMPLE(is_boolean, v.is<bool>())
SIMPLE(is_callable,
       v.is<CallablePtr>() || v.is<Loop*>() || v.undefined())  // Undefined has __call__, as in Jinja
SIMPLE(is_defined, !v.undefined())
SIMPLE(is_undefined, v.undefined())
SIMPLE(is_escaped, v.text() && v.text()->escaped())
SIMPLE(is_false, v.is<bool>() && !*v.as<bool>())
SIMPLE(is_true, v.is<bool>() && *v.as<bool>())
SIMPLE(is_float, v.is<double>())
SIMPLE(is_integer, v.is<int64_t>())
SIMPLE(is_iterable, v.text() || v.list() || v.dict() || v.undefined() || v.is<Loop*>())
SIMPLE(is_mapping, v.dict() != nullptr)
SIMPLE(is_none, v.none())
SIMPLE(is_number, as_number(v).has_value())
SIMPLE(is_sequence,
       v.text() || v.dict() || v.undefined() ||
           (v.list() && (v.list()->kind == List::Kind::list || v.list()->kind == List::Kind::tuple ||
                         v.list()->kind == List::Kind::range)))
SIMPLE(is_string, v.text() != nullptr)
#undef SIMPLE

template <LetterTest test>
Result<bool> letters(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "a test", {}));
  BW_TRY(const MarkedText text, to_text(in.meter, v));
  BW_CHECK(in.meter.spend(1 + text.size() / 8));
  return all_letters(text.bytes(), test);
}

Result<bool> divisible(Interp& in, const Value& v, const Value& by) {
  BW_TRY(const Value rest, arithmetic(in, "%", v, by));
  const auto n = as_number(rest);
  return n && *n == 0;
}
Result<bool> is_divisibleby(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "divisibleby", {"num"}, 1));
  return divisible(in, v, *bound[0]);
}
Result<bool> is_even(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "even", {}));
  return divisible(in, v, Value(int64_t{2}));
}
Result<bool> is_odd(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "odd", {}));
  BW_TRY(const Value rest, arithmetic(in, "%", v, Value(int64_t{2})));
  const auto n = as_number(rest);
  return n && *n == 1;
}

template <int op>  // == != < <= > >= in
Result<bool> comparing(Interp& in, const Value& v, Args& args) {
  static constexpr const char* ops[] = {"==", "!=", "<", "<=", ">", ">=", "in"};
  BW_TRY(const Bound bound, bind(args, "a comparing test", {"other"}, 1));
  return compare(in, ops[op], v, *bound[0]);
}

// Python's `is`, for values without an identity of their own: same type and equal.
Result<bool> is_sameas(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "sameas", {"other"}, 1));
  const Value& o = *bound[0];
  if (v.text() || v.list() || v.dict())
    return v.text() == o.text() && v.list() == o.list() && v.dict() == o.dict();
  if (v.is<bool>() != o.is<bool>() || v.is<double>() != o.is<double>()) return false;
  return equal(in.meter, v, o);
}

Result<bool> is_filter(Interp&, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "filter", {}));
  return v.text() && find_filter(v.text()->bytes()) != nullptr;
}
Result<bool> is_test(Interp&, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "test", {}));
  return v.text() && find_test(v.text()->bytes()) != nullptr;
}

constexpr TestRow tests[] = {
    {"!=", comparing<1>},
    {"<", comparing<2>},
    {"<=", comparing<3>},
    {"==", comparing<0>},
    {">", comparing<4>},
    {">=", comparing<5>},
    {"boolean", is_boolean},
    {"callable", is_callable},
    {"defined", is_defined},
    {"divisibleby", is_divisibleby},
    {"eq", comparing<0>},
    {"equalto", comparing<0>},
    {"escaped", is_escaped},
    {"even", is_even},
    {"false", is_false},
    {"filter", is_filter},
    {"float", is_float},
    {"ge", comparing<5>},
    {"greaterthan", comparing<4>},
    {"gt", comparing<4>},
    {"in", comparing<6>},
    {"integer", is_integer},
    {"iterable", is_iterable},
    {"le", comparing<3>},
    {"lessthan", comparing<2>},
    {"lower", letters<LetterTest::lower>},
    {"lt", comparing<2>},
    {"mapping", is_mapping},
    {"ne", comparing<1>},
    {"none", is_none},
    {"number", is_number},
    {"odd", is_odd},
    {"sameas", is_sameas},
    {"sequence", is_sequence},
    {"string", is_string},
    {"test", is_test},
    {"true", is_true},
    {"undefined", is_undefined},
    {"upper", letters<LetterTest::upper>},
};

}  // namespace

const TestRow* find_test(std::string_view name) {
  for (const TestRow& row : tests)
    if (row.name == name) return &row;
  return nullptr;
}

std::optional<std::string> unknown_test(std::string_view name) {
  if (find_test(name)) return std::nullopt;
  std::string known;
  for (const TestRow& row : tests) known += (known.empty() ? "" : ", ") + std::string(row.name);
  return "unknown test '" + std::string(name.substr(0, 40)) + "'; known: " + known;
}

}  // namespace bw::text::jinja
