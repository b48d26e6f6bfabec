// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/log: the bytes of a
// log's files (or changes to those of a good one), a proof, or a note. In: bytes. Out: true where something
// was accepted. A trap or a sanitizer's report is the finding: nothing that the key has not signed may pass.
//   'R' ENTRIES 0xFF CHECKPOINTS   the two files
//   'C' (FILE AT AT CHANGE)...     changes to the good ones, four bytes each: CHANGE 0 cuts, odd ones
//   exchange, others insert 'P' JSON                       a proof       'N' TEXT   a note
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "audit/note.h"
#include "audit/prove.h"
#include "audit/testing.h"

namespace bw::audit::testing {

// A log with a key that is known to all, so that its bytes are the same everywhere: 6 entries, the first 5
// signed.
struct GoodLog {
  std::string key, kept;
  std::map<std::string, std::string> files;
};
inline const GoodLog& good_log() {
  static const GoodLog log = [] {
    MemoryDisk disk;
    disk.put("log/log.key",
             "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n");
    LogOptions o;
    o.disk = &disk;
    o.checkpoint_ms = UINT32_MAX;
    GoodLog out;
    auto opened = Log::open("log", o);
    for (uint64_t i = 0; i < 6; ++i) {
      if (!(*opened)->append(entry_json(i))) __builtin_trap();
      if (i == 2 || i == 4) out.kept = (*opened)->checkpoint()->note;
    }
    out.key = (*opened)->public_key();
    out.files = disk.files();
    return out;
  }();
  return log;
}

// The first five entries are the good log's.
inline void must_be_signed(const Log& log) {
  if (log.size() < 5) __builtin_trap();
  for (uint64_t i = 0; i < log.size(); ++i) {
    const auto entry = log.entry(i);
    if (!entry || (i < 5 && *entry != entry_json(i))) __builtin_trap();
  }
}

inline bool files_one(std::map<std::string, std::string> files) {
  const GoodLog& good = good_log();
  MemoryDisk disk;
  for (const auto& [path, bytes] : files) disk.put(path, bytes);
  LogOptions o;
  o.disk = &disk;
  o.checkpoint_ms = UINT32_MAX;
  o.read_only = true;
  const bool verified = bool(verify("log", good.key, good.kept, &disk));
  const auto reader = Log::open("log", o);
  if (verified && !reader) __builtin_trap();
  if (verified) must_be_signed(**reader);
  (void)checkpoints("log", &disk);
  (void)prove_entry("log", 3, &disk);
  o.read_only = false;
  auto writer = Log::open("log", o);
  if (verified && !writer) __builtin_trap();
  if (!writer) return false;
  // It goes on, and what it went on from is as good as it was.
  if (!(*writer)->append(entry_json(77))) __builtin_trap();
  const bool kept = bool(verify("log", good.key, good.kept, &disk));
  if (verified && !kept) __builtin_trap();
  if (kept) must_be_signed(**writer);
  if (!verify("log", good.key, {}, &disk)) __builtin_trap();
  return verified;
}

inline bool log_one(std::string_view input) {
  const GoodLog& good = good_log();
  if (input.empty()) return false;
  const char kind = input[0];
  input.remove_prefix(1);
  auto files = good.files;
  if (kind == 'R') {
    const size_t cut = input.find('\xFF');
    files["log/log.entries"] = input.substr(0, cut);
    files["log/log.checkpoints"] = cut == input.npos ? "" : input.substr(cut + 1);
    return files_one(std::move(files));
  }
  if (kind == 'C') {
    for (; input.size() >= 4; input.remove_prefix(4)) {
      const auto byte = [&](size_t i) { return size_t(static_cast<unsigned char>(input[i])); };
      std::string& bytes = files[byte(0) % 2 ? "log/log.entries" : "log/log.checkpoints"];
      if (bytes.empty()) continue;
      const size_t at = (byte(1) << 8 | byte(2)) % bytes.size();
      if (byte(3) == 0)
        bytes.resize(at);
      else if (byte(3) % 2)
        bytes[at] = char(size_t(static_cast<unsigned char>(bytes[at])) ^ byte(3));
      else
        bytes.insert(at, 1, char(byte(3)));
    }
    return files_one(std::move(files));
  }
  if (kind == 'P') {
    const auto proven = check_proof(input, good.key);
    if (!proven) return false;
    if (proven->entry && (proven->index >= 5 || proven->json != entry_json(proven->index))) __builtin_trap();
    return true;
  }
  const auto key = parse_public_key(input.substr(0, input.find('\n')));
  if (key && key->text() != input.substr(0, input.find('\n'))) __builtin_trap();
  return bool(open_note(input, *parse_public_key(good.key))) || key;
}

}  // namespace bw::audit::testing
