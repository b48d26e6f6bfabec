// The log folder as commands write to it: straight where nobody has it, through the control socket of a
// server that does. In: an entry. Out: its index, once it is durable. For `review` and `pilot`.
#pragma once
#include <memory>
#include <string>

#include "audit/log.h"
#include "base/result.h"
#include "pilot/run.h"

namespace bw::cli {

bool server_has(const std::string& log_dir);  // somebody writes that log now
Result<uint64_t> append_entry(const std::string& log_dir, const std::string& json);
// $USER, or what getpwuid says; empty: not known.
std::string user_name();

// As a pilot reads and writes it.
class FolderJournal : public pilot::Journal {
 public:
  static Result<std::unique_ptr<FolderJournal>> open(const std::string& log_dir);
  Result<uint64_t> append(const std::string& json) override;
  Result<std::string> sign() override;
  uint64_t size() const override { return log_->size(); }
  Result<std::string> entry(uint64_t index) const override { return log_->entry(index); }

 private:
  explicit FolderJournal(std::string folder) : folder_(std::move(folder)) {}
  Status read_again();
  std::string folder_;
  std::unique_ptr<audit::Log> log_;  // read only
};

}  // namespace bw::cli
