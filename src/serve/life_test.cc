// The life of one answer, against a scripted backend: every end a request can come to.
#include "serve/life.h"

#include <gtest/gtest.h>

#include <future>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "serve/entries.h"
#include "serve/fake_backend.h"
#include "serve/testing.h"

namespace bw::serve {
namespace {
using backend::Failure;
using What = Final::What;
using Ending = AttemptSeen::Ending;

contract::Class class_of(std::vector<std::string> chain, uint32_t attempts = 2) {
  contract::Class c;
  c.name = "extraction";
  c.chain = std::move(chain);
  c.attempts = attempts;
  c.deadline_ms = 0;
  return c;
}
contract::Check starts_with_yes() {
  contract::Check c;
  c.kind = contract::Check::Kind::regex;
  c.name = "yes";
  c.pattern = "^yes";
  return c;
}

class LifeTest : public ::testing::Test {
 protected:
  // The world of one class; fakes by the names of its chain.
  void make(contract::Class c) {
    contract_.name = "test";
    contract_.classes = {std::move(c)};
    for (const std::string& name : contract_.classes[0].chain)
      if (name != "person") {
        contract::Deployment d;
        d.name = name;
        d.file = name + ".gguf";
        contract_.deployments.push_back(d);
        fakes_[name] = std::make_shared<FakeBackend>(name);
      }
    auto log = audit::Log::open(folder_.path + "/log");
    ASSERT_TRUE(log) << log.error().what;
    log_ = *std::move(log);
    auto reviews = review::Queue::open(folder_.path + "/review.db");
    ASSERT_TRUE(reviews) << reviews.error().what;
    reviews_ = *std::move(reviews);
    budgets_ = std::make_unique<Budgets>(contract_.budget);
    stops_ = std::make_unique<Stops>(contract_.stops);
    auto deployments = Deployments::open(
        contract_, folder_.path + "/deployments.json",
        [this](const contract::Deployment& d) -> Result<std::shared_ptr<backend::Backend>> {
          return std::shared_ptr<backend::Backend>(fakes_.at(d.name));
        },
        *log_);
    ASSERT_TRUE(deployments) << deployments.error().what;
    deployments_ = *std::move(deployments);
    auto checks = contract::Checks::make(contract_.classes[0]);
    ASSERT_TRUE(checks) << checks.error().what;
    shared_.checks["extraction"] = *std::move(checks);
    shared_.contract = &contract_;
    shared_.deployments = deployments_.get();
    shared_.reviews = reviews_.get();
    shared_.workers = &workers_;
    shared_.budgets = budgets_.get();
    shared_.stops = stops_.get();
  }
  std::shared_ptr<Life> start(std::promise<Final>& final, uint32_t max_tokens = 10, bool given = true) {
    Life::Wanted w;
    w.id = "ans_1";
    w.of = &contract_.classes[0];
    w.ask.prompt = "Is it?";
    w.ask.max_tokens = max_tokens;
    w.max_tokens_given = given;
    w.ask.sampler.seed = 100;
    w.on_done = [&final](Final&& f) { final.set_value(std::move(f)); };
    return Life::start(shared_, std::move(w));
  }
  Final live(uint32_t max_tokens = 10) {
    std::promise<Final> final;
    start(final, max_tokens);
    return final.get_future().get();
  }
  FakeBackend& fake(const std::string& name) { return *fakes_.at(name); }

