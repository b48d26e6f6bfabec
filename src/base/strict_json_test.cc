// What is refused before it is parsed, and where it is said to be. The oracle for "is JSON" is nlohmann's
// parser itself; the rest is RFC 8259's text.
#include "base/strict_json.h"

#include <gtest/gtest.h>

namespace bw {
namespace {
using What = JsonFault::What;

TEST(StrictJson, good_json_has_no_fault) {
  for (const char* good : {"{}", "[]", "1", "\"a\"", " null ", R"({"a":{"b":[1,2,{"a":1}]},"b":{"a":2}})",
                           R"([{"a":1},{"a":1}])", R"({"a":"é😀"})", "{\"a\":\"\xC3\xA9\"}", "-0.5e-300"})
    EXPECT_FALSE(check_json(good)) << good;
}

TEST(StrictJson, a_key_that_stands_twice_is_named_with_its_place) {
  const auto f = check_json(R"({"x":[0,{"y":{"k":1,"k":2}}]})");
  ASSERT_TRUE(f);
  EXPECT_EQ(f->what, What::duplicate_key);
  EXPECT_EQ(f->where, "x[1].y.k");
  EXPECT_NE(f->message.find("\"k\""), std::string::npos);
  // The same key by another spelling.
  EXPECT_EQ(check_json(R"({"a":1,"\u0061":2})")->what, What::duplicate_key);
}

TEST(StrictJson, nesting_is_bounded_exactly_and_does_not_need_the_stack) {
  JsonLimits limits;
  limits.max_depth = 3;
  EXPECT_FALSE(check_json("[[[1]]]", limits));
  EXPECT_EQ(check_json("[[[[1]]]]", limits)->what, What::too_deep);
  EXPECT_EQ(check_json(std::string(5'000'000, '['))->what, What::too_deep);
  limits.max_depth = 6'000'000;
  EXPECT_FALSE(check_json(std::string(1'000'000, '[') + std::string(1'000'000, ']'), limits));
}

TEST(StrictJson, keys_are_bounded_in_number_and_length) {
  JsonLimits limits;
  limits.max_members = 3;
  EXPECT_FALSE(check_json(R"({"a":{"b":1},"c":1})", limits));
  EXPECT_EQ(check_json(R"({"a":{"b":1},"c":1,"d":2})", limits)->what, What::too_many_members);
  limits.max_key_bytes = 4;
  EXPECT_EQ(check_json(R"({"abcde":1})", limits)->what, What::too_many_members);
}

TEST(StrictJson, what_is_not_json_is_refused_with_the_byte) {
  for (const char* bad :
       {"", "{", "{]", "{a:1}", "[1,]", "NaN", "1e999", "\"\xFF\"", "\"\\ud800\"", "[1] 2", "\"a\nb\"", "01"})
    EXPECT_EQ(check_json(bad)->what, What::not_json) << bad;
  EXPECT_EQ(check_json("{\"a\":\n  x}")->message, "not JSON at byte 8 (line 2, column 3)");
}

}  // namespace
}  // namespace bw
