// What somebody may do to a log's files, and that it is found: each byte, each cut, entries exchanged or
// replaced with heads that fit, and by the owner of the key himself a history that is signed again. Oracle:
// which bytes were changed; a log that was not touched verifies.
#include <gtest/gtest.h>

#include "audit/format.h"
#include "audit/prove.h"
#include "audit/testing.h"

namespace bw::audit {
namespace {

using testing::entry_json;
using testing::MemoryDisk;
using Files = std::map<std::string, std::string>;

const std::string kFolder = "log", kEntriesPath = "log/log.entries", kCheckpointsPath = "log/log.checkpoints",
                  kKeyPath = "log/log.key", kPubPath = "log/log.pub";

std::unique_ptr<MemoryDisk> disk_of(const Files& files) {
  auto disk = std::make_unique<MemoryDisk>();
  for (const auto& [path, bytes] : files) disk->put(path, bytes);
  return disk;
}
LogOptions options(MemoryDisk& disk) {
  LogOptions o;
  o.disk = &disk;
  o.checkpoint_ms = UINT32_MAX;
  return o;
}
Result<Verified> verified(const Files& files, const std::string& key, const std::string& kept = {}) {
  return verify(kFolder, key, kept, disk_of(files).get());
}

struct Sample {
  Files files;
  std::string key, kept;  // kept: the last checkpoint
  uint64_t n = 0;
};
// `n` entries, checkpoints after `first` and, if `whole`, at the end. `from`: with the keys of another log.
Sample made_log(uint64_t n, uint64_t first, bool whole, const Files& from = {}, uint64_t base = 0) {
  MemoryDisk disk;
  for (const auto& [path, bytes] : from)
    if (path == kKeyPath || path == kPubPath) disk.put(path, bytes);
  if (!from.empty()) disk.put(kCheckpointsPath, "");
  Sample out;
  out.n = n;
  auto log = Log::open(kFolder, options(disk));
  EXPECT_TRUE(log) << log.error().what;
  out.key = (*log)->public_key();
  for (uint64_t i = 0; i < n; ++i) {
    (void)(*log)->append(entry_json(base + i));
    if (i + 1 == first || (whole && i + 1 == n)) out.kept = (*log)->checkpoint()->note;
  }
  out.files = disk.files();  // as a crash would leave it: the end signs nothing more
  return out;
}

// Frames of log.entries, the first line apart.
std::vector<std::string> frames(const std::string& entries) {
  std::vector<std::string> out;
  for (size_t at = kFirstLine.size(); at < entries.size();) {
    const auto head = parse_head(std::string_view(entries).substr(at, kHeadBytes));
    out.push_back(entries.substr(at, kHeadBytes + head->n_bytes + 1));
    at += out.back().size();
  }
  return out;
}
std::string joined(const std::vector<std::string>& parts) {
  std::string out(kFirstLine);
  for (const std::string& p : parts) out += p;
  return out;
}
std::string frame(uint64_t index, const std::string& json) {
  return head_text({index, uint32_t(json.size()), leaf_hash(json)}) + json + "\n";
}

TEST(Tamper, an_untouched_log_verifies_with_and_without_a_kept_checkpoint) {
  for (const bool whole : {true, false}) {
    const Sample s = made_log(6, 3, whole);
    const auto v = verified(s.files, s.key);
    ASSERT_TRUE(v) << v.error().what;
    EXPECT_EQ(v->n_entries, 6u);
    EXPECT_EQ(v->n_checkpoints, whole ? 2u : 1u);
    EXPECT_EQ(v->n_after_checkpoint, whole ? 0u : 3u);
    EXPECT_TRUE(verified(s.files, s.key, s.kept));
  }
}

TEST(Tamper, any_changed_byte_of_any_file_is_found_and_no_entry_is_cut_for_it) {
  for (const bool whole : {true, false}) {
    const Sample s = made_log(5, 3, whole);
    size_t n = 0;
    for (const auto& [path, bytes] : s.files) {
      for (size_t i = 0; i < bytes.size(); ++i)
        for (const int change :
             {0x01, 0x02, 0x20, 0x80, int(static_cast<unsigned char>(bytes[i]))}) {  // last: to 0
          Files bent = s.files;
          bent[path][i] = char(bent[path][i] ^ change);
          ++n;
          const auto v = verified(bent, s.key);
          ASSERT_EQ(bool(v), path == kKeyPath) << path << " byte " << i << " changed by " << change;
          const auto disk = disk_of(bent);
          const auto log = Log::open(kFolder, options(*disk));
          ASSERT_FALSE(log) << path << " byte " << i << " changed by " << change;
          ASSERT_EQ(log.error().code, Code::bad_input);
          ASSERT_NE(log.error().what.find(path), std::string::npos) << log.error().what;
          ASSERT_FALSE(log.error().next.empty()) << log.error().what;
          ASSERT_EQ(disk->files().at(path), bent.at(path));  // and nothing was repaired
        }
    }
    EXPECT_EQ(s.files.size(), 4u);
    EXPECT_GT(n, 5000u);
  }
}

TEST(Tamper, an_end_cut_off_anywhere_is_found_with_the_kept_checkpoint_and_without_it_where_it_was_signed) {
  for (const bool whole : {true, false}) {
    const Sample s = made_log(5, 3, whole);
    const std::string entries = s.files.at(kEntriesPath);
    const auto all = frames(entries);
    size_t unseen = 0;
    for (size_t n = 0; n < entries.size(); ++n) {
      Files cut = s.files;
      cut[kEntriesPath].resize(n);
      const bool boundary = n == joined({all.begin(), all.begin() + 3}).size() ||
                            n == joined({all.begin(), all.begin() + 4}).size();
      const auto v = verified(cut, s.key);
      ASSERT_EQ(bool(v), boundary && !whole) << n;
      unseen += bool(v);
      if (whole || n < joined({all.begin(), all.begin() + 3}).size()) {
        ASSERT_FALSE(verified(cut, s.key, s.kept)) << n;
      }
      // The next writer cuts what is unfinished, and never what is signed.
      const auto disk = disk_of(cut);
      const auto log = Log::open(kFolder, options(*disk));
      ASSERT_EQ(bool(log), !whole && n >= joined({all.begin(), all.begin() + 3}).size()) << n;
      if (log) {
        ASSERT_EQ((*log)->repaired().empty(), boundary) << n;
        for (uint64_t i = 0; i < (*log)->size(); ++i) ASSERT_EQ(*(*log)->entry(i), entry_json(i));
      }
    }
    EXPECT_EQ(unseen, whole ? 0u : 2u);
  }
}

TEST(Tamper, checkpoints_cut_off_are_found_in_the_middle_of_one_and_counted_at_its_end) {
  const Sample s = made_log(5, 3, true);
  const std::string checkpoints = s.files.at(kCheckpointsPath);
  const size_t first = checkpoint_bytes("bitworth", 3);
  ASSERT_EQ(checkpoints.size(), first + checkpoint_bytes("bitworth", 5));
  for (size_t n = 0; n < checkpoints.size(); ++n) {
    Files cut = s.files;
    cut[kCheckpointsPath].resize(n);
    const auto v = verified(cut, s.key, s.kept);
    ASSERT_EQ(bool(v), n == 0 || n == first) << n;
    if (v) {
      EXPECT_EQ(v->n_after_checkpoint, n == 0 ? 5u : 2u);
    }
    const auto disk = disk_of(cut);
    const auto log = Log::open(kFolder, options(*disk));
    ASSERT_TRUE(log) << n << ": " << log.error().what;
    EXPECT_EQ((*log)->size(), 5u);
    EXPECT_EQ((*log)->repaired().empty(), n == 0 || n == first) << n;
  }
}

TEST(Tamper, exchanged_and_replaced_entries_are_found_also_where_their_heads_fit) {
  const Sample s = made_log(6, 4, false);
  const auto all = frames(s.files.at(kEntriesPath));
  ASSERT_EQ(all.size(), 6u);
  const auto with = [&](std::vector<std::string> parts) {
    Files bent = s.files;
    bent[kEntriesPath] = joined(parts);
    return verified(bent, s.key);
  };
  ASSERT_TRUE(with(all));
  for (size_t a = 0; a < 6; ++a)
    for (size_t b = a + 1; b < 6; ++b) {
      auto swapped = all;
      std::swap(swapped[a], swapped[b]);
      EXPECT_FALSE(with(swapped)) << a << " " << b;  // the heads still say their old indices
      swapped[a] = frame(a, entry_json(b));
      swapped[b] = frame(b, entry_json(a));
      EXPECT_EQ(bool(with(swapped)), a >= 4) << a << " " << b;  // nobody signed 4 and 5 yet
    }
  for (size_t i = 0; i < 6; ++i) {
    auto replaced = all;
    replaced[i] = frame(i, entry_json(77));
    const auto v = with(replaced);
    EXPECT_EQ(bool(v), i >= 4) << i;
    if (!v) {
      EXPECT_NE(v.error().what.find("checkpoint 0 signs root"), std::string::npos) << v.error().what;
    }
    auto removed = all;
    removed.erase(removed.begin() + std::ptrdiff_t(i));
    EXPECT_EQ(bool(with(removed)), i == 5) << i;
    auto twice = all;
    twice.insert(twice.begin() + std::ptrdiff_t(i), all[i]);
    EXPECT_FALSE(with(twice)) << i;
  }
}

TEST(Tamper, a_history_signed_again_by_its_owner_is_found_with_a_kept_checkpoint_and_only_so) {
  const Sample s = made_log(6, 3, true);
  const Sample forked = made_log(8, 3, true, s.files, 1), cut = made_log(4, 2, true, s.files);
  ASSERT_EQ(forked.key, s.key);
  for (const Sample* other : {&forked, &cut}) {
    EXPECT_TRUE(verified(other->files, s.key));
    const auto v = verified(other->files, s.key, s.kept);
    ASSERT_FALSE(v);
    EXPECT_NE(v.error().what.find("the kept checkpoint signs"), std::string::npos) << v.error().what;
    EXPECT_FALSE(prove_growth(kFolder, s.kept, disk_of(other->files).get()));
  }
  const Sample grown = made_log(9, 3, true, s.files);
  EXPECT_TRUE(verified(grown.files, s.key, s.kept));
  EXPECT_TRUE(prove_growth(kFolder, s.kept, disk_of(grown.files).get()));
}

TEST(Tamper, another_key_another_logs_checkpoint_and_a_bent_one_are_refused) {
  const Sample s = made_log(4, 2, true), other = made_log(4, 2, true);
  EXPECT_FALSE(verified(s.files, other.key));
  EXPECT_FALSE(verified(s.files, s.key, other.kept));
  for (size_t i = 0; i < s.kept.size(); ++i) {
    std::string bent = s.kept;
    bent[i] = char(bent[i] ^ 1);
    EXPECT_FALSE(verified(s.files, s.key, bent)) << i;
  }
  Files mixed = s.files;
  mixed[kCheckpointsPath] = other.files.at(kCheckpointsPath);
  EXPECT_FALSE(verified(mixed, s.key));
  mixed = s.files;
  mixed[kPubPath] = other.files.at(kPubPath);
  EXPECT_FALSE(verified(mixed, s.key));
  EXPECT_FALSE(Log::open(kFolder, options(*disk_of(mixed))));
}

TEST(Tamper, a_missing_file_is_named_and_nothing_is_made_in_its_place) {
  const Sample s = made_log(4, 2, true);
  for (const auto& [path, bytes] : s.files) {
    Files fewer = s.files;
    fewer.erase(path);
    const auto disk = disk_of(fewer);
    const auto log = Log::open(kFolder, options(*disk));
    if (path == kPubPath) {  // worked out again from the secret key
      ASSERT_TRUE(log) << log.error().what;
      EXPECT_EQ(disk->files().at(path), bytes);
      continue;
    }
    ASSERT_FALSE(log) << path;
    EXPECT_NE(log.error().what.find(path), std::string::npos) << log.error().what;
    EXPECT_FALSE(disk->files().count(path)) << path;
  }
}

TEST(Tamper, zeros_at_the_end_are_an_unfinished_write_and_garbage_there_is_not) {
  const Sample s = made_log(4, 2, false);
  for (const size_t n : {16u, 100u, 5000u}) {
    Files longer = s.files;
    longer[kEntriesPath] += std::string(n, '\0');
    EXPECT_FALSE(verified(longer, s.key));
    const auto disk = disk_of(longer);
    const auto log = Log::open(kFolder, options(*disk));
    ASSERT_TRUE(log) << log.error().what;
    EXPECT_EQ((*log)->size(), 4u);
    EXPECT_NE((*log)->repaired(), "");
    longer[kEntriesPath].back() = 'x';
    EXPECT_FALSE(Log::open(kFolder, options(*disk_of(longer)))) << n;
  }
  // Zeros in the place of an entry that somebody signed.
  Files erased = s.files;
  const size_t two = joined({frames(s.files.at(kEntriesPath))[0]}).size();
  for (size_t i = two; i < erased[kEntriesPath].size(); ++i) erased[kEntriesPath][i] = '\0';
  EXPECT_FALSE(Log::open(kFolder, options(*disk_of(erased))));
}

}  // namespace
}  // namespace bw::audit
