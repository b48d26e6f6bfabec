#include "review/site.h"

#include <gtest/gtest.h>

#include <regex>

#include "base/markup.h"
#include "review/pages.h"
#include "review/web.h"

namespace bw::review {
namespace {

constexpr uint64_t kNow = 1796108400000;

Item item(const std::string& answer, const std::string& text = R"({"city":"Roma"})") {
  Item i;
  i.answer_id = answer;
  i.class_name = "extract";
  i.messages_json = R"([{"role":"system","content":"extract"},{"role":"user","content":"book a table"}])";
  i.attempts = {{"small", text, {{"schema", "no field \"town\""}}}, {"careful", R"({"town":"Roma"})", {}}};
  i.why = "every attempt failed its checks";
  i.created_ms = kNow - 60'000;
  return i;
}

// The value of a form's field, as the page carries it.
std::string value_in(const std::string& page, const std::string& form, const std::string& name) {
  const size_t at = page.find("value=\"" + form + "\"");
  const size_t begin = page.rfind("<form", at);
  const std::string key = "name=\"" + name + "\" value=\"";
  const size_t v = page.find(key, begin) + key.size();
  return page.substr(v, page.find('"', v) - v);
}

struct Rig {
  std::unique_ptr<Queue> queue = *Queue::open("");
  std::vector<Item> told;
  Site site{*queue, [this](const Item& i) { told.push_back(i); }};
  uint64_t now = kNow;

