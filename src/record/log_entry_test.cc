// What the audit log holds of a judgement. Oracle: the example record, made by hand.
#include "record/log_entry.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "record/check.h"

namespace bw::record {
namespace {

using Json = nlohmann::ordered_json;

std::string example() {
  auto text = read_text(std::string(BITWORTH_SOURCE_DIR) + "/data/schema/example-judgement.json");
  return text ? *text : std::string();
}

TEST(LogEntry, it_names_record_scenario_files_and_verdicts_on_one_line) {
  const Json record = Json::parse(example());
  const auto text = log_entry(example(), "/x/judgement.json", "2026-03-01T09:05:02.017Z");
  ASSERT_TRUE(text) << text.error().what;
  EXPECT_EQ(text->find('\n'), std::string::npos);
  const Json j = Json::parse(*text);
  EXPECT_EQ(j.at("kind"), "judgement");
  EXPECT_EQ(j.at("time"), "2026-03-01T09:05:02.017Z");
  EXPECT_EQ(j.at("record"), "/x/judgement.json");
  EXPECT_EQ(j.at("record_digest"), record.at("digest"));
  EXPECT_EQ(j.at("scenario").at("sha256"), record.at("scenario").at("sha256"));
  EXPECT_EQ(j.at("reference").at("sha256"), record.at("reference").at("sha256"));
  EXPECT_EQ(j.at("exit_code"), record.at("exit_code"));
  ASSERT_EQ(j.at("candidates").size(), record.at("candidates").size());
  for (size_t i = 0; i < j.at("candidates").size(); ++i) {
    const Json &ours = j.at("candidates")[i], &theirs = record.at("candidates")[i];
    for (const char* key : {"name", "sha256", "kv_type", "role"})
      EXPECT_EQ(ours.at(key), theirs.at(key)) << key;
    EXPECT_EQ(ours.at("verdict"), theirs.at("verdict").at("word"));
    EXPECT_EQ(ours.at("by_category"), theirs.at("verdict").at("by_category"));
    EXPECT_EQ(ours.at("why"), theirs.at("verdict").at("why"));
  }
}

TEST(LogEntry, a_record_that_was_changed_or_lacks_a_key_is_not_logged) {
  std::string changed = example();
  changed[changed.find("laptop")] = 'L';
  EXPECT_FALSE(log_entry(changed, "x", "t"));
  Json j = Json::parse(example());
  j.erase("host");
  j["digest"] = "";
  const auto lacking = log_entry(sealed(j.dump(2) + "\n"), "x", "t");
  ASSERT_FALSE(lacking);
  EXPECT_EQ(lacking.error().code, Code::bad_input);
  EXPECT_FALSE(log_entry("{}", "x", "t"));
}

}  // namespace
}  // namespace bw::record
