#include "contract/keywords.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace bw::contract {

void make_integral(nlohmann::json& v) {
  if (v.is_number_float()) {
    const double d = v.get<double>();
    if (std::abs(d) < 9e15 && d == static_cast<double>(static_cast<int64_t>(d))) v = static_cast<int64_t>(d);
  }
  if (v.is_structured())
    for (nlohmann::json& inner : v) make_integral(inner);
}

namespace {

using Json = nlohmann::json;

constexpr size_t most_depth = 64;

enum class Form { annotation, value, schema, list_of_schemas, map_of_schemas, special };
const std::map<std::string, Form, std::less<>> forms{
    {"title", Form::annotation},
    {"description", Form::annotation},
    {"default", Form::annotation},
    {"examples", Form::annotation},
    {"$comment", Form::annotation},
    {"$schema", Form::annotation},
    {"readOnly", Form::annotation},
    {"writeOnly", Form::annotation},
    {"deprecated", Form::annotation},
    {"contentEncoding", Form::annotation},
    {"contentMediaType", Form::annotation},
    {"contentSchema", Form::annotation},
    {"type", Form::value},
    {"enum", Form::value},
    {"const", Form::value},
    {"required", Form::value},
    {"minProperties", Form::value},
    {"maxProperties", Form::value},
    {"minItems", Form::value},
    {"maxItems", Form::value},
    {"uniqueItems", Form::value},
    {"minLength", Form::value},
    {"maxLength", Form::value},
    {"minimum", Form::value},
    {"maximum", Form::value},
    {"exclusiveMinimum", Form::value},
    {"exclusiveMaximum", Form::value},
    {"additionalProperties", Form::schema},
    {"propertyNames", Form::schema},
    {"contains", Form::schema},
    {"not", Form::schema},
    {"if", Form::schema},
    {"then", Form::schema},
    {"else", Form::schema},
    {"allOf", Form::list_of_schemas},
    {"anyOf", Form::list_of_schemas},
    {"oneOf", Form::list_of_schemas},
    {"properties", Form::map_of_schemas},
    {"$defs", Form::map_of_schemas},
    {"definitions", Form::map_of_schemas},
    {"$ref", Form::special},
    {"$id", Form::special},
    {"pattern", Form::special},
    {"format", Form::special},
    {"multipleOf", Form::special},
    {"items", Form::special},
    {"prefixItems", Form::special},
    {"dependentRequired", Form::special},
    {"dependentSchemas", Form::special},
};

// As patterns, so that one bounded matcher does all the work. Leap years and seconds: RFC 3339 section 5.7; a
// second of 60 is refused, since whether there was one cannot be told.
#define BW_DATE                                                                                            \
  "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|"    \
  "02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])" \
  "00)-02-29)"
#define BW_TIME \
  "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
#define BW_OCTET "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
const std::map<std::string, std::string, std::less<>> formats{
    {"date", "^" BW_DATE "$"},
    {"time", "^" BW_TIME "$"},
    {"date-time", "^" BW_DATE "[Tt]" BW_TIME "$"},
    {"uuid", "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"},
    {"ipv4", "^" BW_OCTET "(?:\\." BW_OCTET "){3}$"},
};

std::string escaped(std::string key) {  // RFC 6901
  for (size_t at = 0; (at = key.find_first_of("~/", at)) != std::string::npos; at += 2)
    key.replace(at, 1, key[at] == '~' ? "~0" : "~1");
  return key;
}

Error at(const std::string& pointer, const std::string& message, std::string next = {}) {
  return bad_input(fmt::format("schema, at \"{}\": {}", pointer, message), std::move(next));
}

bool is_count(const Json& v) {
  return v.is_number_unsigned() || (v.is_number_integer() && v.get<int64_t>() >= 0);
}

class Rewriter {
 public:
  explicit Rewriter(const Json& root) : root_(root) {}
  std::map<std::string, std::string> patterns;

