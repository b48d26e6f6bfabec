// What serving writes into the audit log (docs/log.md lists every kind and field). In: what happened. Out:
// one JSON object an entry, with "kind" and "time".
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace bw::serve {

// {"kind": kind, "time": now, RFC 3339, UTC, milliseconds}
nlohmann::json entry_of(std::string_view kind);

}  // namespace bw::serve
