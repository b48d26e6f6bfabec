// Whether a constant is valid against a subschema: what enum and const leave is decided by looking, not by
// grammar. Only keywords that check() took are met.

#include "grammar/schema.h"
#include "grammar/schema_errors.h"
#include "grammar/strings.h"

namespace bw::grammar {
namespace {
constexpr size_t max_looks = 1'000'000;

bool within(const Json& schema, const char* min, const char* max, uint64_t n) {
  const Json *low = schema.find(min), *high = schema.find(max);
  return !(low && n < *count_of(*low)) && !(high && n > *count_of(*high));
}
uint8_t type_of(const Json& v) {
  switch (v.kind) {
    case Json::Kind::null:
      return null_type;
    case Json::Kind::boolean:
      return boolean_type;
    case Json::Kind::number:
      return Decimal::parse(v.text).is_integer() ? integer_type : number_type;
    case Json::Kind::string:
      return string_type;
    case Json::Kind::array:
      return array_type;
    case Json::Kind::object:
      return object_type;
  }
  return 0;
}
}  // namespace

// Each pair is looked at once: branches that refer to the same would multiply at every level.
Result<bool> Schema::valid(const Json& value, const Json& schema, bool formats) {
  if (schema.is(Json::Kind::boolean)) return schema.boolean;
  auto& known = valid_[formats];
  if (const auto found = known.find({&value, &schema}); found != known.end()) return found->second;
  if (known.size() > max_looks) return refused(schema, "too many constants to check against too much");
  BW_TRY(const bool is_valid, look(value, schema, formats));
  known[{&value, &schema}] = is_valid;
  return is_valid;
}

Result<bool> Schema::look(const Json& value, const Json& schema, bool formats) {
  BW_CHECK(check_cycle(schema));
  BW_TRY(const bool own, direct(value, schema, formats));
  if (!own) return false;
  if (const Json* ref = schema.find("$ref")) {
    BW_TRY(const Json* to, target(*ref));
    BW_TRY(const bool ok, valid(value, *to, formats));
    if (!ok) return false;
  }
  for (const char* k : {"allOf", "anyOf", "oneOf"}) {
    const Json* list = schema.find(k);
    if (!list) continue;
    size_t n = 0;
    for (const Json* s : list->items) {
      BW_TRY(const bool ok, valid(value, *s, formats));
      n += ok;
    }
    if (k[1] == 'l' ? n < list->items.size() : k[1] == 'n' && k[0] == 'a' ? n == 0 : n != 1) return false;
  }
  return true;
}

Result<bool> Schema::direct(const Json& value, const Json& s, bool formats) {
  Facts f;
  BW_CHECK(add(f, s, formats));
  if (!(f.types & type_of(value))) return false;
  if (const Json* list = s.find("enum")) {
    const auto [constants, is_new] = enums_.try_emplace(list);
    for (size_t i = 0; is_new && i < list->items.size(); ++i)
      constants->second.insert(canonical(*list->items[i]));
    if (!constants->second.count(canonical(value))) return false;
  }
  if (const Json* v = s.find("const"); v && canonical(*v) != canonical(value)) return false;
  switch (value.kind) {
    case Json::Kind::number:
      return f.number.holds(Decimal::parse(value.text));
    case Json::Kind::string: {
      const uint64_t n = n_characters(value.text);
      if (n < f.min_length || n > f.max_length) return false;
      for (const Json* p : f.patterns) {
        BW_TRY(const CharDfa* dfa, pattern(p->text, *p));
        if (!dfa->accepts(value.text)) return false;
      }
      for (const Json* p : f.formats) {
        BW_TRY(const CharDfa* dfa, pattern(std::string(*format_pattern(p->text)), *p));
        if (!dfa->accepts(value.text)) return false;
      }
      return true;
    }
    case Json::Kind::array:
      return direct_array(value, s, formats);
    case Json::Kind::object:
      return direct_object(value, s, formats);
    default:
      return true;
  }
}

Result<bool> Schema::direct_array(const Json& value, const Json& s, bool formats) {
  if (!within(s, "minItems", "maxItems", value.items.size())) return false;
  const Json *prefix = s.find("prefixItems"), *items = s.find("items");
  for (size_t i = 0; i < value.items.size(); ++i) {
    const Json* of = prefix && i < prefix->items.size() ? prefix->items[i] : items;
    if (!of) continue;
    BW_TRY(const bool ok, valid(*value.items[i], *of, formats));
    if (!ok) return false;
  }
  return true;
}

Result<bool> Schema::direct_object(const Json& value, const Json& s, bool formats) {
  if (!within(s, "minProperties", "maxProperties", value.members.size())) return false;
  if (const Json* required = s.find("required"))
    for (const Json* name : required->items)
      if (!value.find(name->text)) return false;
  Facts f;
  f.objects = {&s};
  for (const Json::Member& m : value.members) {
    BW_TRY(const Schemas all, member(f, m.name));
    for (const Json* of : all) {
      BW_TRY(const bool ok, valid(*m.value, *of, formats));
      if (!ok) return false;
    }
  }
  return true;
}

}  // namespace bw::grammar
