// Chat templates against Jinja2's own renderings (data/vectors/chat_templates; its README says how they
// came).
#include "text/chat.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"

namespace bw::text {
namespace {

using Json = nlohmann::ordered_json;

const std::string vectors = std::string(BITWORTH_SOURCE_DIR) + "/data/vectors/chat_templates/";

std::string file(const std::string& name) {
  auto text = read_text(vectors + name);
  EXPECT_TRUE(text) << name << (text ? "" : ": " + text.error().what);
  return text ? *text : "";
}

std::vector<Json> lines(const std::string& name) {
  std::vector<Json> out;
  std::istringstream in(file(name));
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) out.push_back(Json::parse(line));
  return out;
}

std::string joined(const std::vector<Segment>& segments) {
  std::string out;
  for (const Segment& s : segments) out += s.text;
  return out;
}

// The text, or "error: ..." from parsing or rendering.
std::string rendered(const std::string& source, const std::string& context, const RenderLimits& limits = {}) {
  auto t = ChatTemplate::parse(source);
  if (!t) return "error: " + t.error().what;
  auto out = t->render_json(context, limits);
  return out ? joined(*out) : "error: " + out.error().what;
}

TEST(ChatTemplate, public_templates_render_as_jinja2_does) {
  Json contexts = Json::parse(file("contexts.json"));
  contexts.update(Json::parse(file("contexts_own.json")));
  size_t n = 0, refused = 0;
  for (const Json& row : lines("goldens.jsonl")) {
    Json context = contexts.at(row.at("context").get<std::string>());
    RenderLimits limits;
    if (context.contains("_now")) {
      limits.now = context.at("_now").get<int64_t>();
      context.erase("_now");
    }
    const std::string got =
        rendered(file("templates/" + row.at("template").get<std::string>()), context.dump(), limits);
    const std::string name =
        row.at("template").get<std::string>() + " with " + row.at("context").get<std::string>();
    if (row.contains("error")) {
      EXPECT_TRUE(got.starts_with("error: ")) << name << ": " << got;
      const auto words = row.at("error").get<std::string>();
      if (words.starts_with("TemplateError: ")) {
        EXPECT_NE(got.find(words.substr(15)), std::string::npos) << name << ": " << got;
      }
      ++refused;
    } else {
      EXPECT_EQ(got, row.at("expected").get<std::string>()) << name;
    }
    ++n;
  }
  EXPECT_EQ(n, 300u);
  EXPECT_GE(refused, 80u);
}

TEST(ChatTemplate, small_templates_render_as_jinja2_does) {
  const auto rows = lines("jinja_cases.jsonl");
  ASSERT_GT(rows.size(), 850u);
  const std::string context = rows[0].at("context").dump();
  for (size_t i = 1; i < rows.size(); ++i) {
    const auto source = rows[i].at("template").get<std::string>();
    const std::string got = rendered(source, context);
    if (rows[i].contains("expected")) {
      EXPECT_EQ(got, rows[i].at("expected").get<std::string>()) << source;
    } else {
      EXPECT_TRUE(got.starts_with("error: "))
          << source << " gives " << got << ", not " << rows[i].dump();  // refused by Jinja2, or by us
    }
  }
}

// Jinja2 would escape more here; what it gives is not built, so it is refused and never passed over.
TEST(ChatTemplate, what_safe_gave_is_refused_where_jinja2_would_go_on_escaping) {
  for (const char* source :
       {"{{ ('<'|safe)|upper }}", "{{ ('<'|safe).upper() }}", "{{ ('<'|safe)[0] }}", "{{ ('<a'|safe)[:1] }}",
        "{{ ('<'|safe) * 2 }}", "{{ ('%s'|safe) % '<' }}", "{{ ('%s'|safe)|format('<') }}",
        "{{ ['<'|safe]|map('upper')|list }}", "{{ ['<'|safe]|map(attribute=0)|list }}"}) {
    const std::string got = rendered(source, "{}");
    EXPECT_TRUE(got.starts_with("error: ") && got.find("safe gave") != std::string::npos)
        << source << ": " << got;
  }
}

}  // namespace
}  // namespace bw::text
