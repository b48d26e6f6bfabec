// Figures as JSON: nothing is lost on the way through text, and only the one form is read.
// Oracle: the form itself, written out as docs/record.md has it; data/schema is checked against it in
// record_test.
#include "base/figure_json.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

namespace {
using namespace bw;
using Json = nlohmann::ordered_json;

Result<Figure> through_text(const Figure& f) {
  return figure_of(Json::parse(json_of(f).dump()));
}
bool same_bits(double a, double b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

TEST(FigureJson, has_every_key_in_the_order_of_the_record) {
  EXPECT_EQ(
      json_of(with_interval(measured(0.5, "share", "10 rounds"), 0.25, 0.75, 40)).dump(),
      R"({"value":0.5,"unit":"share","birth":"measured","low":0.25,"high":0.75,"n":40,"reason":"10 rounds"})");
  EXPECT_EQ(
      json_of(unknown("nats", "no reference")).dump(),
      R"({"value":null,"unit":"nats","birth":"unknown","low":null,"high":null,"n":null,"reason":"no reference"})");
}

TEST(FigureJson, gives_back_every_bit_of_every_birth) {
  for (const double v : {0.0, -0.0, 0.1, 1.0 / 3, -2.5e-8, 9007199254740993.0, DBL_MAX, DBL_MIN, 4.9e-324})
    for (const Birth birth : {Birth::measured, Birth::derived, Birth::estimated, Birth::declared}) {
      Figure f{v, "tokens/s", birth, "default, not yours", -v, std::nextafter(v, 1e300), INT64_MAX};
      if (!std::isfinite(*f.high)) f.high.reset();
      const auto back = through_text(f);
      ASSERT_TRUE(back) << back.error().what;
      EXPECT_TRUE(same_bits(back->value, f.value)) << v;
      EXPECT_TRUE(same_bits(*back->low, *f.low)) << v;
      EXPECT_EQ(back->high, f.high);
      EXPECT_EQ(back->n, f.n);
      EXPECT_EQ(back->unit, f.unit);
      EXPECT_EQ(back->birth, f.birth);
      EXPECT_EQ(back->reason, f.reason);
    }
}

TEST(FigureJson, an_unknown_one_stays_unknown_with_its_reason_and_its_bounds) {
  Figure f = unknown("ms", "n = 8");
  f.low = 3;  // a bound on one side may be known where the value is not
  f.n = 8;
  const auto back = through_text(f);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_FALSE(back->known());
  EXPECT_TRUE(std::isnan(back->value));
  EXPECT_EQ(back->reason, "n = 8");
  EXPECT_EQ(back->low, 3.0);
  EXPECT_FALSE(back->high);
  EXPECT_EQ(back->n, 8);
}

TEST(FigureJson, what_json_cannot_hold_is_written_as_not_known) {
  Figure f = measured(1, "s");
  f.value = INFINITY;
  f.low = -INFINITY;
  const auto back = through_text(f);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_FALSE(back->known());
  EXPECT_EQ(back->reason, "not measured");
  EXPECT_FALSE(back->low);
  EXPECT_EQ(json_of(Figure{}).at("reason"), "not measured");
}

TEST(FigureJson, refuses_every_other_form_and_names_the_key) {
  const Json good = json_of(with_interval(measured(1, "s"), 0, 2, 3));
  ASSERT_TRUE(figure_of(good));
  const auto complaint = [](const Json& j) {
    const auto f = figure_of(j);
    return f ? std::string() : f.error().what;
  };
  for (const auto& [key, value] : good.items()) {
    Json j = good;
    j.erase(key);
    EXPECT_NE(complaint(j).find("figure: " + key), std::string::npos) << complaint(j);
    j = good;
    j[key] = Json::array();
    EXPECT_NE(complaint(j).find("figure: " + key), std::string::npos) << complaint(j);
  }
  const std::pair<const char*, Json> wrong[] = {
      {"birth", 0}, {"birth", "guessed"}, {"birth", "unknown"}, {"value", nullptr}, {"n", -1}, {"n", 1.5}};
  for (const auto& [key, value] : wrong) {
    Json j = good;
    j[key] = value;
    EXPECT_NE(complaint(j), "") << key << " = " << value;
  }
  Json mute = json_of(unknown("s", "why"));
  mute["reason"] = "";
  EXPECT_EQ(complaint(mute), "figure: reason: expected why it is unknown");
  EXPECT_EQ(complaint(Json::array()), "figure: expected an object, found array");
}
}  // namespace
