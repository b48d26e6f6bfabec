#include "cli/log_record.h"

#include <fmt/format.h>

#include <filesystem>

#include "audit/log.h"
#include "base/clock.h"
#include "cli/log_folder.h"
#include "record/log_entry.h"

namespace bw::cli {

Status log_record(const Shared& shared, const std::string& path, const std::string& record_json,
                  const std::string& log_folder) {
  // A mistyped folder makes no log.
  BW_TRY(const auto there, audit::Log::open(log_folder, {.read_only = true}));
  std::error_code ec;
  const std::string absolute = std::filesystem::absolute(path, ec).string();
  BW_TRY(const std::string entry, record::log_entry(record_json, absolute, rfc3339(ms_since_1970())));
  auto index = append_entry(log_folder, entry);
  if (!index) {
    Error e = std::move(index.error());
    e.what = "the judgement is not in the log: " + e.what;
    e.next += fmt::format("{}bitworth report {} --log {} enters it later", e.next.empty() ? "" : "; then ",
                          shell_word(path), shell_word(log_folder));
    return e;
  }
  if (!shared.quiet) fmt::print(stderr, "log: entry {} of {}\n", *index, log_folder);
  return {};
}

}  // namespace bw::cli
