#include "serve/openai_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "scenario/quantity.h"

namespace bw::serve {

const Json& member(const Json& object, std::string_view key) {
  static const Json null;
  const auto at = object.find(key);
  return at == object.end() ? null : *at;
}
std::string joined(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

bool Reader::fail(std::string_view code, std::string param, std::string message) {
  if (!error) error = ApiError{400, std::string(code), std::move(message), std::move(param)};
  return false;
}
bool Reader::unsupported(std::string param, std::string_view why) {
  std::string message = fmt::format("{}: not supported: {}", param, why);
  return fail("unsupported_parameter", std::move(param), std::move(message));
}
bool Reader::wrong_type(const Json& value, const std::string& param, std::string_view expected) {
  return fail("invalid_type", param,
              fmt::format("{}: expected {}, found {}", param, expected, value.type_name()));
}

bool Reader::check_fields(const Json& object, const std::string& path, std::span<const Field> table) {
  for (const auto& item : object.items()) {
    const std::string& key = item.key();
    const Json& value = item.value();
    const std::string param = joined(path, key);
    const auto known =
        std::find_if(table.begin(), table.end(), [&](const Field& f) { return f.name == key; });
    if (known == table.end()) {
      std::vector<std::string> names;
      for (const Field& f : table) names.emplace_back(f.name);
      const std::string near = scenario::nearest(key, names);
      return fail("unknown_parameter", param,
                  near.empty() ? fmt::format("{}: there is no such field", param)
                               : fmt::format("{}: there is no such field; did you mean {}?", param, near));
    }
    if (value.is_null()) continue;
    if (known->use == Field::Use::refused) return unsupported(param, known->why);
    if (known->use == Field::Use::ignored_text && !value.is_string())
      return wrong_type(value, param, "a string");
  }
  return true;
}

std::optional<bool> Reader::boolean(const Json& object, const std::string& path, const char* key) {
  const Json& v = member(object, key);
  if (v.is_null()) return std::nullopt;
  if (v.is_boolean()) return v.get<bool>();
  wrong_type(v, joined(path, key), "true or false");
  return std::nullopt;
}

std::optional<double> Reader::number(const Json& object, const std::string& path, const char* key, double low,
                                     double high) {
  const Json& v = member(object, key);
  if (v.is_null()) return std::nullopt;
  const std::string param = joined(path, key);
  if (!v.is_number()) {
    wrong_type(v, param, "a number");
    return std::nullopt;
  }
  const double x = v.get<double>();
  if (x >= low && x <= high) return x;
  fail("invalid_value", param,
       fmt::format("{}: expected a number from {} to {}, found {}", param, low, high, x));
  return std::nullopt;
}

std::optional<int64_t> Reader::integer(const Json& v, const std::string& param, int64_t low, int64_t high) {
  // 16.0 is an integer to JSON Schema. Beyond 2^53 a double no longer says which.
  const auto whole = [&]() -> std::optional<int64_t> {
    if (v.is_number_unsigned() && v.get<uint64_t>() > uint64_t(INT64_MAX)) return std::nullopt;
    if (v.is_number_integer()) return v.get<int64_t>();
    const double x = v.get<double>();
    if (std::trunc(x) == x && std::abs(x) <= 0x1p53) return int64_t(x);
    return std::nullopt;
  };
  if (!v.is_number() || (v.is_number_float() && std::trunc(v.get<double>()) != v.get<double>())) {
    wrong_type(v, param, "an integer");
    return std::nullopt;
  }
  const std::optional<int64_t> n = whole();
  if (n && *n >= low && *n <= high) return n;
  fail("invalid_value", param,
       fmt::format("{}: expected an integer from {} to {}, found {}", param, low, high, v.dump()));
  return std::nullopt;
}

std::optional<int64_t> Reader::integer(const Json& object, const std::string& path, const char* key,
                                       int64_t low, int64_t high) {
  const Json& v = member(object, key);
  if (v.is_null()) return std::nullopt;
  return integer(v, joined(path, key), low, high);
}

std::optional<std::string> Reader::text(const Json& object, const std::string& path, const char* key) {
  const Json& v = member(object, key);
  if (v.is_null()) return std::nullopt;
  if (v.is_string()) return v.get<std::string>();
  wrong_type(v, joined(path, key), "a string");
  return std::nullopt;
}

}  // namespace bw::serve
