// A record that was changed is found: by its digest, or, where a new digest was written, by what no longer
// follows from the rest. Oracle: the example record, made by hand, with a digest made by sha256sum.
#include "record/check.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace bw::record {
namespace {

using Json = nlohmann::ordered_json;

std::string example() {
  auto text = read_text(std::string(BITWORTH_SOURCE_DIR) + "/data/schema/example-judgement.json");
  return text ? *text : std::string();
}

// Changed, and given a digest that agrees: what somebody does who knows how.
Check forged(const std::function<void(Json&)>& change) {
  Json j = Json::parse(example());
  change(j);
  j["digest"] = "";
  auto c = check(sealed(j.dump(2) + "\n"));
  EXPECT_TRUE(c) << c.error().what;
  EXPECT_TRUE(c->digest_agrees);
  return *c;
}

TEST(Check, an_untouched_record_agrees_with_its_digest_and_with_itself) {
  const auto c = check(example());
  ASSERT_TRUE(c) << c.error().what;
  EXPECT_TRUE(c->digest_agrees);
  for (const std::string& d : c->disagreements) ADD_FAILURE() << d;
  EXPECT_GT(c->n_derived, 30u);
  EXPECT_TRUE(forged([](Json&) {}).ok());
}

TEST(Check, any_byte_that_changed_is_found_by_the_digest) {
  for (const char* word : {"42", "laptop", "cannot tell", "0.05"}) {
    std::string text = example();
    const size_t at = text.find(word);
    ASSERT_NE(at, std::string::npos) << word;
    text[at] = text[at] == '1' ? '2' : '1';
    const auto c = check(text);
    if (!c) continue;  // no longer a record at all
    EXPECT_FALSE(c->digest_agrees) << word;
    EXPECT_NE(says(*c).find("DOES NOT AGREE"), std::string::npos);
  }
  std::string longer = example() + " ";
  EXPECT_FALSE(check(longer)->digest_agrees);
}

TEST(Check, a_forged_word_figure_or_case_disagrees_with_the_rest) {
  const auto found = [](const std::function<void(Json&)>& change, const char* what) {
    const Check c = forged(change);
    ASSERT_FALSE(c.disagreements.empty()) << what;
    EXPECT_NE(c.disagreements[0].find(what), std::string::npos) << c.disagreements[0];
  };
  found([](Json& j) { j["candidates"][0]["verdict"]["word"] = "worth it"; }, "the verdict is `worth it`");
  found([](Json& j) { j["candidates"][0]["axes"]["speed"]["state"] = "holds"; }, "speed axis is `holds`");
  found([](Json& j) { j["candidates"][0]["axes"]["speed"]["criteria"][0]["state"] = "holds"; },
        "ttft_p95_ms");
  found([](Json& j) { j["candidates"][1]["categories"]["extraction"]["outcome"] = "equivalent"; },
        "extraction is `fails`, the rest of the record gives `holds`");
  found([](Json& j) { j["candidates"][0]["axes"]["memory"]["figures"]["planned"]["value"] = 1e8; },
        "planned memory is 100000000");
  found([](Json& j) { j["candidates"][1]["categories"]["extraction"]["flips_worse"] = 0; },
        "right to wrong is 0, the rest of the record gives 1");
  found([](Json& j) { j["candidates"][0]["cases"][0]["truth"] = true; }, "extraction, exact");
  found([](Json& j) { j["candidates"][0]["cases"][0]["score"] = 0.6667; }, "candidate less reference");
  found([](Json& j) { j["reference"]["cases"].erase(0); }, "extraction, items is 2");
  found([](Json& j) { j["exit_code"] = 0; }, "exit_code");
}

TEST(Check, what_is_no_record_is_refused) {
  EXPECT_FALSE(check("{"));
  EXPECT_FALSE(check("[]"));
  EXPECT_FALSE(check(R"({"schema": 3})"));
  Json j = Json::parse(example());
  j.erase("digest");
  EXPECT_FALSE(check(j.dump()));
}

}  // namespace
}  // namespace bw::record