  Result<Json> schema(const Json& in, const std::string& where, size_t depth) {
    if (depth > most_depth) return at(where, fmt::format("nested deeper than {}", most_depth));
    if (in.is_boolean()) return in;
    if (!in.is_object()) return at(where, "expected a schema: an object, true or false");
    Json out = Json::object(), all = Json::array();
    for (const auto& [key, value] : in.items()) {
      const std::string here = where + "/" + escaped(key);
      const auto form = forms.find(key);
      if (form == forms.end())
        return at(here, fmt::format("the keyword \"{}\" cannot be checked", key),
                  "keywords that can: docs/contract.md");
      switch (form->second) {
        case Form::annotation:
          break;
        case Form::value: {
          BW_CHECK(value_of(key, value, here));
          out[key] = value;
          make_integral(out[key]);
          break;
        }
        case Form::schema: {
          BW_TRY(out[key], schema(value, here, depth + 1));
          break;
        }
        case Form::list_of_schemas: {
          if (!value.is_array() || value.empty()) return at(here, "expected a list of schemas");
          // allOf also takes what is rewritten; the order keeps references into it right.
          Json list = Json::array();
          for (size_t i = 0; i < value.size(); ++i) {
            BW_TRY(Json one, schema(value[i], fmt::format("{}/{}", here, i), depth + 1));
            list.push_back(std::move(one));
          }
          if (key == "allOf")
            all.insert(all.begin(), list.begin(), list.end());
          else
            out[key] = std::move(list);
          break;
        }
        case Form::map_of_schemas: {
          if (!value.is_object()) return at(here, "expected an object of schemas");
          Json map = Json::object();
          for (const auto& [name, inner] : value.items()) {
            BW_TRY(map[name], schema(inner, here + "/" + escaped(name), depth + 1));
          }
          out[key] = std::move(map);
          break;
        }
        case Form::special:
          BW_CHECK(special(in, key, value, here, depth, out, all));
          break;
      }
    }
    if (!all.empty()) out["allOf"] = std::move(all);
    return out;
  }

  // A schema that refers to itself without going into a property or an item would be looked at for ever.
  Status no_loops(const Json& in, const std::string& where, std::set<const Json*>& open) {
    if (!in.is_object() || done_.count(&in)) return {};
    if (!open.insert(&in).second) return at(where, "the schema refers to itself without end");
    for (const char* key : {"not", "if", "then", "else"})
      if (in.contains(key)) BW_CHECK(no_loops(in[key], where + "/" + key, open));
    for (const char* key : {"allOf", "anyOf", "oneOf", "dependentSchemas"})
      if (in.contains(key))
        for (const Json& inner : in[key]) BW_CHECK(no_loops(inner, where + "/" + key, open));
    if (in.contains("$ref") && in["$ref"].is_string())
      if (const Json* target = find(in["$ref"].get<std::string>()))
        BW_CHECK(no_loops(*target, where + "/$ref", open));
    open.erase(&in);
    done_.insert(&in);
    return {};
  }
  Status no_loops_below(const Json& in, const std::string& where) {
    if (!in.is_structured()) return {};
    std::set<const Json*> open;
    BW_CHECK(no_loops(in, where, open));
    for (const auto& [key, inner] : in.items())
      if (key != "enum" && key != "const") BW_CHECK(no_loops_below(inner, where + "/" + key));
    return {};
  }

