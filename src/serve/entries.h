// What serving writes into the audit log (docs/log.md lists every kind and field). In: what happened. Out:
// one JSON object an entry, with "kind" and "time".
#pragma once
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "audit/log.h"
#include "base/result.h"

namespace bw::serve {

// {"kind": kind, "time": now, RFC 3339, UTC, milliseconds}
nlohmann::json entry_of(std::string_view kind);
// On one line. What is not UTF-8 (models and commands write any bytes) stands as U+FFFD: nothing here throws.
std::string line_of(const nlohmann::json& json);
// Every entry of a log that is a JSON object, in order, until `f` errs.
Status each_entry(const audit::Log& log,
                  const std::function<Status(uint64_t index, const nlohmann::json& entry)>& f);

}  // namespace bw::serve