  Reply get(const std::string& path, std::vector<std::pair<std::string, std::string>> query = {}) {
    return site.respond({.method = "GET", .path = path, .query = std::move(query)}, now);
  }
  Reply post(const std::string& path, const std::string& body) {
    return site.respond(
        {.method = "POST", .path = path, .content_type = "application/x-www-form-urlencoded", .body = body},
        now);
  }
  std::string token(int64_t id) {
    return value_in(get("/review/" + std::to_string(id)).body, "rejected", "csrf");
  }
};

std::string header(const Reply& r, const std::string& name) {
  for (const auto& [n, v] : r.headers)
    if (n == name) return v;
  return {};
}

TEST(Site, a_rejection_by_form_ends_at_the_next_item_that_waits) {
  Rig rig;
  for (const char* a : {"ans_1", "ans_2"}) ASSERT_TRUE(rig.queue->add(item(a)));
  const std::string token = rig.token(1);
  rig.now += 30'000;
  const Reply r =
      rig.post("/review/1", "csrf=" + token + "&state=rejected&seconds=20.5&reviewer=Ada&reason=wrong+town");
  EXPECT_EQ(r.status, 303) << r.body;
  EXPECT_EQ(header(r, "Location"), "/review/2?reviewer=%41%64%61&done=1");
  const auto i = *rig.queue->get(1);
  EXPECT_EQ(i->state, Item::State::rejected);
  EXPECT_EQ(i->seconds, 20.5);
  EXPECT_EQ(i->decided_ms, rig.now);
  ASSERT_EQ(rig.told.size(), 1u);
  EXPECT_EQ(rig.told[0].reason, "wrong town");
}

TEST(Site, the_time_spent_is_bounded_by_the_time_since_the_page_was_made) {
  Rig rig;
  for (const char* a : {"ans_1", "ans_2", "ans_3"}) ASSERT_TRUE(rig.queue->add(item(a)));
  const auto decide = [&](int64_t id, const std::string& seconds, uint64_t after_ms) {
    const std::string token = rig.token(id);
    rig.now += after_ms;
    EXPECT_EQ(rig.post("/review/" + std::to_string(id),
                       "csrf=" + token + "&state=rejected&seconds=" + seconds + "&reviewer=Ada&reason=x")
                  .status,
              303);
    return (*rig.queue->get(id))->seconds;
  };
  EXPECT_EQ(decide(1, "99999", 10'000), 10.0) << "more than can be";
  EXPECT_EQ(decide(2, "", 45'000), 45.0) << "no script: from opening to deciding";
  EXPECT_EQ(decide(3, "", 5 * 3600 * 1000), 4 * 3600.0) << "left open over lunch";
}

TEST(Site, only_a_form_of_this_server_and_item_decides) {
  Rig rig;
  for (const char* a : {"ans_1", "ans_2"}) ASSERT_TRUE(rig.queue->add(item(a)));
  const std::string token = rig.token(1), fields = "&state=rejected&seconds=1&reviewer=Eve&reason=x";
  Rig other;
  ASSERT_TRUE(other.queue->add(item("ans_1")));
  std::string changed = token;
  changed.back() = changed.back() == '0' ? '1' : '0';
  EXPECT_EQ(rig.post("/review/1", fields.substr(1)).status, 403) << "none";
  EXPECT_EQ(rig.post("/review/1", "csrf=" + changed + fields).status, 403) << "changed";
  EXPECT_EQ(rig.post("/review/1", "csrf=" + rig.token(2) + fields).status, 403) << "of another item";
  EXPECT_EQ(rig.post("/review/1", "csrf=" + other.token(1) + fields).status, 403) << "of another start";
  EXPECT_EQ(rig.post("/review/1", "csrf=9" + token.substr(1) + fields).status, 403) << "another moment";
  for (const char* from : {"cross-site", "same-site"})
    EXPECT_EQ(rig.site
                  .respond({.method = "POST",
                            .path = "/review/1",
                            .content_type = "application/x-www-form-urlencoded",
                            .body = "csrf=" + token + fields,
                            .sec_fetch_site = from},
                           rig.now)
                  .status,
              403);
  rig.now += Guard::kMaxAgeMs + 1;
  EXPECT_EQ(rig.post("/review/1", "csrf=" + token + fields).status, 403) << "of yesterday";
  rig.now = kNow - 1;
  EXPECT_EQ(rig.post("/review/1", "csrf=" + token + fields).status, 403) << "of tomorrow";
  EXPECT_EQ((*rig.queue->get(1))->state, Item::State::waiting);
  rig.now = kNow + 1;
  EXPECT_EQ(rig.post("/review/1", "csrf=" + token + fields).status, 303);
}

TEST(Site, what_was_typed_is_not_lost_when_it_is_refused) {
  Rig rig;
  ASSERT_TRUE(rig.queue->add(item("ans_1")));
  const Reply same =
      rig.post("/review/1", "csrf=" + rig.token(1) +
                                "&state=corrected&seconds=1&reviewer=Ada&text=%7B%22town%22%3A%22Roma%22%7D");
  EXPECT_EQ(same.status, 400);
  EXPECT_NE(same.body.find("the correction is attempt 2 unchanged"), std::string::npos);
  EXPECT_NE(same.body.find("role=\"alert\""), std::string::npos);
  const Reply nobody = rig.post(
      "/review/1", "csrf=" + rig.token(1) + "&state=corrected&seconds=1&reviewer=&text=my+long+text");
  EXPECT_EQ(nobody.status, 400);
  EXPECT_NE(nobody.body.find("my long text</textarea>"), std::string::npos);
}

TEST(Site, an_item_is_decided_once) {
  Rig rig;
  ASSERT_TRUE(rig.queue->add(item("ans_1")));
  const std::string body = "csrf=" + rig.token(1) + "&state=accepted&attempt=2&seconds=0&reviewer=Ada";
  const Reply first = rig.post("/review/1", body);
  EXPECT_EQ(header(first, "Location"), "/review?reviewer=%41%64%61&done=1") << "nothing else waits";
  EXPECT_EQ(rig.post("/review/1", body).status, 409);
  EXPECT_EQ(rig.told.size(), 1u);
}

TEST(Site, every_reply_carries_the_policy_and_is_not_kept) {
  Rig rig;
  ASSERT_TRUE(rig.queue->add(item("ans_1")));
  for (const Reply& r : {rig.get("/review"), rig.get("/review/1"), rig.get("/review/9"),
                         rig.get("/review/review.js"), rig.get("/review/review.css"), rig.get("/review/../x"),
                         rig.post("/review", ""), rig.post("/review/1", "csrf=x")}) {
    EXPECT_EQ(header(r, "Content-Security-Policy"),
              "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; frame-ancestors "
              "'none'; "
              "base-uri 'none'");
    EXPECT_EQ(header(r, "Cache-Control"), "no-store");
    EXPECT_EQ(header(r, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header(r, "Referrer-Policy"), "same-origin");
  }
}

TEST(Site, what_is_not_there_or_not_so_is_said) {
  Rig rig;
  ASSERT_TRUE(rig.queue->add(item("ans_1")));
  EXPECT_EQ(rig.get("/review/2").status, 404);
  EXPECT_EQ(rig.get("/review/1x").status, 404);
  EXPECT_EQ(rig.get("/review/-1").status, 404);
  EXPECT_EQ(rig.get("/review/99999999999999999999").status, 404);
  EXPECT_EQ(rig.get("/review", {{"state", "<b>"}}).status, 400);
  EXPECT_EQ(rig.get("/review", {{"after", "-1"}}).status, 400);
  EXPECT_EQ(rig.post("/review/2", "csrf=1").status, 404);
  const Reply put = rig.site.respond({.method = "PUT", .path = "/review/1"}, kNow);
  EXPECT_EQ(put.status, 405);
  EXPECT_EQ(header(put, "Allow"), "GET, HEAD, POST");
  const Reply json = rig.site.respond(
      {.method = "POST", .path = "/review/1", .content_type = "application/json", .body = "{}"}, kNow);
  EXPECT_EQ(json.status, 415);
}

TEST(Site, a_long_queue_comes_in_pages) {
  Rig rig;
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(rig.queue->add(item("ans_" + std::to_string(i))));
  const std::string first = rig.get("/review").body;
  EXPECT_NE(first.find("/review/50\""), std::string::npos);
  EXPECT_EQ(first.find("/review/51\""), std::string::npos);
  EXPECT_NE(first.find("state=waiting&amp;after=50"), std::string::npos);
  const std::string rest = rig.get("/review", {{"after", "50"}}).body;
  EXPECT_NE(rest.find("/review/60\""), std::string::npos);
  EXPECT_EQ(rest.find("after="), std::string::npos);
}

// Of any hostile text: no tag of the page's beyond its own, whatever place the text stands in.
TEST(Pages, hostile_texts_add_no_tag_and_no_attribute) {
  const std::string hostile[] = {"<script>alert(1)</script>",
                                 "\"><img src=x onerror=alert(1)>",
                                 "</textarea><script>alert(1)</script>",
                                 "</pre></title><svg onload=alert(1)>",
                                 "' onfocus='alert(1)' autofocus x='",
                                 "javascript:alert(1)",
                                 "{{constructor.constructor('alert(1)')()}}",
                                 "<!--<script>",
                                 "]]><b>",
                                 "&lt;script&gt;",
                                 "\xE2\x80\xAE<b>\xE2\x80\x8B"};
  const auto tags = [](const std::string& page) {
    std::vector<std::string> out;
    const std::regex tag("<[^>]*>");
    for (std::sregex_iterator i(page.begin(), page.end(), tag), end; i != end; ++i) {
      const std::string t = i->str();
      if (t.find("class=\"mark\"") == std::string::npos && t != "</span>")
        out.push_back(t.substr(0, t.find(' ')));
    }
    return out;
  };
  const auto page = [](const std::string& text) {
    Item i = item("ans_1", text);
    i.id = 1;
    i.class_name = i.why = i.attempts[1].deployment = i.attempts[0].failed[0].first =
        i.attempts[0].failed[0].second = text;
    i.messages_json = "[" + text;
    View v;
    v.notice = v.problem = v.text = v.reason = text;
    v.typed = true;
    std::string out = item_page(i, text, v) + list_page({i}, {}, v);
    v.reviewer = "Ada";
    i.state = Item::State::corrected;
    i.text = i.reviewer = i.reason = text;
    return out + item_page(i, text, v) + problem_page(text, text, text);
  };
  const auto plain = tags(page("word")), with_hidden = tags(page("wo\xE2\x80\xAErd"));
  for (const std::string& text : hostile) {
    // Words apart are marked: <mark> may come more often, nothing else may.
    auto got = tags(page(text)), want = n_hidden(text) ? with_hidden : plain;
    const auto no_marks = [](std::vector<std::string>& all) {
      std::erase_if(all, [](const std::string& t) { return t == "<mark>" || t == "</mark>"; });
    };
    no_marks(got);
    no_marks(want);
    EXPECT_EQ(got, want) << text;
  }
}

TEST(Pages, a_text_that_begins_with_a_newline_keeps_it) {
  Item i = item("ans_1", "\nx");
  i.attempts.resize(1);
  i.id = 1;
  const std::string page = item_page(i, "t");
  EXPECT_NE(page.find("dir=\"auto\">\n\nx</pre>"), std::string::npos) << "a browser drops the first newline";
  EXPECT_NE(page.find(">\n\nx</textarea>"), std::string::npos);
}

TEST(Pages, messages_of_parts_and_broken_ones_are_shown) {
  Item i = item("ans_1");
  i.messages_json =
      R"([{"role":"user","content":[{"type":"text","text":"part one"},{"type":"text","text":"part two"}]}])";
  EXPECT_NE(item_page(i, "t").find("part one\npart two"), std::string::npos);
  i.messages_json = std::string(100'000, '[');
  EXPECT_NE(item_page(i, "t").find("As it was sent"), std::string::npos);
  i.messages_json = R"([{"role":"user","content":[{"type":"image_url"}]}])";
  EXPECT_NE(item_page(i, "t").find("As it was sent"), std::string::npos);
}

TEST(Pages, no_script_stands_in_them_and_no_style) {
  Item i = item("ans_1");
  i.id = 1;
  const std::string all = item_page(i, "t") + list_page({i}, {});
  EXPECT_EQ(all.find("style="), std::string::npos);
  EXPECT_EQ(all.find("<script>"), std::string::npos);
  EXPECT_FALSE(std::regex_search(all, std::regex("<[^>]* on[a-z]+=")));
  EXPECT_FALSE(web::review_js.empty());
  EXPECT_NE(web::review_css.find("prefers-color-scheme"), std::string_view::npos);
}

}  // namespace
}  // namespace bw::review
