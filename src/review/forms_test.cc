#include "review/forms.h"

#include <gtest/gtest.h>

namespace bw::review {
namespace {

std::string why(const Result<Decision>& r) {
  return r ? "taken" : r.error().what;
}
Result<Decision> read(std::string_view body) {
  const auto fields = parse_form(body);
  if (!fields) return fields.error();
  return decision_of(*fields);
}

TEST(Form, fields_are_what_a_browser_encoded) {
  const auto f = parse_form("a=b+c&d=%C3%A8%26%3D&empty=");
  ASSERT_TRUE(f) << f.error().what;
  EXPECT_EQ(*field(*f, "a"), "b c");
  EXPECT_EQ(*field(*f, "d"), "è&=");
  EXPECT_EQ(*field(*f, "empty"), "");
  EXPECT_EQ(field(*f, "x"), nullptr);
}

TEST(Form, what_no_browser_sends_is_refused) {
  for (const char* body : {"a", "=b", "a=1&a=2", "a=%", "a=%2", "a=%zz", "a=b c", "a=\xC3\xA8", "a=%00",
                           "a=%FF", "a=%ED%A0%80", "a=\n", "&&"})
    EXPECT_FALSE(parse_form(body)) << body;
  EXPECT_FALSE(parse_form("a=12345678", {.body = 9}));
  EXPECT_TRUE(parse_form("a=12345678", {.body = 10}));
  EXPECT_FALSE(parse_form("a=1&b=2&c=3", {.fields = 2}));
}

TEST(Form, three_decisions_are_read) {
  const auto a = read("csrf=x&state=accepted&seconds=12.5&reviewer=+Ada+&attempt=2");
  ASSERT_TRUE(a) << a.error().what;
  EXPECT_EQ(a->state, Item::State::accepted);
  EXPECT_EQ(a->attempt, 1) << "people count from 1";
  EXPECT_EQ(a->reviewer, "Ada");
  EXPECT_EQ(a->seconds, 12.5);
  const auto c = read("state=corrected&seconds=&reviewer=Ada&text=a%0D%0Ab%0D%0A&reason=");
  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->text, "a\nb\n") << "newlines travel as CRLF";
  EXPECT_FALSE(c->seconds) << "no script, no measure";
  const auto r = read("state=rejected&seconds=3&reviewer=Ada&reason=+no%0D%0Await+");
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->reason, "no\nwait");
}

TEST(Form, a_decision_says_nothing_beside_itself) {
  const std::pair<const char*, const char*> cases[] = {
      {"reviewer=Ada", "state is missing"},
      {"state=waiting", "accepted, corrected or rejected"},
      {"state=accepted&reviewer=Ada", "attempt is missing"},
      {"state=accepted&attempt=0", "from 1"},
      {"state=accepted&attempt=-1", "from 1"},
      {"state=accepted&attempt=1x", "from 1"},
      {"state=accepted&attempt=1&text=x", "text has no place"},
      {"state=rejected&attempt=1", "attempt has no place"},
      {"state=corrected", "text is missing"},
      {"state=rejected&reason=x&seconds=-1", "seconds"},
      {"state=rejected&reason=x&seconds=nan", "seconds"},
      {"state=rejected&reason=x&seconds=1e999", "seconds"},
      {"state=rejected&reason=x&admin=1", "admin has no place"},
  };
  for (const auto& [body, says] : cases)
    EXPECT_NE(why(read(body)).find(says), std::string::npos) << body << ": " << why(read(body));
}

}  // namespace
}  // namespace bw::review
