// The terminal and the page say the same, in 80 columns, and obey nothing a model wrote.
// Oracle: the example record, and a naive check of every line and every text.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "report/figures.h"
#include "report/report.h"

namespace {
using namespace bw;
using nlohmann::json;

std::string example() {
  auto text = read_text(std::string(BITWORTH_SOURCE_DIR) + "/data/schema/example-judgement.json");
  return text ? *text : std::string{};
}
size_t columns(const std::string& line) {
  size_t n = 0;
  for (char c : line) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

TEST(Report, every_line_of_the_terminal_report_fits_80_columns_but_what_is_to_be_copied) {
  auto d = report::document(example());
  ASSERT_TRUE(d) << d.error().what;
  std::istringstream lines(report::text(*d, {}));
  for (std::string line; std::getline(lines, line);)
    if (line.rfind("    ", 0) != 0) {
      EXPECT_LE(columns(line), 80u) << line;
    }
}

TEST(Report, the_first_screen_names_every_candidate_verdict_axis_and_the_three_answers) {
  auto d = report::document(example());
  ASSERT_TRUE(d) << d.error().what;
  const std::string text = report::text(*d, {});
  for (const json& c : json::parse(example())["candidates"]) {
    EXPECT_NE(text.find(c["name"].get<std::string>()), std::string::npos);
    std::string word = c["verdict"]["word"];
    for (char& ch : word) ch = char(std::toupper(ch));
    EXPECT_NE(text.find(word), std::string::npos) << word;
  }
  for (const char* s : {"format", "memory", "speed", "degradation", "practical rule", "what is gained",
                        "what needs control", "first silent failure"})
    EXPECT_NE(text.find(s), std::string::npos) << s;
}

TEST(Report, the_page_holds_what_the_terminal_holds) {
  auto d = report::document(example());
  ASSERT_TRUE(d);
  const std::string page = report::html(*d);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_NE(page.find("Content-Security-Policy"), std::string::npos);
  for (const json& c : json::parse(example())["candidates"])
    EXPECT_NE(page.find(c["verdict"]["by_category"].get<std::string>()), std::string::npos);
}

TEST(Report, what_a_model_wrote_is_shown_and_never_obeyed) {
  json j = json::parse(example());
  const std::string hostile = "<script>alert(1)</script>\x1b]0;owned\x07\" onload='x'";
  j["candidates"][0]["answers"]["first_silent_failure"] = hostile;
  j["candidates"][0]["name"] = "<img src=x>";
  auto d = report::document(j.dump());
  ASSERT_TRUE(d) << d.error().what;
  const std::string page = report::html(*d), text = report::text(*d, {});
  EXPECT_EQ(page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;alert(1)"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
}

TEST(Report, a_changed_record_is_said_to_be_changed_before_anything_else) {
  auto untouched = report::document(example());
  ASSERT_TRUE(untouched) << untouched.error().what;
  EXPECT_NE(report::html(*untouched).find("the record&#39;s digest agrees"), std::string::npos);
  EXPECT_NE(report::text(*untouched, {}).find("signed"), std::string::npos);
  json j = json::parse(example());
  j["candidates"][0]["verdict"]["word"] = "worth it";
  auto d = report::document(j.dump());
  ASSERT_TRUE(d) << d.error().what;
  const std::string page = report::html(*d), text = report::text(*d, {});
  EXPECT_LT(page.find("DIGEST DOES NOT AGREE"), page.find("class=\"verdict"));
  EXPECT_LT(text.find("DIGEST DOES NOT AGREE"), text.find("WORTH IT"));
}

TEST(Report, a_silent_failure_is_quoted_only_where_there_is_one) {
  json j = json::parse(example());
  EXPECT_NE(report::text(*report::document(j.dump()), {}).find("accepted, and not true:"), std::string::npos);
  for (json& c : j["candidates"]) {
    c["categories"] = json::object();
    c["answers"]["first_silent_failure"] = "not known: no task was run";
  }
  const std::string text = report::text(*report::document(j.dump()), {});
  EXPECT_EQ(text.find("accepted, and not true:"), std::string::npos);
  EXPECT_NE(text.find("first silent failure"), std::string::npos);
  EXPECT_NE(text.find("not known: no task was run"), std::string::npos);
}

TEST(Report, warns_of_items_that_say_little_and_explains_a_controls_finding_and_what_a_row_counts) {
  json j = json::parse(example());
  j["candidates"][0]["categories"]["extraction"]["warning"] = "they are too hard";
  j["candidates"][1]["axes"]["format"]["findings"] = {"bitworth.control: made worse on purpose"};
  j["candidates"][1]["axes"]["format"]["state"] = "fails";
  const auto d = report::document(j.dump());
  ASSERT_TRUE(d) << d.error().what;
  const std::string page = report::html(*d);
  EXPECT_NE(page.find("extraction: they are too hard"), std::string::npos);
  EXPECT_NE(page.find("Expected: the finding is that the file says it is a control"), std::string::npos);
  EXPECT_NE(page.find("delivered, not true; candidate"), std::string::npos)
      << "in the rule: after all attempts";
  EXPECT_NE(page.find("accepted, not true"), std::string::npos) << "in the category: first answers";
  EXPECT_NE(page.find("bitworth judge --scenario laptop --reference good.gguf"), std::string::npos);
}

TEST(Report, a_cache_other_than_f16_stands_beside_the_candidates_name) {
  json j = json::parse(example());
  EXPECT_EQ(report::text(*report::document(j.dump()), {}).find("q4_0, KV cache"), std::string::npos);
  j["candidates"][0]["kv_type"] = "q8";
  const auto d = report::document(j.dump());
  ASSERT_TRUE(d) << d.error().what;
  for (const std::string& shown : {report::text(*d, {}), report::html(*d)})
    EXPECT_NE(shown.find("q4_0, KV cache q8"), std::string::npos);
  EXPECT_NE(report::text(*d, {}).find("KV cache f16"), std::string::npos) << "the reference's";
}

TEST(Report, a_record_of_another_schema_or_with_a_missing_key_is_refused) {
  EXPECT_FALSE(report::document("{"));
  EXPECT_FALSE(report::document(R"({"schema": "other/1"})"));
  json j = json::parse(example());
  j["candidates"][0].erase("verdict");
  auto d = report::document(j.dump());
  ASSERT_FALSE(d);
  EXPECT_EQ(d.error().code, Code::bad_input);
}

TEST(Report, figures_keep_their_birth_and_interval_in_a_persons_units) {
  EXPECT_EQ(report::show(measured(429166880, "bytes")), "409.3 MiB measured");
  EXPECT_EQ(report::show(with_interval(measured(0.787, "share"), 0.76, 0.81, 9)),
            "78.70 % measured [76.00, 81.00]");
  EXPECT_EQ(report::show_short(with_interval(measured(0.787, "share"), 0.76, 0.81, 9)), "78.70 % measured");
  Figure one_sided = measured(3, "ms");
  one_sided.high = 4;
  EXPECT_EQ(report::show(one_sided), "3.00 ms measured [no bound, 4.00]");
  EXPECT_EQ(report::show(unknown("ms", "n = 8")), "unknown(n = 8)");
}

TEST(Report, a_figure_that_breaks_the_form_is_shown_as_unknown) {
  EXPECT_EQ(report::show(report::read(nlohmann::ordered_json::parse(R"({"value":3,"unit":"ms"})"))),
            "unknown(figure: birth: expected a string, found nothing)");
}
}  // namespace
