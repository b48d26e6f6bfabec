#include "cli/log_folder.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "audit/disk.h"
#include "audit/format.h"
#include "serve/control.h"

namespace bw::cli {

bool server_has(const std::string& log_dir) {
  return audit::real_disk().locked(log_dir + "/" + audit::kLock);
}

Result<uint64_t> append_entry(const std::string& log_dir, const std::string& json) {
  if (server_has(log_dir)) {
    BW_TRY(const nlohmann::json answer, serve::control(log_dir, "POST", "/control/entry", {{"entry", json}}));
    if (!answer.contains("log_index") || !answer["log_index"].is_number_unsigned())
      return failed(log_dir + ": its server did not say where the entry stands");
    return answer["log_index"].get<uint64_t>();
  }
  BW_TRY(const auto log, audit::Log::open(log_dir));
  return log->append(json);
}

std::string user_name() {
  if (const char* user = std::getenv("USER"); user && *user) return user;
  const passwd* entry = ::getpwuid(::getuid());
  return entry && entry->pw_name ? entry->pw_name : "";
}

Result<std::unique_ptr<FolderJournal>> FolderJournal::open(const std::string& log_dir) {
  auto journal = std::unique_ptr<FolderJournal>(new FolderJournal(log_dir));
  BW_CHECK(journal->read_again());
  return journal;
}

Status FolderJournal::read_again() {
  BW_TRY(log_, audit::Log::open(folder_, {.read_only = true}));
  return {};
}

Result<uint64_t> FolderJournal::append(const std::string& json) {
  BW_TRY(const uint64_t index, append_entry(folder_, json));
  BW_CHECK(read_again());
  return index;
}

Result<std::string> FolderJournal::sign() {
  if (server_has(folder_)) {
    BW_TRY(const nlohmann::json answer,
           serve::control(folder_, "POST", "/control/checkpoint", nlohmann::json::object()));
    return answer.value("note", "");
  }
  BW_TRY(const auto log, audit::Log::open(folder_));
  BW_TRY(const audit::Checkpoint c, log->checkpoint());
  return c.note;
}

}  // namespace bw::cli
