// A judgement into the audit log: for `judge --log` and `report --log`. In: a record, where it is kept, the
// log's folder. Out: an entry of kind "judgement", through the server that has the log where one does.
#pragma once
#include <string>

#include "cli/cli.h"

namespace bw::cli {

// Says on stderr where the entry stands, unless quiet. Error: what keeps it out, and how to do it later.
Status log_record(const Shared& shared, const std::string& path, const std::string& record_json,
                  const std::string& log_folder);

}  // namespace bw::cli
