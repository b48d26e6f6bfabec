// Every keyword of a subschema that is reached: known, well formed, enforced; references that lead somewhere
// and not in a circle.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "grammar/schema.h"
#include "grammar/schema_errors.h"
#include "grammar/strings.h"

namespace bw::grammar {
namespace {
constexpr int max_chain = 128;
constexpr int64_t max_bound_digits = 40;

constexpr std::string_view annotations[] = {"title", "description", "default",    "examples", "$comment",
                                            "$defs", "definitions", "deprecated", "readOnly", "writeOnly"};

bool is_schema(const Json& v) {
  return v.is(Json::Kind::object) || v.is(Json::Kind::boolean);
}
Status all_schemas(const Json& v, bool named) {
  if (!v.is(named ? Json::Kind::object : Json::Kind::array))
    return expected(v, named ? "an object of schemas" : "an array of schemas");
  for (const Json* item : v.items)
    if (!is_schema(*item)) return expected(*item, "a schema: an object, true or false");
  for (const Json::Member& m : v.members)
    if (!is_schema(*m.value)) return expected(*m.value, "a schema: an object, true or false");
  return {};
}
std::string percent_decoded(std::string_view s) {
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    const auto digit = [](char c) {
      return c >= '0' && c <= '9'   ? c - '0'
             : c >= 'a' && c <= 'f' ? c - 'a' + 10
             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                    : -1;
    };
    if (s[i] == '%' && i + 2 < s.size() && digit(s[i + 1]) >= 0 && digit(s[i + 2]) >= 0) {
      out += char(digit(s[i + 1]) * 16 + digit(s[i + 2]));
      i += 2;
    } else {
      out += s[i];
    }
  }
  return out;
}
}  // namespace

Status Schema::check(const Json& s) {
  if (!checked_.insert(&s).second || s.is(Json::Kind::boolean)) return {};
  for (const Json::Member& m : s.members) BW_CHECK(check_keyword(s, m));
  return {};
}

Status Schema::check_keyword(const Json& s, const Json::Member& m) {
  const std::string& k = m.name;
  const Json& v = *m.value;
  if (std::find(std::begin(annotations), std::end(annotations), k) != std::end(annotations)) return {};
  if (k == "$schema") {
    const bool known = v.is(Json::Kind::string) && (v.text.rfind("https://json-schema.org/", 0) == 0 ||
                                                    v.text.rfind("http://json-schema.org/", 0) == 0);
    return known ? Status{} : refused(v, "a dialect of JSON Schema that is not json-schema.org's");
  }
  if (k == "$id") return s.up ? refused(v, "a schema with an $id of its own inside another") : Status{};
  if (k == "enum") return v.is(Json::Kind::array) ? Status{} : expected(v, "an array");
  if (k == "const") return {};
  if (k == "type") {
    const std::vector<Json*> one{m.value};
    for (const Json* t : v.is(Json::Kind::array) ? v.items : one)
      if (!types_of(*t)) return expected(*t, "null, boolean, integer, number, string, array or object");
    return {};
  }
  if (k == "$ref") return target(v) ? Status{} : Status(target(v).error());
  if (k == "properties") return all_schemas(v, true);
  if (k == "patternProperties") {
    BW_CHECK(all_schemas(v, true));
    for (const Json::Member& p : v.members) BW_CHECK(pattern(p.name, *p.value));
    return {};
  }
  if (k == "items" && v.is(Json::Kind::array))
    return refused(v, "an array of schemas is an older draft's form: say prefixItems");
  if (k == "additionalProperties" || k == "items")
    return is_schema(v) ? Status{} : expected(v, "a schema: an object, true or false");
  if (k == "allOf" || k == "anyOf" || k == "oneOf" || k == "prefixItems") {
    BW_CHECK(all_schemas(v, false));
    return v.items.empty() ? expected(v, "at least one schema") : Status{};
  }
  if (k == "required") {
    if (!v.is(Json::Kind::array)) return expected(v, "an array of names");
    for (const Json* name : v.items)
      if (!name->is(Json::Kind::string)) return expected(*name, "a name");
    return {};
  }
  for (const std::string_view n :
       {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
    if (k == n) return count_of(v) ? Status{} : expected(v, "a whole number of 0 or more");
  for (const std::string_view n : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
    if (k == n) {
      if (!v.is(Json::Kind::number)) return expected(v, "a number");
      return Decimal::parse(v.text).fits(max_bound_digits)
                 ? Status{}
                 : refused(v, fmt::format("a bound of more than {} digits", max_bound_digits));
    }
  if (k == "multipleOf") {
    if (!v.is(Json::Kind::number)) return expected(v, "a number");
    const auto n = count_of(v);
    if (!n || *n == 0 || *n > max_multiple)
      return refused(v, fmt::format("multipleOf of other than a whole number from 1 to {}", max_multiple));
    return {};
  }
  if (k == "pattern") {
    if (!v.is(Json::Kind::string)) return expected(v, "a regular expression");
    const auto dfa = pattern(v.text, v);
    return dfa ? Status{} : Status(dfa.error());
  }
  if (k == "format") {
    if (!v.is(Json::Kind::string)) return expected(v, "the name of a format");
    return format_pattern(v.text)
               ? Status{}
               : refused(v, fmt::format("the format \"{}\" is not enforced (those are: {})", v.text,
                                        formats_enforced));
  }
  if (k == "uniqueItems" && v.is(Json::Kind::boolean) && !v.boolean) return {};
  return refused(v, fmt::format("the keyword \"{}\" is not enforced", k));
}

Result<const Json*> Schema::target(const Json& ref) {
  if (!ref.is(Json::Kind::string)) return expected(ref, "a reference");
  if (ref.text.empty() || ref.text[0] != '#')
    return refused(ref, "a reference to outside of the schema (only #/... is followed)");
  const std::string pointer = percent_decoded(std::string_view(ref.text).substr(1));
  if (!pointer.empty() && pointer[0] != '/')
    return refused(ref, "a reference to an anchor (only #/... is followed)");
  const Json* found = document_.at(pointer);
  if (!found) return bad_input(fmt::format("{}: nothing stands at {}", place(ref), ref.text));
  if (!is_schema(*found)) return bad_input(fmt::format("{}: {} is no schema", place(ref), ref.text));
  return found;
}

// Subschemas that `schema` applies to its own place.
Result<std::vector<const Json*>> Schema::same_place(const Json& schema) {
  std::vector<const Json*> out;
  if (const Json* ref = schema.find("$ref")) {
    BW_TRY(const Json* to, target(*ref));
    out.push_back(to);
  }
  for (const char* k : {"allOf", "anyOf", "oneOf"})
    if (const Json* list = schema.find(k)) out.insert(out.end(), list->items.begin(), list->items.end());
  return out;
}

// A schema that comes back to itself without having gone into the instance means nothing (JSON Schema Core,
// 9.4.1).
Status Schema::check_cycle(const Json& schema, int depth) {
  int& state = cycle_[&schema];
  if (state == 2) return {};
  if (depth > max_chain)
    return refused(schema,
                   fmt::format("more than {} references and combinations one after the other", max_chain));
  if (state == 1) return refused(schema, "a schema that refers back to itself at the same place");
  state = 1;
  BW_CHECK(check(schema));
  BW_TRY(const std::vector<const Json*> next, same_place(schema));
  for (const Json* s : next) BW_CHECK(check_cycle(*s, depth + 1));
  cycle_[&schema] = 2;
  return {};
}

}  // namespace bw::grammar
