// What the audit log holds of a judgement: which record, of what, with which verdicts. In: judgement.json's
// text. Out: one JSON object on one line (docs/log.md, kind "judgement").
#pragma once
#include <string>

#include "base/result.h"

namespace bw::record {

// `path`: where the record is kept. `time`: base/clock.h's rfc3339(). Error: a record that check() refuses,
// with what does not agree.
Result<std::string> log_entry(const std::string& record_json, const std::string& path,
                              const std::string& time);

}  // namespace bw::record
