#include "base/figure_json.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace bw {
namespace {
using Json = nlohmann::ordered_json;

Json bound(const std::optional<double>& v) {
  return v && std::isfinite(*v) ? Json(*v) : Json(nullptr);
}

Error wrong(const char* key, const char* expected, const Json* found) {
  return bad_input(fmt::format("figure: {}: expected {}, found {}", key, expected,
                               found ? found->type_name() : "nothing"));
}

// Member `key`, or nullptr.
const Json* member(const Json& j, const char* key) {
  const auto it = j.find(key);
  return it == j.end() ? nullptr : &*it;
}

Result<std::string> text(const Json& j, const char* key) {
  const Json* v = member(j, key);
  if (!v || !v->is_string()) return wrong(key, "a string", v);
  return v->get<std::string>();
}

Result<std::optional<double>> number_or_null(const Json& j, const char* key) {
  const Json* v = member(j, key);
  if (!v || !(v->is_number() || v->is_null())) return wrong(key, "a number or null", v);
  if (v->is_null()) return std::optional<double>();
  return std::optional<double>(v->get<double>());
}

Result<std::optional<int64_t>> count_or_null(const Json& j, const char* key) {
  const Json* v = member(j, key);
  if (v && v->is_null()) return std::optional<int64_t>();
  if (!v || !v->is_number_integer() || v->get<int64_t>() < 0) return wrong(key, "a count or null", v);
  return std::optional<int64_t>(v->get<int64_t>());
}

Result<Birth> birth_of(const std::string& word) {
  for (const Birth b : {Birth::measured, Birth::derived, Birth::estimated, Birth::declared, Birth::unknown})
    if (word == name(b)) return b;
  return bad_input(fmt::format("figure: birth: no birth is called '{}'", word));
}

}  // namespace

Json json_of(const Figure& f) {
  const bool known = f.known() && std::isfinite(f.value);
  return {{"value", known ? Json(f.value) : Json(nullptr)},
          {"unit", f.unit},
          {"birth", name(known ? f.birth : Birth::unknown)},
          {"low", bound(f.low)},
          {"high", bound(f.high)},
          {"n", f.n ? Json(*f.n) : Json(nullptr)},
          {"reason", known || !f.reason.empty() ? f.reason : "not measured"}};
}

Result<Figure> figure_of(const Json& j) {
  if (!j.is_object()) return bad_input(fmt::format("figure: expected an object, found {}", j.type_name()));
  Figure f;
  BW_TRY(const std::optional<double> value, number_or_null(j, "value"));
  BW_TRY(f.unit, text(j, "unit"));
  BW_TRY(const std::string birth, text(j, "birth"));
  BW_TRY(f.birth, birth_of(birth));
  BW_TRY(f.low, number_or_null(j, "low"));
  BW_TRY(f.high, number_or_null(j, "high"));
  BW_TRY(f.n, count_or_null(j, "n"));
  BW_TRY(f.reason, text(j, "reason"));
  if (f.known() != value.has_value())
    return bad_input(
        fmt::format("figure: value: expected {} where birth is {}", f.known() ? "a number" : "null", birth));
  if (!f.known() && f.reason.empty()) return bad_input("figure: reason: expected why it is unknown");
  if (value) f.value = *value;
  return f;
}

}  // namespace bw
