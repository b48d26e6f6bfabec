// What the own engine refuses and fails, and how it says so. The other promises: own_test.cc.
#include <cmath>
#include <cstring>

#include "backend/own_testing.h"

namespace bw::backend {
namespace {
using testing::Heard;
using testing::long_one;
using testing::OwnBackend;
using testing::prompt;
using testing::submit;
using text::Token;
using Why = Failure::Why;

TEST_F(OwnBackend, messages_that_are_no_array_or_hold_more_than_one_are_refused) {
  const auto b = open(chat_file());
  for (const char* messages :
       {"{}", "[", R"([]],"bos_token":"x","y":[])", R"([], "add_generation_prompt": false)", " "}) {
    Ask ask;
    ask.messages_json = messages;
    const auto heard = submit(*b, ask);
    EXPECT_EQ(heard->failure().why, Why::bad_request) << messages;
    EXPECT_NE(heard->failure().error.what.find("messages"), std::string::npos);
  }
}

TEST_F(OwnBackend, what_the_context_cannot_hold_is_refused_with_the_counts_and_never_cut) {
  const auto b = open(baby, 2, 4, 256);
  Ask ask;
  ask.tokens = std::vector<Token>(200, 5);
  ask.max_tokens = 56;
  EXPECT_EQ(submit(*b, ask)->reply().n_prompt, 200u);
  ask.max_tokens = 57;
  const auto heard = submit(*b, ask);
  const Failure& f = heard->failure();
  EXPECT_EQ(f.why, Why::too_long);
  EXPECT_EQ(f.n_prompt, 200u);
  EXPECT_EQ(f.n_context, 256u);
  ask.max_tokens = UINT32_MAX;
  EXPECT_EQ(submit(*b, ask)->failure().why, Why::too_long);
}

TEST_F(OwnBackend, a_full_queue_is_said_with_when_to_come_again_and_the_others_are_served) {
  const auto b = open(baby, 1, 2);
  std::vector<std::shared_ptr<Heard>> heard;
  for (int i = 0; i < 3; ++i) heard.push_back(submit(*b, long_one(600)));
  const auto refused = submit(*b, long_one(600));
  EXPECT_EQ(refused->failure().why, Why::busy);
  EXPECT_GE(refused->failure().retry_after_ms, 1u);
  EXPECT_LE(refused->failure().retry_after_ms, 60'000u);
  for (const auto& h : heard) EXPECT_EQ(h->reply().n_output, 600u);
  EXPECT_EQ(submit(*b, long_one(3))->reply().n_output, 3u);
}

TEST_F(OwnBackend, what_it_cannot_do_is_refused_by_name) {
  const auto b = open(baby);
  const auto refused = [&](Ask a, const std::string& word) {
    const auto heard = submit(*b, std::move(a));
    const Failure& f = heard->failure();
    EXPECT_EQ(f.why, Why::bad_request) << word;
    EXPECT_NE(f.error.what.find(word), std::string::npos) << f.error.what;
  };
  Ask a = prompt("x", 4);
  a.sampler.bias = {{105, 1}};
  refused(a, "token 105");
  a = prompt("x", 4);
  a.sampler.temperature = NAN;
  refused(a, "temperature");
  a = prompt("x", 4);
  a.stop = {""};
  refused(a, "stop string");
  a = prompt("x", 4);
  a.log_probs = true;
  a.top_log_probs = 21;
  refused(a, "top_log_probs");
  a = prompt("", 4);
  a.tokens = std::vector<Token>{1, 105};
  refused(a, "token 105");
  a.tokens = std::vector<Token>{};
  refused(a, "empty");
  a = prompt("x", 4);
  a.tokens = std::vector<Token>{1};
  refused(a, "more than one");
  a = Ask();
  a.messages_json = R"([{"role":"user","content":"x"}])";
  refused(a, "chat template");
}

TEST_F(OwnBackend, a_template_that_refuses_a_chat_is_quoted) {
  const auto b = open(testing::write_copy(
      folder / "strict.gguf",
      {{"tokenizer.chat_template", gguf::string_value("{{ raise_exception('no system message here') }}")}}));
  Ask a;
  a.messages_json = R"([{"role":"user","content":"x"}])";
  const auto heard = submit(*b, a);
  EXPECT_EQ(heard->failure().why, Why::bad_request);
  EXPECT_NE(heard->failure().error.what.find("no system message here"), std::string::npos);
}

TEST_F(OwnBackend, a_value_that_is_not_finite_fails_its_own_ask_and_names_the_place) {
  const std::string file =
      testing::write_copy(folder / "nan.gguf", {}, [](const std::string& name, auto& bytes) {
        if (name != "blk.2.attn_norm.weight") return;
        const float huge = 3e38f;
        for (size_t i = 0; i + 4 <= bytes.size(); i += 4) std::memcpy(bytes.data() + i, &huge, 4);
      });
  const auto b = open(file);
  const auto heard = submit(*b, prompt("Once", 4));
  EXPECT_EQ(heard->failure().why, Why::failed);
  EXPECT_NE(heard->failure().error.what.find("layer 2"), std::string::npos) << heard->failure().error.what;
}

TEST_F(OwnBackend, a_file_that_cannot_fit_is_refused_with_the_plan_before_it_is_loaded) {
  OwnOptions o;
  o.name = "x";
  o.file = baby;
  o.context = 1u << 20;
  o.slots = 4096;
  bool loaded = false;
  o.progress = [&](uint64_t, uint64_t) { loaded = true; };
  const auto b = open_own(o);
  ASSERT_FALSE(b);
  EXPECT_EQ(b.error().code, Code::bad_input);
  EXPECT_NE(b.error().what.find("KV"), std::string::npos) << b.error().what;
  EXPECT_FALSE(loaded);
  o.slots = 0;
  EXPECT_FALSE(open_own(o));
  o.file = folder / "absent.gguf";
  EXPECT_FALSE(open_own(o));
}

}  // namespace
}  // namespace bw::backend
