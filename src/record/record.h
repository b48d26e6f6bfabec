// The judgement record as a file: JSON by data/schema/judgement.schema.json, written whole or not at all.
// In: judge::Judgement. Out: JSON text; a file at a path. Fields: docs/record.md.
#pragma once
#include <string>

#include "base/result.h"
#include "judge/judgement.h"

namespace bw::record {

// Pretty-printed, ends with a line feed. Bytes of an output that are not UTF-8 become U+FFFD.
std::string to_json(const judge::Judgement& judgement);
// By base/file.h's OutFile: temporary name, fsync, rename. A full disk is an Error that says how to resume.
Status write(const judge::Judgement& judgement, const std::string& path);

}  // namespace bw::record
