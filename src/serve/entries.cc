#include "serve/entries.h"

#include <nlohmann/json.hpp>

#include "base/clock.h"

namespace bw::serve {

nlohmann::json entry_of(std::string_view kind) {
  return {{"kind", kind}, {"time", rfc3339(ms_since_1970())}};
}

Status each_entry(const audit::Log& log, const std::function<Status(uint64_t, const nlohmann::json&)>& f) {
  for (uint64_t i = 0; i < log.size(); ++i) {
    BW_TRY(const std::string text, log.entry(i));
    const nlohmann::json entry = nlohmann::json::parse(text, nullptr, false);
    if (entry.is_object()) BW_CHECK(f(i, entry));
  }
  return {};
}

std::string line_of(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace bw::serve
