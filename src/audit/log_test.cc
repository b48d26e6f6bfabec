// The log as its users see it: order, durability, proofs, one writer, read only. Oracle: the roots that the
// tree's own tests vouch for; the operating system (kill, flock, modes); hashes by libsodium.
#include "audit/log.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "audit/merkle.h"
#include "audit/prove.h"
#include "audit/testing.h"
#include "base/file.h"

namespace bw::audit {
namespace {

using testing::entry_json;
namespace fs = std::filesystem;

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "bw_audit_XXXXXX").string();
    path_ = ::mkdtemp(name.data()) ? name : std::string();
  }
  ~Folder() { fs::remove_all(path_); }
  std::string log() const { return path_ + "/log"; }

 private:
  std::string path_;
};

std::unique_ptr<Log> opened(const std::string& folder, LogOptions options = {}) {
  auto log = Log::open(folder, options);
  EXPECT_TRUE(log) << log.error().what;
  return log ? std::move(*log) : nullptr;
}
std::string slurp(const std::string& path) {
  auto text = read_text(path);
  EXPECT_TRUE(text) << text.error().what;
  return text ? *text : std::string();
}

TEST(Log, entries_come_back_byte_for_byte_in_their_order_also_after_opening_again) {
  const Folder folder;
  const std::string spaced = R"({ "time":"2026-01-01T00:00:00.000Z" , "kind":"x","text":"Zoë" })";
  std::string key;
  {
    const auto log = opened(folder.log());
    for (uint64_t i = 0; i < 5; ++i) EXPECT_EQ(*log->append(entry_json(i)), i);
    EXPECT_EQ(*log->append(spaced), 5u);
    EXPECT_EQ(log->size(), 6u);
    EXPECT_EQ(*log->entry(5), spaced);
    key = log->public_key();
  }
  const auto log = opened(folder.log());
  EXPECT_EQ(log->repaired(), "");
  EXPECT_EQ(log->public_key(), key);
  ASSERT_EQ(log->size(), 6u);
  for (uint64_t i = 0; i < 5; ++i) EXPECT_EQ(*log->entry(i), entry_json(i));
  EXPECT_EQ(*log->entry(5), spaced);
  EXPECT_EQ(*log->leaf_hash(5), hex(leaf_hash(spaced)));
  EXPECT_FALSE(log->entry(6));
  EXPECT_EQ(*log->append(entry_json(6)), 6u);
  const auto verified = verify(folder.log(), key);
  ASSERT_TRUE(verified) << verified.error().what;
  EXPECT_EQ(verified->n_entries, 7u);
}

TEST(Log, what_is_no_entry_is_refused_and_costs_no_index) {
  const Folder folder;
  const auto log = opened(folder.log(), {.max_entry_bytes = 200});
  const std::string time = R"("time":"2026-01-01T00:00:00.000Z")";
  for (const std::string& bad :
       {std::string(), std::string("[1]"), std::string("{\"kind\":\"x\"}"), "{" + time + "}",
        "{\"kind\":\"\"," + time + "}", "{\"kind\":7," + time + "}", "{\"kind\":\"x\"," + time + "} x",
        "{\"kind\":\"x\",\n" + time + "}", std::string("{\"kind\":\"x\",\"time\":\"2026-01-01 00:00:00Z\"}"),
        "{\"kind\":\"\xFF\"," + time + "}",
        "{\"kind\":\"x\"," + time + ",\"y\":\"" + std::string(200, 'y') + "\"}"}) {
    const auto r = log->append(bad);
    ASSERT_FALSE(r) << bad;
    EXPECT_EQ(r.error().code, Code::bad_input) << bad;
  }
  EXPECT_EQ(*log->append(entry_json(0)), 0u);
}

