// Faults at every point in turn (sqlite.org/testing.html, section 3): the process and the power end, the disk
// is full, an operation fails, a write is short. Invariant after each: every acknowledged entry is there, in
// order and verified; nothing is there that nobody wanted; the log opens and takes entries again.
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "audit/testing.h"

namespace bw::audit {
namespace {

using testing::entry_json;
using testing::MemoryDisk;
using Fault = MemoryDisk::Fault;

const std::string kFolder = "log";

struct Told {
  std::vector<std::string> acknowledged;  // by index
  std::vector<std::string> wanted;        // in the order they were asked for
  std::string key;
  bool opened = false;
  std::optional<Error> error;  // the last
};

LogOptions options(MemoryDisk& disk, uint32_t checkpoint_ms) {
  LogOptions o;
  o.disk = &disk;
  o.checkpoint_ms = checkpoint_ms;
  return o;
}

void ask(Log& log, Told& told, uint64_t n) {
  told.wanted.push_back(entry_json(n));
  const auto index = log.append(told.wanted.back());
  if (!index) {
    told.error = index.error();
    return;
  }
  EXPECT_EQ(*index, told.acknowledged.size());
  told.acknowledged.resize(size_t(*index) + 1);
  told.acknowledged[size_t(*index)] = told.wanted.back();
}

// What a program does with a log: makes it, writes, signs, comes back, writes. The same operations each time,
// since each append waits.
void use(MemoryDisk& disk, Told& told, uint32_t checkpoint_ms, const std::function<void()>& on_error = {}) {
  for (uint64_t session = 0; session < 2; ++session) {
    auto log = Log::open(kFolder, options(disk, checkpoint_ms));
    if (!log) {
      told.error = log.error();
      if (on_error) on_error();
      continue;
    }
    told.opened = true;
    told.key = (*log)->public_key();
    for (uint64_t i = 0; i < 3; ++i) {
      ask(**log, told, session * 100 + i);
      if (told.error && on_error) on_error();
    }
    if (!(*log)->checkpoint() && on_error) on_error();
    for (uint64_t i = 10; i < 12; ++i) ask(**log, told, session * 100 + i);
  }
}

// The invariant, on a disk that fails no more. What it appends itself is told, too.
void check(MemoryDisk& disk, Told& told, const std::string& when) {
  SCOPED_TRACE(when);
  auto log = Log::open(kFolder, options(disk, 0));
  ASSERT_TRUE(log) << log.error().what;
  ASSERT_GE((*log)->size(), told.acknowledged.size());
  size_t next = 0;  // of wanted: what is there was asked for, in that order
  for (uint64_t i = 0; i < (*log)->size(); ++i) {
    const auto entry = (*log)->entry(i);
    ASSERT_TRUE(entry) << entry.error().what;
    if (i < told.acknowledged.size() && !told.acknowledged[size_t(i)].empty()) {
      ASSERT_EQ(*entry, told.acknowledged[size_t(i)]);
    }
    while (next < told.wanted.size() && told.wanted[next] != *entry) ++next;
    ASSERT_LT(next++, told.wanted.size()) << *entry << " was never asked for, or stands twice";
  }
  if (!told.acknowledged.empty()) {
    ASSERT_EQ((*log)->public_key(), told.key);
  }
  told.key = (*log)->public_key();
  const uint64_t n = (*log)->size();
  told.acknowledged.resize(size_t(n));
  ask(**log, told, 1000 + n);
  ASSERT_EQ(told.acknowledged.size(), n + 1);
  const auto verified = verify(kFolder, (*log)->public_key(), {}, &disk);
  ASSERT_TRUE(verified) << verified.error().what;
  ASSERT_EQ(verified->n_entries, n + 1);
  const std::string kept = (*log)->checkpoint()->note, key = (*log)->public_key();
  log->reset();
  ASSERT_TRUE(verify(kFolder, key, kept, &disk));
}

void check_crash(MemoryDisk& disk, uint64_t seed, Told told, const std::string& when) {
  check(*disk.after_crash(seed), told, when + ", crash " + std::to_string(seed));
}

// Every operation in turn, until a run comes to its end without the fault.
void at_every_point(Fault fault, uint32_t checkpoint_ms,
                    const std::function<void(MemoryDisk&, Told&, const std::string&)>& run) {
  uint64_t at = 0;
  for (bool happened = true; happened; ++at) {
    MemoryDisk disk({fault, at});
    Told told;
    run(disk, told, "operation " + std::to_string(at) + ", checkpoint_ms " + std::to_string(checkpoint_ms));
    happened = disk.happened();
    if (::testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(at, 40u);
}

class Faults : public ::testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(SignedAlwaysOrAtTheEnd, Faults, ::testing::Values(0u, UINT32_MAX));

TEST_P(Faults, the_process_and_the_power_may_end_at_any_operation) {
  size_t cut = 0;
  at_every_point(Fault::dead, GetParam(), [&](MemoryDisk& disk, Told& told, const std::string& when) {
    use(disk, told, GetParam());
    for (uint64_t seed = 0; seed < 12; ++seed) {
      const auto after = disk.after_crash(seed);
      {
        const auto log = Log::open(kFolder, options(*after, 0));
        if (log) cut += !(*log)->repaired().empty();
      }
      check_crash(disk, seed, told, when);
      if (::testing::Test::HasFatalFailure()) return;
    }
  });
  EXPECT_GT(cut, 10u);  // torn ends were among them
}

TEST(Repair, the_power_may_end_again_at_any_operation_while_a_torn_log_is_repaired) {
  size_t n = 0;
  // Where a write is cut in half: of an entry of the second session, and of its checkpoint.
  for (uint64_t at = 20; at < 60; at += 3) {
    MemoryDisk disk({Fault::dead, at});
    Told told;
    use(disk, told, 0);
    if (!disk.happened()) break;
    for (uint64_t seed = 2; seed < 5; ++seed) {
      {
        const auto once = disk.after_crash(seed);
        const auto log = Log::open(kFolder, options(*once, UINT32_MAX));
        if (!log || (*log)->repaired().empty()) continue;
      }
      for (uint64_t again = 0;; ++again) {
        const auto torn = disk.after_crash(seed);
        torn->arm({Fault::dead, again});
        const bool opened = bool(Log::open(kFolder, options(*torn, UINT32_MAX)));
        const bool happened = torn->happened();
        for (uint64_t s = 0; s < 4; ++s) check_crash(*torn, s, told, "operation " + std::to_string(again));
        if (HasFatalFailure()) return;
        if (!happened) {
          EXPECT_TRUE(opened);
          break;
        }
        ++n;
      }
    }
  }
  EXPECT_GT(n, 30u);
}

// The process ends, the power does not: the next process finds in the cache what is not on the disk, or,
// after a sync that failed, what never will be.
TEST_P(Faults, what_the_next_process_finds_and_counts_is_on_the_disk) {
  size_t found = 0;
  for (const Fault fault : {Fault::dead, Fault::lost})
    at_every_point(fault, GetParam(), [&](MemoryDisk& disk, Told& told, const std::string& when) {
      use(disk, told, GetParam());
      disk.heal();
      const auto log = Log::open(kFolder, options(disk, UINT32_MAX));
      ASSERT_TRUE(log) << when << ": " << log.error().what;
      found += (*log)->size() > told.acknowledged.size();
      for (uint64_t i = told.acknowledged.size(); i < (*log)->size(); ++i)
        told.acknowledged.push_back(*(*log)->entry(i));
      told.key = (*log)->public_key();
      for (uint64_t seed = 0; seed < 6; ++seed)
        if (!::testing::Test::HasFatalFailure()) check_crash(disk, seed, told, when);
    });
  EXPECT_GT(found, 3u);
}

TEST_P(Faults, a_disk_may_be_full_at_any_operation_and_the_log_goes_on_when_there_is_room) {
  size_t refused = 0, resumed = 0;
  at_every_point(Fault::full, GetParam(), [&](MemoryDisk& disk, Told& told, const std::string& when) {
    int errors = 0;
    use(disk, told, GetParam(), [&] {
      if (++errors == 2) disk.free();  // the first error is met with a full disk once more
    });
    disk.heal();
    refused += errors > 0;
    if (told.error && errors >= 2 && !told.acknowledged.empty() &&
        told.acknowledged.back() == told.wanted.back())
      ++resumed;
    if (told.error) {
      EXPECT_EQ(told.error->code, Code::failed) << told.error->what;
    }
    check(disk, told, when + ", same disk");
    for (uint64_t seed = 0; seed < 6; ++seed)
      if (!::testing::Test::HasFatalFailure()) check_crash(disk, seed, told, when);
  });
  EXPECT_GT(refused, 10u);
  EXPECT_GT(resumed, 5u);
}

TEST_P(Faults, any_operation_may_fail_and_after_a_failed_sync_nothing_is_acknowledged) {
  size_t failed_ones = 0;
  at_every_point(Fault::error, GetParam(), [&](MemoryDisk& disk, Told& told, const std::string& when) {
    use(disk, told, GetParam());
    disk.heal();
    failed_ones += told.error.has_value();
    check(disk, told, when + ", same disk");
    for (uint64_t seed = 0; seed < 6; ++seed)
      if (!::testing::Test::HasFatalFailure()) check_crash(disk, seed, told, when);
  });
  EXPECT_GT(failed_ones, 10u);
}

TEST_P(Faults, a_short_write_is_gone_on_with) {
  at_every_point(Fault::brief, GetParam(), [&](MemoryDisk& disk, Told& told, const std::string& when) {
    use(disk, told, GetParam());
    EXPECT_FALSE(told.error) << told.error->what;
    EXPECT_EQ(told.acknowledged, told.wanted);
    disk.heal();
    check(disk, told, when);
  });
}

// The order of operations of one append is write, sync. So this finds the sync.
TEST(Fsync, after_one_failed_every_append_is_refused_with_the_reason_until_the_log_is_opened_again) {
  uint64_t before = 0;
  {
    MemoryDisk disk;
    const auto log = Log::open(kFolder, options(disk, UINT32_MAX));
    (void)(*log)->append(entry_json(0));
    before = disk.n_operations();
  }
  MemoryDisk disk({Fault::error, before + 1});
  {
    const auto log = Log::open(kFolder, options(disk, UINT32_MAX));
    ASSERT_TRUE((*log)->append(entry_json(0)));
    for (uint64_t i = 1; i < 4; ++i) {
      const auto r = (*log)->append(entry_json(i));
      ASSERT_FALSE(r);
      EXPECT_NE(r.error().what.find("log.entries: cannot sync"), std::string::npos) << r.error().what;
      EXPECT_NE(r.error().what.find("1 entries are on the disk"), std::string::npos) << r.error().what;
      EXPECT_FALSE(r.error().next.empty());
    }
    EXPECT_FALSE((*log)->checkpoint());
    EXPECT_EQ((*log)->size(), 1u);
  }
  const auto log = Log::open(kFolder, options(disk, UINT32_MAX));
  ASSERT_TRUE(log) << log.error().what;
  EXPECT_EQ((*log)->size(), 1u);
  EXPECT_EQ(*(*log)->append(entry_json(1)), 1u);
}

TEST(Full, a_full_disk_is_told_and_the_very_next_entry_after_it_was_freed_is_taken) {
  uint64_t before = 0;
  {
    MemoryDisk disk;
    const auto log = Log::open(kFolder, options(disk, UINT32_MAX));
    (void)(*log)->append(entry_json(0));
    before = disk.n_operations();
  }
  MemoryDisk disk({Fault::full, before});
  const auto log = Log::open(kFolder, options(disk, UINT32_MAX));
  ASSERT_TRUE((*log)->append(entry_json(0)));
  const std::string entries = disk.files().at("log/log.entries");
  for (int i = 0; i < 3; ++i) {
    const auto r = (*log)->append(entry_json(1));
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().what.find("No space left"), std::string::npos) << r.error().what;
    EXPECT_EQ(r.error().code, Code::failed);
    EXPECT_EQ(disk.files().at("log/log.entries"), entries);  // nothing half is left
  }
  disk.free();
  EXPECT_EQ(*(*log)->append(entry_json(2)), 1u);
}

}  // namespace
}  // namespace bw::audit
