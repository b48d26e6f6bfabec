#include "serve/entries.h"

#include <nlohmann/json.hpp>

#include "base/clock.h"

namespace bw::serve {

nlohmann::json entry_of(std::string_view kind) {
  return {{"kind", kind}, {"time", rfc3339(ms_since_1970())}};
}

}  // namespace bw::serve