TEST(Log, many_writers_each_get_their_own_index_and_callbacks_come_in_order) {
  const Folder folder;
  const auto log = opened(folder.log(), {.max_batch = 7, .checkpoint_ms = 1});
  std::vector<std::thread> threads;
  std::vector<std::vector<uint64_t>> got(8);
  for (uint64_t t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 20; ++i) got[t].push_back(*log->append(entry_json(t * 1000 + i)));
    });
  std::vector<uint64_t> order;  // the writer's thread alone writes it
  std::atomic<int> waiting = 100;
  for (uint64_t i = 0; i < 100; ++i)
    log->append(entry_json(9000 + i), [&](Result<uint64_t> r) {
      order.push_back(*r);
      --waiting;
    });
  for (std::thread& t : threads) t.join();
  (void)log->checkpoint();  // comes after all that was queued before it
  ASSERT_EQ(waiting, 0);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  for (uint64_t i = 0; i < 100; ++i) EXPECT_EQ(*log->entry(order[i]), entry_json(9000 + i));
  for (uint64_t t = 0; t < 8; ++t)
    for (uint64_t i = 0; i < 20; ++i) EXPECT_EQ(*log->entry(got[t][i]), entry_json(t * 1000 + i));
  EXPECT_EQ(log->size(), 260u);
  const auto verified = verify(folder.log(), log->public_key());
  ASSERT_TRUE(verified) << verified.error().what;
  EXPECT_EQ(verified->n_after_checkpoint, 0u);
}

TEST(Log, what_is_queued_when_the_log_goes_is_written_first_and_signed) {
  const Folder folder;
  int called = 0;
  std::string key;
  {
    const auto log = opened(folder.log(), {.checkpoint_ms = UINT32_MAX});
    key = log->public_key();
    for (uint64_t i = 0; i < 50; ++i)
      log->append(entry_json(i), [&](Result<uint64_t> r) { called += bool(r); });
  }
  EXPECT_EQ(called, 50);
  const auto verified = verify(folder.log(), key);
  ASSERT_TRUE(verified) << verified.error().what;
  EXPECT_EQ(verified->n_entries, 50u);
  EXPECT_EQ(verified->n_checkpoints, 1u);
  EXPECT_EQ(verified->n_after_checkpoint, 0u);
}

TEST(Log, checkpoint_ms_0_signs_what_is_acknowledged_and_others_after_their_time) {
  const Folder folder;
  {
    const auto log = opened(folder.log(), {.checkpoint_ms = 0});
    for (uint64_t i = 0; i < 3; ++i)
      log->append(entry_json(i), [&](Result<uint64_t> index) {  // the moment it is acknowledged
        EXPECT_EQ(verify(folder.log(), log->public_key())->n_after_checkpoint, 0u) << *index;
      });
    EXPECT_EQ(log->checkpoint()->size, 3u);  // is there already: none is added
    EXPECT_EQ(checkpoints(folder.log())->back().size, 3u);
  }
  const auto log = opened(folder.log(), {.checkpoint_ms = 1});
  (void)log->append(entry_json(3));
  for (int i = 0; i < 2000 && verify(folder.log(), log->public_key())->n_after_checkpoint > 0; ++i)
    std::this_thread::yield();
  EXPECT_EQ(verify(folder.log(), log->public_key())->n_after_checkpoint, 0u);
}

TEST(Log, one_folder_has_one_writer_and_the_error_says_who) {
  const Folder folder;
  auto log = opened(folder.log());
  const auto second = Log::open(folder.log());
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().what.find("process " + std::to_string(::getpid())), std::string::npos)
      << second.error().what;
  const auto reader = opened(folder.log(), {.read_only = true});
  EXPECT_FALSE(reader->append(entry_json(0)));
  EXPECT_FALSE(reader->checkpoint());
  (void)log->append(entry_json(0));
  EXPECT_EQ(reader->size(), 0u);  // the log as it was
  EXPECT_EQ(opened(folder.log(), {.read_only = true})->size(), 1u);
  log.reset();
  EXPECT_TRUE(Log::open(folder.log()));
}