 private:
  const Json* find(const std::string& reference) const {
    if (reference.empty() || reference[0] != '#') return nullptr;
    if (reference.size() > 1 && reference[1] != '/') return nullptr;
    std::string pointer;
    for (size_t i = 1; i < reference.size(); ++i) {  // RFC 3986: a fragment may be percent-encoded
      if (reference[i] == '%') {
        const auto hex = [&](size_t k) {
          return k < reference.size() ? std::string_view("0123456789abcdef")
                                            .find(static_cast<char>(std::tolower(reference[k])))
                                      : std::string_view::npos;
        };
        const size_t high = hex(i + 1), low = hex(i + 2);
        if (high == std::string_view::npos || low == std::string_view::npos) return nullptr;
        pointer += static_cast<char>(high * 16 + low);
        i += 2;
      } else {
        pointer += reference[i];
      }
    }
    // By hand: nlohmann's json_pointer throws on what is malformed.
    const Json* node = &root_;
    for (size_t at = 0; at < pointer.size();) {
      const size_t next = std::min(pointer.find('/', at + 1), pointer.size());
      std::string name = pointer.substr(at + 1, next - at - 1);
      for (size_t k = 0; (k = name.find('~', k)) != std::string::npos; ++k) {
        if (k + 1 >= name.size() || (name[k + 1] != '0' && name[k + 1] != '1')) return nullptr;
        name.replace(k, 2, name[k + 1] == '0' ? "~" : "/");
      }
      if (node->is_object() && node->contains(name))
        node = &(*node)[name];
      else if (node->is_array() && !name.empty() && name.size() < 9 &&
               std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
               std::stoul(name) < node->size())
        node = &(*node)[std::stoul(name)];
      else
        return nullptr;
      at = next;
    }
    return node;
  }

  Status value_of(const std::string& key, const Json& v, const std::string& here) const {
    static const std::set<std::string, std::less<>> types{"null",   "boolean", "object", "array",
                                                          "number", "string",  "integer"};
    const auto is_type = [&](const Json& t) {
      return t.is_string() && types.count(t.get<std::string>()) > 0;
    };
    const auto is_text = [](const Json& t) { return t.is_string(); };
    bool good = true;
    if (key == "type")
      good = is_type(v) || (v.is_array() && !v.empty() && std::all_of(v.begin(), v.end(), is_type));
    else if (key == "enum")
      good = v.is_array() && !v.empty();
    else if (key == "required")
      good = v.is_array() && std::all_of(v.begin(), v.end(), is_text);
    else if (key == "uniqueItems")
      good = v.is_boolean();
    else if (key.ends_with("inimum") || key.ends_with("aximum"))
      good = v.is_number();
    else if (key != "const") {
      Json whole = v;
      make_integral(whole);
      good = is_count(whole);
    }
    if (!good) return at(here, fmt::format("not a value that \"{}\" can have", key));
    return {};
  }

