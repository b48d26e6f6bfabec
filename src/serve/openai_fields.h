// Reading the fields of a request that a stranger wrote: every one known, of its type, in its range. In: a
// JSON object and a table of its fields. Out: values; the first thing that is wrong stays, as an ApiError
// that names it.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "serve/openai.h"

namespace bw::serve {

using Json = nlohmann::ordered_json;  // a schema's properties keep their order

struct Field {
  enum class Use {
    read,          // by the parser
    ignored,       // cannot matter here: any value
    ignored_text,  // the same, a string
    refused        // `why`; null is accepted
  };
  std::string_view name;
  Use use = Use::read;
  std::string_view why = {};
};

class Reader {
 public:
  std::optional<ApiError> error;  // the first

  // Each false, so that a caller can leave with it.
  bool fail(std::string_view code, std::string param, std::string message);
  bool unsupported(std::string param, std::string_view why);

  // Every key of `object` (at `path`, empty: the body) is in the table, and what is refused is null.
  bool check_fields(const Json& object, const std::string& path, std::span<const Field> table);
  // Nothing where it is absent or null, or wrong (then `error` is set).
  std::optional<bool> boolean(const Json& object, const std::string& path, const char* key);
  std::optional<double> number(const Json& object, const std::string& path, const char* key, double low,
                               double high);
  std::optional<int64_t> integer(const Json& object, const std::string& path, const char* key, int64_t low,
                                 int64_t high);
  std::optional<std::string> text(const Json& object, const std::string& path, const char* key);
  // One value by itself.
  std::optional<int64_t> integer(const Json& value, const std::string& param, int64_t low, int64_t high);
  bool wrong_type(const Json& value, const std::string& param, std::string_view expected);
};

// The member, or null.
const Json& member(const Json& object, std::string_view key);
std::string joined(const std::string& path, std::string_view key);

}  // namespace bw::serve
