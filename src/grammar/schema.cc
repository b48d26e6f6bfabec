// References and combinations taken apart, assertions gathered. Keywords are checked in schema_check.cc.
#include "grammar/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string_view>

#include "grammar/regex.h"
#include "grammar/schema_errors.h"

namespace bw::grammar {
namespace {
constexpr size_t max_alternatives = 256, max_choices = 64, max_tried = 20'000;
constexpr size_t max_pattern_work = 100'000'000;

template <class List, class T>
bool has(const List& list, const T& value) {
  return std::find(std::begin(list), std::end(list), value) != std::end(list);
}
}  // namespace

Schemas joined(Schemas a, const Schemas& b) {
  a.insert(a.end(), b.begin(), b.end());
  const auto order = [](const Json* x, const Json* y) { return x->index < y->index; };
  std::sort(a.begin(), a.end(), order);
  a.erase(std::unique(a.begin(), a.end()), a.end());
  return a;
}

uint8_t types_of(const Json& type) {
  constexpr std::pair<std::string_view, uint8_t> names[] = {
      {"null", null_type},       {"boolean", boolean_type},
      {"integer", integer_type}, {"number", number_type | integer_type},
      {"string", string_type},   {"array", array_type},
      {"object", object_type}};
  if (type.is(Json::Kind::string))
    for (const auto& [name, bits] : names)
      if (name == type.text) return bits;
  return 0;
}

std::optional<uint64_t> count_of(const Json& v) {
  if (!v.is(Json::Kind::number)) return {};
  const Decimal d = Decimal::parse(v.text);
  if (d.negative || !d.is_integer()) return {};
  if (!d.fits(9)) return uint64_t(1'000'000'000);  // nothing here is ever so long
  const std::string digits = d.before_point();
  return digits.empty() ? 0 : std::stoull(digits);
}

Result<const CharDfa*> Schema::pattern(const std::string& text, const Json& where) {
  if (const auto known = patterns_.find(text); known != patterns_.end()) return &known->second;
  auto dfa = pattern_dfa(text, max_states_, &work_);
  if (!dfa)
    return Error{dfa.error().code, fmt::format("{}: {}", place(where), dfa.error().what), dfa.error().next};
  if (work_ > max_pattern_work) return refused(where, "the patterns of this schema together are too large");
  return &(patterns_[text] = std::move(*dfa));
}

Result<Schema::Alternatives> Schema::alternatives(const Schemas& set) {
  Alternatives out;
  for (const Json* s : set) BW_CHECK(check_cycle(*s));
  BW_CHECK(expand(set, {}, {}, out));
  return out;
}

Status Schema::expand(std::vector<const Json*> pending, Schemas so_far, std::vector<Choice> choices,
                      Alternatives& out) {
  if (++out.n_tried > max_tried || choices.size() > max_choices)
    return bad_input("#: too many combinations of anyOf and oneOf at one place");
  while (!pending.empty()) {
    const Json* s = pending.back();
    pending.pop_back();
    if (s->is(Json::Kind::boolean)) {
      if (!s->boolean) return {};
      continue;
    }
    if (has(so_far, s)) continue;
    so_far.push_back(s);
    if (const Json* ref = s->find("$ref")) {
      BW_TRY(const Json* to, target(*ref));
      pending.push_back(to);
    }
    if (const Json* all = s->find("allOf"))
      pending.insert(pending.end(), all->items.begin(), all->items.end());
    for (const bool one : {false, true})
      if (const Json* branches = s->find(one ? "oneOf" : "anyOf")) choices.push_back({branches, one});
  }
  if (choices.empty()) {
    if (out.all.size() >= max_alternatives)
      return bad_input(
          fmt::format("#: more than {} combinations of anyOf and oneOf at one place", max_alternatives));
    out.all.push_back(joined(std::move(so_far), {}));
    return {};
  }
  const Choice choice = choices.front();
  choices.erase(choices.begin());
  const std::vector<Json*>& branches = choice.branches->items;
  for (size_t i = 0; choice.one && i < branches.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      out.pairs.push_back({choice.branches, joined(so_far, {branches[j], branches[i]})});
  if (out.pairs.size() > 10 * max_alternatives)
    return refused(*choice.branches, "too many pairs of branches");
  for (const Json* branch : branches) BW_CHECK(expand({branch}, so_far, choices, out));
  return {};
}

Result<std::optional<Facts>> Schema::facts(const Schemas& alternative, bool formats) {
  Facts f;
  for (const Json* s : alternative) BW_CHECK(add(f, *s, formats));
  if (f.types == 0 || (f.literals && f.literals->empty())) return std::optional<Facts>{};
  if (f.literals) {
    std::vector<const Json*> kept;
    std::set<std::string> known;
    for (const Json* value : *f.literals) {
      bool holds = true;
      for (const Json* s : alternative) {
        BW_TRY(const bool ok, direct(*value, *s, formats));
        holds &= ok;
      }
      if (holds && known.insert(canonical(*value)).second) kept.push_back(value);
    }
    if (kept.empty()) return std::optional<Facts>{};
    f.literals = std::move(kept);
    return std::optional(std::move(f));
  }
  const bool only_integers = !(f.types & number_type);
  f.number.integer = only_integers || f.number.multiple != 0;
  for (const auto& bound : {f.number.low, f.number.high})
    if (bound && !f.number.integer && (f.types & number_type) && !bound->at.fits(max_number_digits))
      return bad_input(fmt::format("{}: a bound of a number that is no integer, of more than {} digits: {}",
                                   alternative.empty() ? "#" : place(*alternative.front()), max_number_digits,
                                   bound->at.text()),
                       "bounds of integers may have 40");
  return std::optional(std::move(f));
}

Status Schema::add(Facts& f, const Json& s, bool formats) {
  if (const Json* type = s.find("type")) {
    uint8_t bits = type->is(Json::Kind::array) ? 0 : types_of(*type);
    for (const Json* t : type->items) bits |= types_of(*t);
    f.types &= bits;
  }
  const auto literals = [&](std::vector<const Json*> list) {
    if (!f.literals) f.literals = std::move(list);  // those of others are checked later
  };
  if (const Json* v = s.find("enum")) literals({v->items.begin(), v->items.end()});
  if (const Json* v = s.find("const")) literals({v});
  for (const bool exclusive : {false, true}) {
    if (const Json* v = s.find(exclusive ? "exclusiveMinimum" : "minimum"))
      f.number.at_least({Decimal::parse(v->text), exclusive});
    if (const Json* v = s.find(exclusive ? "exclusiveMaximum" : "maximum"))
      f.number.at_most({Decimal::parse(v->text), exclusive});
  }
  if (const Json* v = s.find("multipleOf")) {
    const auto n = uint32_t(*count_of(*v));
    const uint64_t both = f.number.multiple ? std::lcm(uint64_t(f.number.multiple), uint64_t(n)) : n;
    if (both > max_multiple) return refused(*v, fmt::format("multiples of {}", both));
    f.number.multiple = uint32_t(both);
  }
  const auto most = [&](const char* name, uint64_t& value) {
    if (const Json* v = s.find(name)) value = std::max(value, *count_of(*v));
  };
  const auto least = [&](const char* name, uint64_t& value) {
    if (const Json* v = s.find(name)) value = std::min(value, *count_of(*v));
  };
  most("minLength", f.min_length);
  least("maxLength", f.max_length);
  most("minItems", f.min_items);
  least("maxItems", f.max_items);
  most("minProperties", f.min_properties);
  least("maxProperties", f.max_properties);
  if (const Json* v = s.find("pattern")) f.patterns.push_back(v);
  if (const Json* v = s.find("format"); v && formats) f.formats.push_back(v);
  if (s.find("prefixItems") || s.find("items")) f.arrays.push_back(&s);
  if (s.find("properties") || s.find("patternProperties") || s.find("additionalProperties"))
    f.objects.push_back(&s);
  if (const Json* v = s.find("required"))
    for (const Json* name : v->items)
      if (!has(f.required, name->text)) f.required.push_back(name->text);
  return {};
}

Schemas Schema::item(const Facts& f, size_t i) {
  Schemas out;
  for (const Json* s : f.arrays) {
    const Json *prefix = s->find("prefixItems"), *items = s->find("items");
    if (prefix && i < prefix->items.size())
      out.push_back(prefix->items[i]);
    else if (items)
      out.push_back(items);
  }
  return joined(std::move(out), {});
}
size_t Schema::n_prefix(const Facts& f) {
  size_t n = 0;
  for (const Json* s : f.arrays)
    if (const Json* prefix = s->find("prefixItems")) n = std::max(n, prefix->items.size());
  return n;
}

std::vector<Schema::NamePattern> Schema::name_patterns(const Facts& f) {
  std::vector<NamePattern> out;
  for (const Json* s : f.objects)
    if (const Json* patterns = s->find("patternProperties"))
      for (const Json::Member& m : patterns->members) out.push_back({s, patterns, m.name, m.value});
  return out;
}
Schemas Schema::other_member(const Facts& f, const std::vector<NamePattern>& patterns, uint32_t matched) {
  Schemas out;
  for (const Json* s : f.objects) {
    bool any = false;
    for (size_t i = 0; i < patterns.size(); ++i)
      if (patterns[i].in == s && (matched >> i) & 1) {
        out.push_back(patterns[i].value);
        any = true;
      }
    const Json* additional = s->find("additionalProperties");
    if (!any && additional) out.push_back(additional);
  }
  return joined(std::move(out), {});
}
Result<Schemas> Schema::member(const Facts& f, const std::string& name) {
  Schemas out;
  for (const Json* s : f.objects) {
    bool any = false;
    if (const Json* properties = s->find("properties"))
      if (const Json* value = properties->find(name)) {
        out.push_back(value);
        any = true;
      }
    if (const Json* patterns = s->find("patternProperties"))
      for (const Json::Member& m : patterns->members) {
        BW_TRY(const CharDfa* dfa, pattern(m.name, *m.value));
        if (!dfa->accepts(name)) continue;
        out.push_back(m.value);
        any = true;
      }
    const Json* additional = s->find("additionalProperties");
    if (!any && additional) out.push_back(additional);
  }
  return joined(std::move(out), {});
}

}  // namespace bw::grammar