  Status special(const Json& in, const std::string& key, const Json& value, const std::string& here,
                 size_t depth, Json& out, Json& all) {
    if (key == "$id") {
      if (depth > 0)
        return at(here, "\"$id\" below the root changes what references mean: it cannot be checked");
      return {};
    }
    if (key == "$ref") {
      if (!value.is_string() || value.get<std::string>().empty() || value.get<std::string>()[0] != '#')
        return at(here, "expected a reference into this schema, \"#/...\"",
                  "nothing is fetched: copy it under $defs");
      const std::string reference = value.get<std::string>();
      if (!find(reference)) return at(here, fmt::format("{} is not in this schema", reference));
      // Draft 7 ignores what stands beside a reference; 2020-12 does not.
      all.push_back({{"$ref", reference}});
      return {};
    }
    if (key == "pattern" || key == "format") {
      if (!value.is_string() || value.get<std::string>().find('\0') != std::string::npos)
        return at(here, "expected a text without zero bytes");
      std::string pattern = value.get<std::string>();
      std::string says = "does not match the pattern " + pattern;
      if (key == "format") {
        says = "is no " + pattern;
        const auto known = formats.find(pattern);
        if (known == formats.end()) {
          std::string names;
          for (const auto& [name, p] : formats) names += (names.empty() ? "" : ", ") + name;
          return at(here, fmt::format("the format \"{}\" cannot be checked", pattern),
                    "formats that can: " + names);
        }
        pattern = known->second;
      }
      patterns.emplace(pattern, says);
      all.push_back({{"pattern", pattern}});
      return {};
    }
    if (key == "multipleOf") {
      Json whole = value;
      make_integral(whole);
      if (!whole.is_number_integer() || whole.get<int64_t>() < 1)
        return at(here, "\"multipleOf\" can only be checked for whole numbers from 1");
      out[key] = whole.get<int64_t>();
      all.push_back(
          {{"if", {{"type", "number"}}}, {"then", {{"type", "integer"}}}});  // valijson cuts 1.5 to 1
      return {};
    }
    if (key == "items") {
      if (in.contains("prefixItems")) return {};  // there
      BW_TRY(out["items"], schema(value, here, depth + 1));
      return {};
    }
    if (key == "prefixItems") {
      if (!value.is_array() || value.empty()) return at(here, "expected a list of schemas");
      Json list = Json::array();
      for (size_t i = 0; i < value.size(); ++i) {
        BW_TRY(Json one, schema(value[i], fmt::format("{}/{}", here, i), depth + 1));
        list.push_back(std::move(one));
      }
      out["items"] = std::move(list);
      if (in.contains("items")) {
        BW_TRY(out["additionalItems"], schema(in["items"], here + "/../items", depth + 1));
      }
      return {};
    }
    // dependentRequired, dependentSchemas: draft 7 has one word for both.
    if (!value.is_object()) return at(here, "expected an object");
    for (const auto& [name, inner] : value.items()) {
      Json dependency;
      if (key == "dependentSchemas") {
        BW_TRY(dependency, schema(inner, here + "/" + escaped(name), depth + 1));
        if (dependency.is_boolean())
          dependency = dependency.get<bool>() ? Json::object() : Json{{"not", Json::object()}};
      } else {
        BW_CHECK(value_of("required", inner, here + "/" + escaped(name)));
        dependency = inner;
      }
      all.push_back({{"dependencies", {{name, dependency}}}});
    }
    return {};
  }

  const Json& root_;
  std::set<const Json*> done_;  // by no_loops
};

}  // namespace

Result<Rewritten> rewrite_schema(const Json& schema) {
  Rewriter r(schema);
  Rewritten out;
  BW_TRY(out.schema, r.schema(schema, "", 0));
  BW_CHECK(r.no_loops_below(schema, ""));
  out.patterns = std::move(r.patterns);
  return out;
}

std::string impossible(const Json& s) {
  if (s == false) return "it is false";
  if (!s.is_object()) return "";
  const auto above = [&](const char* least, const char* most) {
    return s.contains(least) && s.contains(most) && s[least].is_number() && s[most].is_number() &&
                   s[least] > s[most]
               ? fmt::format("{} {} is above {} {}", least, s[least].dump(), most, s[most].dump())
               : std::string();
  };
  // minLength and the like only bind their own type: without "type" other values stay possible.
  const auto is_only = [&](const char* type) { return s.contains("type") && s["type"] == type; };
  std::string why;
  if (is_only("number") || is_only("integer")) why = above("minimum", "maximum");
  if (is_only("string")) why = above("minLength", "maxLength");
  if (is_only("array")) why = above("minItems", "maxItems");
  if (is_only("object")) {
    why = above("minProperties", "maxProperties");
    const bool closed = s.contains("additionalProperties") && s["additionalProperties"] == false;
    if (why.empty() && s.contains("required") && s["required"].is_array())
      for (const Json& name : s["required"]) {
        if (!name.is_string()) continue;
        const bool declared = s.contains("properties") && s["properties"].contains(name.get<std::string>());
        if (closed && !declared)
          why = fmt::format("\"{}\" is required and is no property of it", name.get<std::string>());
        else if (declared)
          if (const std::string inner = impossible(s["properties"][name.get<std::string>()]); !inner.empty())
            why = fmt::format("\"{}\" is required and impossible: {}", name.get<std::string>(), inner);
        if (!why.empty()) break;
      }
  }
  if (why.empty() && s.contains("allOf") && s["allOf"].is_array())
    for (const Json& inner : s["allOf"])
      if (why = impossible(inner); !why.empty()) break;
  return why;
}

}  // namespace bw::contract
