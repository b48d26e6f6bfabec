// Texts beside the log: kept by digest, erased for good, saved together. Oracle: SHA-256 of NIST's example,
// the bytes of the files on the disk, a process that is killed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "audit/log.h"
#include "base/file.h"
#include "base/hash.h"

namespace bw::audit {
namespace {
namespace fs = std::filesystem;

class TextsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "bw_texts_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::unique_ptr<Texts> open() {
    auto texts = Texts::open(folder_ + "/texts.db");
    EXPECT_TRUE(texts) << texts.error().what;
    return texts ? std::move(*texts) : nullptr;
  }
  // All files of the folder, one after the other.
  std::string bytes() {
    std::string out;
    for (const auto& file : fs::directory_iterator(folder_)) out += *read_text(file.path().string());
    return out;
  }
  std::string folder_;
};

TEST_F(TextsTest, a_text_comes_back_by_its_sha_256_whatever_its_bytes_also_from_another_process) {
  const std::string odd = std::string("a\0b\n\xFF", 5);
  {
    const auto texts = open();
    EXPECT_EQ(*texts->put("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-4
    EXPECT_EQ(*texts->put("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(*texts->get(*texts->put(odd)), odd);
    EXPECT_EQ(*texts->get(*texts->put("")), "");
  }
  const auto texts = open();
  EXPECT_EQ(*texts->get("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), "abc");
}

TEST_F(TextsTest, erased_and_never_kept_are_two_things_and_no_file_holds_an_erased_text) {
  const auto texts = open();
  const std::string secret = "the patient's name is Zaphod Beeblebrox", digest = *texts->put(secret);
  for (int i = 0; i < 50; ++i) (void)texts->put("another " + std::to_string(i));
  ASSERT_NE(bytes().find(secret), std::string::npos);
  ASSERT_TRUE(texts->erase(digest));
  EXPECT_EQ(bytes().find("Zaphod"), std::string::npos);
  const auto gone = texts->get(digest), never = texts->get(std::string(64, '0'));
  ASSERT_FALSE(gone);
  ASSERT_FALSE(never);
  EXPECT_NE(gone.error().what.find("was erased on 20"), std::string::npos) << gone.error().what;
  EXPECT_NE(never.error().what.find("was never kept"), std::string::npos) << never.error().what;
  EXPECT_FALSE(texts->erase(digest));
  EXPECT_FALSE(texts->erase(std::string(64, '0')));
  EXPECT_EQ(*texts->get(*texts->put("another 7")), "another 7");
  EXPECT_EQ(*texts->put(secret), digest);  // given again: kept again
  EXPECT_EQ(*texts->get(digest), secret);
}

TEST_F(TextsTest, many_threads_may_put_get_and_erase_at_once) {
  const auto texts = open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 15; ++i) {
        const std::string text = "text " + std::to_string(t) + "." + std::to_string(i),
                          digest = *texts->put(text);
        EXPECT_EQ(*texts->get(digest), text);
        if (i % 5 == 0) {
          EXPECT_TRUE(texts->erase(digest));
          EXPECT_FALSE(texts->get(digest));
        }
      }
    });
  for (std::thread& t : threads) t.join();
}

TEST_F(TextsTest, what_put_returned_for_is_there_after_kill_9) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto texts = Texts::open(folder_ + "/texts.db");
    for (int i = 0; texts; ++i) {
      const auto digest = (*texts)->put("text " + std::to_string(i));
      if (!digest || ::write(ends[1], &i, sizeof i) != sizeof i) break;
    }
    ::_exit(9);
  }
  ::close(ends[1]);
  int last = -1;
  for (int i = 0; ::read(ends[0], &i, sizeof i) == sizeof i;) {
    last = i;
    if (i == 20) ::kill(child, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_GE(last, 20);
  const auto texts = open();
  for (int i = 0; i <= last; ++i) {
    const std::string text = "text " + std::to_string(i);
    EXPECT_EQ(*texts->get(sha256_hex(text)), text);
  }
}

TEST_F(TextsTest, a_changed_text_is_not_handed_out) {
  const auto digest = *open()->put("a text that somebody changes");
  std::string file = *read_text(folder_ + "/texts.db");
  const size_t at = file.find("somebody changes");
  ASSERT_NE(at, std::string::npos);
  file[at] = 'S';
  ASSERT_TRUE(write_text(folder_ + "/texts.db", file));
  const auto got = open()->get(digest);
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().what.find("its bytes give"), std::string::npos) << got.error().what;
}

}  // namespace
}  // namespace bw::audit