  TestFolder folder_;
  contract::Contract contract_;
  std::map<std::string, std::shared_ptr<FakeBackend>> fakes_;
  std::unique_ptr<audit::Log> log_;
  std::unique_ptr<review::Queue> reviews_;
  std::unique_ptr<Budgets> budgets_;
  std::unique_ptr<Stops> stops_;
  std::unique_ptr<Deployments> deployments_;
  Shared shared_;
  Workers workers_{2};
};

TEST_F(LifeTest, AnAnswerThatPassesIsGivenAtOnce) {
  contract::Class c = class_of({"small"});
  c.checks = {starts_with_yes()};
  make(c);
  fake("small").then(FakeBackend::reply("yes, it is"));
  const Final f = live();
  EXPECT_EQ(f.what, What::answered);
  EXPECT_EQ(f.reply.text, "yes, it is");
  EXPECT_EQ(f.deployment, "small");
  EXPECT_EQ(f.model_sha256, "sha-of-small");
  ASSERT_EQ(f.attempts.size(), 1u);
  EXPECT_EQ(f.attempts[0].ending, Ending::passed);
  EXPECT_EQ(f.attempts[0].output_sha256, sha256_hex("yes, it is"));
  EXPECT_FALSE(f.escalated);
}

TEST_F(LifeTest, AFailedCheckIsTriedAgainWithAnotherSeedAndSomeTemperature) {
  contract::Class c = class_of({"small"});
  c.checks = {starts_with_yes()};
  c.retry_temperature = 0.5;
  make(c);
  fake("small").then(FakeBackend::reply("no"));
  fake("small").then(FakeBackend::reply("yes"));
  const Final f = live();
  EXPECT_EQ(f.what, What::answered);
  EXPECT_EQ(f.reply.text, "yes");
  ASSERT_EQ(f.attempts.size(), 2u);
  EXPECT_EQ(f.attempts[0].ending, Ending::failed_checks);
  EXPECT_EQ(f.attempts[0].checks[0].name, "yes");
  const auto asks = fake("small").asks();
  ASSERT_EQ(asks.size(), 2u);
  EXPECT_EQ(asks[0].sampler.seed, 100u);
  EXPECT_EQ(asks[0].sampler.temperature, 0.0f);
  EXPECT_EQ(asks[1].sampler.seed, 101u);
  EXPECT_EQ(asks[1].sampler.temperature, 0.5f);
}

TEST_F(LifeTest, AfterItsAttemptsTheNextOfTheChainIsAsked) {
  contract::Class c = class_of({"small", "careful"});
  c.checks = {starts_with_yes()};
  make(c);
  fake("small").then(FakeBackend::reply("no"));
  fake("small").then(FakeBackend::reply("never"));
  fake("careful").then(FakeBackend::reply("yes"));
  const Final f = live();
  EXPECT_EQ(f.what, What::answered);
  EXPECT_EQ(f.deployment, "careful");
  EXPECT_TRUE(f.escalated);
  EXPECT_EQ(f.attempts.size(), 3u);
}

TEST_F(LifeTest, ThePersonGetsAllAttemptsAndWhyTheyFailed) {
  contract::Class c = class_of({"small", "person"}, 1);
  c.checks = {starts_with_yes()};
  make(c);
  fake("small").then(FakeBackend::reply("no"));
  const Final f = live();
  EXPECT_EQ(f.what, What::person);
  ASSERT_GE(f.review, 0);
  const auto item = reviews_->by_answer("ans_1");
  ASSERT_TRUE(item);
  ASSERT_TRUE(item->has_value());
  EXPECT_EQ((*item)->class_name, "extraction");
  ASSERT_EQ((*item)->attempts.size(), 1u);
  EXPECT_EQ((*item)->attempts[0].text, "no");
  ASSERT_EQ((*item)->attempts[0].failed.size(), 1u);
  EXPECT_EQ((*item)->attempts[0].failed[0].first, "yes");
}

TEST_F(LifeTest, WithoutAPersonNobodyAnswersAndTheReasonIsSaid) {
  contract::Class c = class_of({"small"}, 1);
  c.checks = {starts_with_yes()};
  make(c);
  fake("small").then(FakeBackend::reply("no"));
  const Final f = live();
  EXPECT_EQ(f.what, What::abstained);
  EXPECT_NE(f.reason.find("yes"), std::string::npos) << f.reason;
}

TEST_F(LifeTest, AModelThatSaysItDoesNotKnowIsNotAskedAgain) {
  contract::Class c = class_of({"small", "careful"}, 3);
  c.unknown.patterns = {"(?i)don't know"};
  make(c);
  fake("small").then(FakeBackend::reply("I don't know."));
  fake("careful").then(FakeBackend::reply("It is."));
  const Final f = live();
  EXPECT_EQ(f.what, What::answered);
  ASSERT_EQ(f.attempts.size(), 2u);
  EXPECT_EQ(f.attempts[0].ending, Ending::unknown);
  EXPECT_EQ(f.attempts[1].deployment, "careful");
}

TEST_F(LifeTest, ACutAnswerNeverPassesWhereThereAreChecks) {
  contract::Class c = class_of({"small"}, 1);
  c.checks = {starts_with_yes()};
  make(c);
  fake("small").then(FakeBackend::reply("yes, and", backend::Reply::Finish::length));
  const Final f = live();
  EXPECT_EQ(f.what, What::abstained);
  EXPECT_EQ(f.attempts[0].ending, Ending::cut);
}

TEST_F(LifeTest, WithoutChecksACutAnswerIsGivenAndSaysSo) {
  make(class_of({"small"}, 1));
  fake("small").then(FakeBackend::reply("yes, and", backend::Reply::Finish::length));
  const Final f = live();
  EXPECT_EQ(f.what, What::answered);
  EXPECT_EQ(f.reply.finish, backend::Reply::Finish::length);
}

TEST_F(LifeTest, AFullQueueIsTheCallersToWaitForAndIsNotEscalated) {
  make(class_of({"small", "careful", "person"}));
  fake("small").then(FakeBackend::failure(Failure::Why::busy));
  const Final f = live();
  EXPECT_EQ(f.what, What::refused);
  EXPECT_EQ(f.failure.why, Failure::Why::busy);
  EXPECT_EQ(f.failure.retry_after_ms, 1500u);
  EXPECT_TRUE(fake("careful").asks().empty());
}

TEST_F(LifeTest, ADeploymentThatIsDownIsSteppedOver) {
  make(class_of({"small", "careful"}));
  fake("small").then(FakeBackend::failure(Failure::Why::unavailable));
  fake("careful").then(FakeBackend::reply("yes"));
  const Final f = live();
  EXPECT_EQ(f.what, What::answered);
  EXPECT_EQ(f.deployment, "careful");
  EXPECT_EQ(f.attempts[0].ending, Ending::error);
  EXPECT_EQ(f.attempts[0].error, "scripted");
  EXPECT_EQ(fake("small").asks().size(), 1u);  // not asked again: it would fail again
}

TEST_F(LifeTest, WhereAllAreDownTheCallerGetsTheFailureAndAPersonWhereThereIsOne) {
  make(class_of({"small"}));
  fake("small").then(FakeBackend::failure(Failure::Why::unavailable));
  const Final f = live();
  EXPECT_EQ(f.what, What::refused);
  EXPECT_EQ(f.failure.why, Failure::Why::unavailable);
}

TEST_F(LifeTest, APersonIsAskedWhereAllAreDown) {
  make(class_of({"small", "person"}));
  fake("small").then(FakeBackend::failure(Failure::Why::failed));
  EXPECT_EQ(live().what, What::person);
}

TEST_F(LifeTest, APromptThatFitsNowhereIsRefusedWithItsCounts) {
  make(class_of({"small", "careful", "person"}));
  fake("small").then(FakeBackend::failure(Failure::Why::too_long));
  fake("careful").then(FakeBackend::failure(Failure::Why::too_long));
  const Final f = live();
  EXPECT_EQ(f.what, What::refused);
  EXPECT_EQ(f.failure.why, Failure::Why::too_long);
  EXPECT_EQ(f.failure.n_prompt, 7u);
}

TEST_F(LifeTest, TheContractsOwnBoundsAreKept) {
  contract::Class c = class_of({"small"});
  c.max_prompt_tokens = 3;  // the fake counts a token a byte
  c.max_output_tokens = 8;
  make(c);
  const Final long_prompt = live(8);
  EXPECT_EQ(long_prompt.what, What::refused);
  EXPECT_EQ(long_prompt.failure.why, Failure::Why::too_long);
  EXPECT_EQ(long_prompt.failure.n_prompt, 6u);
  EXPECT_EQ(long_prompt.failure.n_context, 3u);
  const Final long_output = live(9);
  EXPECT_EQ(long_output.failure.why, Failure::Why::bad_request);
  EXPECT_TRUE(fake("small").asks().empty());
}

TEST_F(LifeTest, WhereTheCallerNamesNoLimitTheContextsRestIsIt) {
  make(class_of({"small"}));  // a context of 1000; the fake counts a token a byte: "Is it?" has 6
  std::promise<Final> final;
  start(final, 0, false);
  EXPECT_EQ(final.get_future().get().what, What::answered);
  EXPECT_EQ(fake("small").asks().at(0).max_tokens, 994u);
}

TEST_F(LifeTest, OrWhatTheClassAllowsWhereThatIsLess) {
  contract::Class c = class_of({"small"});
  c.max_output_tokens = 8;
  make(c);
  std::promise<Final> final;
  start(final, 0, false);
  final.get_future().get();
  EXPECT_EQ(fake("small").asks().at(0).max_tokens, 8u);
}

TEST_F(LifeTest, ARequestOutOfScopeUsesNothingOfTheDaysBudget) {
  contract_.budget.requests_per_day = 1;
  contract::Class c = class_of({"small"});
  c.max_output_tokens = 8;
  make(c);
  EXPECT_EQ(live(9).what, What::refused);
  EXPECT_EQ(live(8).what, What::answered);
  EXPECT_EQ(live(8).failure.why, Failure::Why::busy);
}

TEST_F(LifeTest, CancellingEndsTheAttemptUnderWayAndStartsNoOther) {
  make(class_of({"small", "careful", "person"}));
  fake("small").hold();
  std::promise<Final> final;
  const auto life = start(final);
  while (fake("small").n_held() == 0) std::this_thread::yield();
  life->cancel();
  const Final f = final.get_future().get();
  EXPECT_EQ(f.what, What::refused);
  EXPECT_EQ(f.failure.why, Failure::Why::cancelled);
  EXPECT_TRUE(fake("careful").asks().empty());
}

TEST_F(LifeTest, ADeadlineThatPassesEndsItWithAPersonWhereThereIsOne) {
  contract::Class c = class_of({"small", "person"});
  c.deadline_ms = 50;
  make(c);
  fake("small").then(FakeBackend::failure(Failure::Why::deadline));
  const Final f = live();
  EXPECT_EQ(f.what, What::person);
  EXPECT_NE(f.reason.find("50 ms"), std::string::npos) << f.reason;
  EXPECT_GT(fake("small").asks().at(0).deadline_ns, 0u);
}

TEST_F(LifeTest, AStoppedClassIsRefusedOrSkipsItsFirstLink) {
  make(class_of({"small", "careful"}));
  stops_->restore({"extraction", "too many", contract::StopTrigger::Action::fallback});
  fake("careful").then(FakeBackend::reply("yes"));
  const Final f = live();
  EXPECT_EQ(f.deployment, "careful");
  EXPECT_TRUE(fake("small").asks().empty());
  stops_->restore({"extraction", "far too many", contract::StopTrigger::Action::refuse});
  const Final g = live();
  EXPECT_EQ(g.what, What::refused);
  EXPECT_EQ(g.failure.why, Failure::Why::unavailable);
}

TEST(Entry, HoldsWhatAModelWroteThatIsNotUtf8) {
  Final f;
  f.what = What::abstained;
  f.reason = "the check says \xff\xfe";
  AttemptSeen a;
  a.checks = {{"own", false, "\xc3"}};
  f.attempts = {a};
  const auto entry = nlohmann::json::parse(line_of(entry_of(f, {})));
  EXPECT_EQ(entry["reason"], "the check says \uFFFD\uFFFD");
  EXPECT_EQ(entry["attempts"][0]["checks"][0]["reason"], "\uFFFD");
}

TEST(Ask, IsTheSameAfterItsJson) {
  backend::Ask a;
  a.messages_json = R"([{"content":"Is \"it\"?","role":"user"}])";
  a.max_tokens = 77;
  a.sampler.temperature = 0.7f;
  a.sampler.top_p = 0.9f;
  a.sampler.seed = ~0ull;
  a.sampler.bias = {{5, -1.5f}};
  a.stop = {"\n", "END"};
  const std::string text = ask_json(a);
  const auto b = ask_of_json(text);
  ASSERT_TRUE(b) << b.error().what;
  EXPECT_EQ(ask_json(*b), text);
  EXPECT_EQ(b->messages_json, a.messages_json);
  EXPECT_EQ(b->sampler.seed, ~0ull);
  EXPECT_EQ(b->sampler.temperature, 0.7f);
  EXPECT_FALSE(ask_of_json("{}"));
}

}  // namespace
}  // namespace bw::serve
