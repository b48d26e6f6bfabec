// Proofs that travel: what somebody needs to check one entry of a log, or that a log only grew, with the
// public key and without the log. In: a log's folder. Out: a proof as JSON, and what it proves. Sources: RFC
// 6962 sections 2.1.1 and 2.1.2.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "audit/log.h"

namespace bw::audit {

// The checkpoints of a folder, oldest first, after everything in it was verified with its own log.pub.
Result<std::vector<Checkpoint>> checkpoints(const std::string& folder, Disk* disk = nullptr);

// {"proof": "inclusion", "index", "entry", "hashes", "checkpoint"}: by the newest checkpoint that signs it.
// Error: no such entry, or no checkpoint signs it yet.
Result<std::string> prove_entry(const std::string& folder, uint64_t index, Disk* disk = nullptr);
// {"proof": "consistency", "kept", "hashes", "checkpoint"}: that the log at its newest checkpoint begins with
// what the kept one signs. Error: it does not.
Result<std::string> prove_growth(const std::string& folder, const std::string& kept, Disk* disk = nullptr);

struct Proven {
  bool entry = false;  // an entry is in the log; else: the log only grew
  uint64_t index = 0;  // of the entry
  std::string json;    // the entry
  Checkpoint kept;     // what it grew from
  Checkpoint checkpoint;
};
// Error (bad_input): no proof, another key, a hash or signature that does not fit.
Result<Proven> check_proof(std::string_view proof_json, const std::string& public_key);

}  // namespace bw::audit
