#include "record/log_entry.h"

#include <nlohmann/json.hpp>

#include "record/check.h"

namespace bw::record {
namespace {

using Json = nlohmann::ordered_json;

Json file_of(const Json& j) {
  return {{"name", j.at("name")}, {"sha256", j.at("sha256")}, {"kv_type", j.at("kv_type")}};
}

// Throws where a key is missing.
Json entry_of(const Json& j, const std::string& path, const std::string& time) {
  Json entry{
      {"kind", "judgement"},
      {"time", time},
      {"record", path},
      {"record_digest", j.at("digest")},
      {"created", j.at("created")},
      {"engine", j.at("bitworth_version").get<std::string>() + " " + j.at("numerics").get<std::string>()},
      {"host", {{"cpu", j.at("host").at("cpu")}, {"isa", j.at("host").at("isa")}}},
      {"scenario",
       {{"name", j.at("scenario").at("name")},
        {"source", j.at("scenario").at("source")},
        {"sha256", j.at("scenario").at("sha256")}}},
      {"reference", nullptr},
      {"candidates", Json::array()},
      {"exit_code", j.at("exit_code")}};
  if (!j.at("reference").is_null()) entry["reference"] = file_of(j.at("reference"));
  for (const Json& c : j.at("candidates")) {
    Json one = file_of(c);
    one["role"] = c.at("role");
    one["verdict"] = c.at("verdict").at("word");
    one["by_category"] = c.at("verdict").at("by_category");
    one["why"] = c.at("verdict").at("why");
    entry["candidates"].push_back(std::move(one));
  }
  return entry;
}

}  // namespace

Result<std::string> log_entry(const std::string& record_json, const std::string& path,
                              const std::string& time) {
  BW_TRY(const Check checked, check(record_json));
  if (!checked.ok())
    return bad_input(path + ": " + says(checked),
                     "the record as `bitworth judge --out` wrote it; nothing was logged of this one");
  try {
    return entry_of(Json::parse(record_json), path, time)
        .dump(-1, ' ', false, Json::error_handler_t::replace);
  } catch (const Json::exception& e) {
    return bad_input(path + ": the record does not follow its schema: " + e.what(),
                     "validate it against data/schema/judgement.schema.json");
  }
}

}  // namespace bw::record
