#include "serve/entries.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "serve/answers.h"

namespace bw::serve {

std::string rfc3339(uint64_t ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::time_t(ms / 1000)), ms % 1000);
}

nlohmann::json entry_of(std::string_view kind) {
  return {{"kind", kind}, {"time", rfc3339(ms_since_1970())}};
}

}  // namespace bw::serve
