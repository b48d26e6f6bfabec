// JSON Schema 2020-12 -> the draft 7 that valijson reads, keyword by keyword. In: a schema. Out: the same set
// of valid instances in those words, and the patterns it names; or bad_input that names the keyword and its
// place. Sources: JSON Schema Core and Validation 2020-12; RFC 3339 (dates), RFC 4122 (uuid).
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace bw::contract {

struct Rewritten {
  nlohmann::json schema;
  std::map<std::string, std::string> patterns;  // every "pattern" in it, and what to say of a text without it
};
Result<Rewritten> rewrite_schema(const nlohmann::json& schema);

// 5.0 is an integer to the standard and a floating point number to valijson: makes it the former, everywhere.
void make_integral(nlohmann::json& value);

// Why no instance at all can be valid, as far as one keyword beside another shows it; empty: none was seen.
std::string impossible(const nlohmann::json& schema);

}  // namespace bw::contract
