// Switching what answers, against scripted backends and a real log.
#include "serve/deployments.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "serve/fake_backend.h"
#include "serve/testing.h"

namespace bw::serve {
namespace {
using nlohmann::json;

class DeploymentsTest : public ::testing::Test {
 protected:
  DeploymentsTest() {
    contract_.name = "test";
    declare("small", "a.gguf");
    declare("other", "z.gguf");
  }
  void declare(const std::string& name, const std::string& file) {
    contract::Deployment d;
    d.name = name;
    d.file = file;
    contract_.deployments.push_back(d);
  }
  void open() {
    deployments_.reset();
    log_.reset();
    auto log = audit::Log::open(folder_.path + "/log");
    ASSERT_TRUE(log) << log.error().what;
    log_ = *std::move(log);
    auto d = Deployments::open(
        contract_, folder_.path + "/deployments.json",
        [this](const contract::Deployment& spec) -> Result<std::shared_ptr<backend::Backend>> {
          opened_.push_back(spec.file);
          if (spec.file == "broken.gguf") return bad_input("broken.gguf: not a GGUF file");
          auto fake = std::make_shared<FakeBackend>(spec.file);
          last_ = fake;
          return std::shared_ptr<backend::Backend>(fake);
        },
        *log_);
    ASSERT_TRUE(d) << d.error().what;
    deployments_ = *std::move(d);
  }
  std::string live(const std::string& name) const { return deployments_->get(name)->backend->info().name; }
  json last_entry() const { return json::parse(*log_->entry(log_->size() - 1)); }

  TestFolder folder_;
  contract::Contract contract_;
  std::unique_ptr<audit::Log> log_;
  std::unique_ptr<Deployments> deployments_;
  std::vector<std::string> opened_;
  std::weak_ptr<FakeBackend> last_;
};

TEST_F(DeploymentsTest, ASwitchAnswersFromThenOnAndIsLoggedWithItsReason) {
  open();
  const auto s =
      deployments_->change("small", {.file = "b.gguf", .kv = {}, .context = 0, .slots = 3}, "ann", "smaller");
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_EQ(live("small"), "b.gguf");
  EXPECT_EQ(live("other"), "z.gguf");
  EXPECT_EQ(deployments_->get("small")->spec.slots, 3u);
  const json e = last_entry();
  EXPECT_EQ(e["kind"], "deploy");
  EXPECT_EQ(e["deployment"], "small");
  EXPECT_EQ(e["who"], "ann");
  EXPECT_EQ(e["why"], "smaller");
  EXPECT_EQ(e["from"]["file"], "a.gguf");
  EXPECT_EQ(e["to"]["model_sha256"], "sha-of-b.gguf");
  EXPECT_EQ(s->log_index, int64_t(log_->size()) - 1);
}

TEST_F(DeploymentsTest, UndoWalksBackSwitchBySwitch) {
  open();
  ASSERT_TRUE(deployments_->change("small", {.file = "b.gguf", .kv = {}}, "ann", "x"));
  ASSERT_TRUE(deployments_->change("small", {.file = "c.gguf", .kv = {}}, "ann", "x"));
  ASSERT_TRUE(deployments_->undo("small", "ann", "worse"));
  EXPECT_EQ(live("small"), "b.gguf");
  EXPECT_EQ(last_entry()["kind"], "deploy_undo");
  ASSERT_TRUE(deployments_->undo("small", "ann", "worse"));
  EXPECT_EQ(live("small"), "a.gguf");
  const auto none = deployments_->undo("small", "ann", "worse");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().what.find("nothing to undo"), std::string::npos);
}

TEST_F(DeploymentsTest, WhatCannotBeOpenedChangesNothing) {
  open();
  const uint64_t n = log_->size();
  const auto s = deployments_->change("small", {.file = "broken.gguf", .kv = {}}, "ann", "x");
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find("not a GGUF"), std::string::npos);
  EXPECT_EQ(live("small"), "a.gguf");
  EXPECT_EQ(log_->size(), n);
}

TEST_F(DeploymentsTest, NobodySwitchesWithoutSayingWhoAndWhy) {
  open();
  EXPECT_FALSE(deployments_->change("small", {.file = "b.gguf", .kv = {}}, "", "x"));
  EXPECT_FALSE(deployments_->change("small", {.file = "b.gguf", .kv = {}}, "ann", ""));
  EXPECT_FALSE(deployments_->undo("small", "ann", ""));
  const auto unknown = deployments_->change("smal", {.file = "b.gguf", .kv = {}}, "ann", "x");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().next.find("small"), std::string::npos);
}

TEST_F(DeploymentsTest, ARestartServesWhatWasSwitchedToAndCanStillGoBack) {
  open();
  ASSERT_TRUE(deployments_->change("small", {.file = "b.gguf", .kv = engine::KvType::q8}, "ann", "x"));
  open();
  EXPECT_EQ(live("small"), "b.gguf");
  EXPECT_EQ(deployments_->get("small")->spec.kv, engine::KvType::q8);
  ASSERT_TRUE(deployments_->undo("small", "ann", "x"));
  EXPECT_EQ(live("small"), "a.gguf");
}

TEST_F(DeploymentsTest, AContractThatDeclaresAnotherFileWinsOverAnOldSwitch) {
  open();
  ASSERT_TRUE(deployments_->change("small", {.file = "b.gguf", .kv = {}}, "ann", "x"));
  contract_.deployments[0].file = "d.gguf";
  open();
  EXPECT_EQ(live("small"), "d.gguf");
}

TEST_F(DeploymentsTest, TheOldOneLivesUntilItsLastAnswerAndNoLonger) {
  open();
  ASSERT_TRUE(deployments_->change("small", {.file = "b.gguf", .kv = {}}, "ann", "x"));
  const std::weak_ptr<FakeBackend> b = last_;
  auto answering = deployments_->get("small");
  ASSERT_TRUE(deployments_->change("small", {.file = "c.gguf", .kv = {}}, "ann", "x"));
  EXPECT_FALSE(b.expired());
  EXPECT_GE(deployments_->n_draining(), 1u);
  answering.reset();
  while (!b.expired()) std::this_thread::yield();  // its end is awaited, not timed
  while (deployments_->n_draining() > 0) std::this_thread::yield();
}

}  // namespace
}  // namespace bw::serve