TEST(Log, the_secret_key_is_its_owners_alone_and_reading_makes_nothing) {
  const Folder folder;
  EXPECT_FALSE(Log::open(folder.log(), {.read_only = true}));
  EXPECT_FALSE(fs::exists(folder.log()));
  { const auto log = opened(folder.log(), {.origin = "example.com/l"}); }
  struct stat st {};
  ASSERT_EQ(::stat((folder.log() + "/log.key").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_EQ(slurp(folder.log() + "/log.pub").substr(0, 14), "example.com/l+");
  EXPECT_FALSE(Log::open(folder.log() + "2", {.origin = "a b"}));
}

TEST(Log, a_wish_of_the_writers_own_thread_to_wait_for_itself_is_an_error) {
  const Folder folder;
  const auto log = opened(folder.log());
  std::optional<Error> append_error, checkpoint_error;
  log->append(entry_json(0), [&](Result<uint64_t>) {
    append_error = log->append(entry_json(1)).error();
    checkpoint_error = log->checkpoint().error();
  });
  (void)log->checkpoint();
  EXPECT_TRUE(append_error && checkpoint_error);
}

TEST(Log, proofs_travel_and_nothing_near_them_is_taken) {
  const Folder folder;
  std::string kept;
  {
    const auto log = opened(folder.log());
    for (uint64_t i = 0; i < 5; ++i) (void)log->append(entry_json(i));
    kept = log->checkpoint()->note;
    for (uint64_t i = 5; i < 11; ++i) (void)log->append(entry_json(i));
  }
  const std::string key = opened(folder.log(), {.read_only = true})->public_key();
  EXPECT_EQ(checkpoints(folder.log())->size(), 2u);
  for (uint64_t i = 0; i < 11; ++i) {
    const auto proof = prove_entry(folder.log(), i);
    ASSERT_TRUE(proof) << proof.error().what;
    const auto proven = check_proof(*proof, key);
    ASSERT_TRUE(proven) << proven.error().what;
    EXPECT_TRUE(proven->entry);
    EXPECT_EQ(proven->index, i);
    EXPECT_EQ(proven->json, entry_json(i));
    EXPECT_EQ(proven->checkpoint.size, 11u);
    nlohmann::json j = nlohmann::json::parse(*proof);
    j["index"] = i ? i - 1 : 1;
    EXPECT_FALSE(check_proof(j.dump(), key));
    j["index"] = i;
    j["entry"] = entry_json(99);
    EXPECT_FALSE(check_proof(j.dump(), key));
  }
  EXPECT_FALSE(prove_entry(folder.log(), 11));
  const auto growth = prove_growth(folder.log(), kept);
  ASSERT_TRUE(growth) << growth.error().what;
  EXPECT_EQ(check_proof(*growth, key)->kept.size, 5u);
  nlohmann::json j = nlohmann::json::parse(*growth);
  j["hashes"][0] = std::string(64, '0');
  EXPECT_FALSE(check_proof(j.dump(), key));
  for (const char* text : {"", "[]", "{}", R"({"proof":"inclusion"})", R"({"proof":"x","hashes":[]})"})
    EXPECT_FALSE(check_proof(text, key)) << text;
  const Folder other;
  EXPECT_FALSE(check_proof(*growth, opened(other.log())->public_key()));
}

// kill -9 takes no page out of the kernel's cache, so this is about what the process may leave half done;
// what the power takes is fault_test.cc's.
TEST(Log, after_kill_9_at_20_random_moments_all_acknowledged_entries_are_there) {
  std::mt19937_64 random(20261124);
  const Folder folder;
  std::vector<std::string> acknowledged;  // by index
  std::string key;
  { key = opened(folder.log())->public_key(); }
  for (int round = 0; round < 20; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto log = Log::open(folder.log(), {.checkpoint_ms = uint32_t(round % 3)});
      if (!log) ::_exit(9);
      std::vector<std::thread> threads;
      for (uint64_t t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
          for (uint64_t i = 0;; ++i) {
            const uint64_t n = (uint64_t(round) * 4 + t) * 1'000'000 + i;
            const auto index = (*log)->append(entry_json(n));
            if (!index) ::_exit(9);
            const uint64_t told[2] = {*index, n};
            if (::write(ends[1], told, sizeof told) != sizeof told) ::_exit(9);
          }
        });
      for (std::thread& t : threads) t.join();
    }
    ASSERT_GT(child, 0);
    ::close(ends[1]);
    const uint64_t n_before_kill = 1 + random() % 60;
    uint64_t told[2];
    for (uint64_t n = 0; ::read(ends[0], told, sizeof told) == sizeof told; ++n) {
      if (n == n_before_kill) ::kill(child, SIGKILL);
      acknowledged.resize(std::max<size_t>(acknowledged.size(), size_t(told[0]) + 1));
      acknowledged[size_t(told[0])] = entry_json(told[1]);
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    {
      const auto log = opened(folder.log(), {.checkpoint_ms = UINT32_MAX});
      ASSERT_TRUE(log);
      ASSERT_GE(log->size(), acknowledged.size());
      for (size_t i = 0; i < acknowledged.size(); ++i)
        if (!acknowledged[i].empty()) {
          ASSERT_EQ(*log->entry(i), acknowledged[i]) << i;
        }
    }
    const auto verified = verify(folder.log(), key);
    ASSERT_TRUE(verified) << verified.error().what;
  }
  EXPECT_GT(acknowledged.size(), 100u);
}

}  // namespace
}  // namespace bw::audit
