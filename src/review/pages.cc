#include "review/pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/markup.h"
#include "base/time.h"
#include "review/diff.h"

namespace bw::review {
namespace {

using Json = nlohmann::json;

// For a query of ours: letters, digits and -._~ stay.
std::string url_part(std::string_view s) {
  std::string out;
  for (const char c : s) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// "/review/7?reviewer=Ada"
std::string link(const View& view, int64_t item = 0, std::string query = {}) {
  std::string out(root_path);
  if (item > 0) out += fmt::format("/{}", item);
  if (!view.reviewer.empty()) query += (query.empty() ? "" : "&") + ("reviewer=" + url_part(view.reviewer));
  return html_attribute(query.empty() ? out : out + "?" + query);
}

// The first newline after <pre> and <textarea> is dropped by a browser: one of ours, so that none of the text
// is.
std::string pre(const std::string& inner) {
  return "<pre class=\"text\" translate=\"no\" dir=\"auto\">\n" + inner + "</pre>\n";
}

std::string marked(std::string_view text, const std::vector<Piece>& pieces, size_t begin, size_t end) {
  if (pieces.empty()) return html_text(text.substr(begin, end - begin));
  std::string out;
  for (const Piece& p : pieces) {
    const size_t from = std::max(p.begin, begin), to = std::min(p.end, end);
    if (from >= to) continue;
    const std::string shown = html_text(text.substr(from, to - from));
    out += p.differs ? "<mark>" + shown + "</mark>" : shown;
  }
  return out;
}

// A browser takes seconds to lay out a line of a megabyte; what is behind a closed <details> is not laid out.
constexpr size_t kFold = 32u << 10;  // bytes shown at once
std::string text_block(std::string_view text, const std::vector<Piece>& pieces = {}) {
  size_t cut = text.size();
  if (text.size() > 2 * kFold)
    for (cut = kFold; cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80;) --cut;
  std::string out = pre(marked(text, pieces, 0, cut));
  if (cut < text.size())
    out += fmt::format("<details><summary>The rest of it: {} of {} bytes</summary>\n", text.size() - cut,
                       text.size()) +
           pre(marked(text, pieces, cut, text.size())) + "</details>\n";
  return out;
}

std::string page(const std::string& title, const std::string& body) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<link rel=\"stylesheet\" href=\"{}/review.css\">\n"
      "<script src=\"{}/review.js\" defer></script>\n</head>\n<body>\n"
      "<a class=\"skip\" href=\"#main\">To the content</a>\n<main "
      "id=\"main\">\n{}</main>\n</body>\n</html>\n",
      html_attribute(title), root_path, root_path, body);
}

std::string said(const View& view) {
  std::string out;
  if (!view.notice.empty()) out += "<p class=\"notice\" role=\"status\">" + html_text(view.notice) + "</p>\n";
  if (!view.problem.empty())
    out += "<p class=\"problem\" role=\"alert\"><b>Not saved.</b> " + html_text(view.problem) + "</p>\n";
  return out;
}

// The first words of an answer, for a line of the list.
std::string beginning(std::string_view text, size_t n) {
  if (text.size() <= n) return html_text(text);
  size_t end = n;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return html_text(text.substr(0, end)) + "…";
}

// What the last message asks, in plain text.
std::string content_text(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string out;
  if (content.is_array())
    for (const Json& part : content)
      if (part.is_object() && part.contains("text") && part["text"].is_string())
        out += (out.empty() ? "" : "\n") + part["text"].get<std::string>();
  return out;
}

// Deep nesting is refused before it is read: a prompt is a list of flat objects.
Json messages_of(const std::string& text) {
  int depth = 0;
  for (const char c : text) {
    depth += c == '[' || c == '{';
    depth -= c == ']' || c == '}';
    if (depth > 64) return {};
  }
  return Json::parse(text, nullptr, false);
}

std::string prompt_section(const Item& item) {
  std::string out = "<section aria-labelledby=\"prompt\">\n<h2 id=\"prompt\">Prompt</h2>\n";
  const Json messages = messages_of(item.messages_json);
  bool readable = messages.is_array() && !messages.empty();
  std::string inner;
  if (readable)
    for (const Json& m : messages) {
      const bool flat = m.is_object() && m.contains("role") && m["role"].is_string() && m.contains("content");
      const std::string text = flat ? content_text(m["content"]) : "";
      if (!flat || (text.empty() && !m["content"].empty() && !m["content"].is_string())) {
        readable = false;
        break;
      }
      inner += "<h3>" + html_text(m["role"].get<std::string>()) + "</h3>\n" + text_block(text);
    }
  if (!readable) inner = "<p>As it was sent:</p>\n" + text_block(item.messages_json);
  return out + inner + "</section>\n";
}

std::string hidden_fields(const std::string& csrf, const View& view, std::string_view state,
                          std::string_view id) {
  std::string out = fmt::format(
      "<input type=\"hidden\" name=\"csrf\" value=\"{}\"><input type=\"hidden\" name=\"state\" value=\"{}\">"
      "<input type=\"hidden\" name=\"seconds\" value=\"\">",
      html_attribute(csrf), state);
  if (view.reviewer.empty())
    out += fmt::format(
        "<label for=\"who-{0}\">Your name</label> <input id=\"who-{0}\" name=\"reviewer\" required "
        "maxlength=\"200\" "
        "autocomplete=\"name\">\n",
        id);
  else
    out +=
        fmt::format("<input type=\"hidden\" name=\"reviewer\" value=\"{}\">", html_attribute(view.reviewer));
  return out;
}

std::string attempts_section(const Item& item, const std::string& csrf, const View& view) {
  const size_t n = item.attempts.size();
  std::string out = "<section aria-labelledby=\"attempts\">\n<h2 id=\"attempts\">Attempts</h2>\n";
  if (n > 1)
    out += fmt::format(
        "<p>Marked: words that attempt {} ({}) does not have; in it, words that attempt {} does not "
        "have.</p>\n",
        n, html_text(item.attempts[n - 1].deployment), n - 1);
  out += "<div class=\"attempts\">\n";
  for (size_t i = 0; i < n; ++i) {
    const Attempt& a = item.attempts[i];
    const std::string name = fmt::format("Attempt {}: {}", i + 1, html_text(a.deployment));
    out += fmt::format(
        "<article class=\"attempt\" tabindex=\"-1\" aria-labelledby=\"a{0}\">\n<h3 id=\"a{0}\">{1}</h3>\n",
        i + 1, name);
    if (a.failed.empty()) {
      out += "<p>No check failed.</p>\n";
    } else {
      out += "<p class=\"failed\">Failed checks</p>\n<ul>\n";
      for (const auto& [check, reason] : a.failed)
        out += "<li><b>" + html_text(check) + "</b>: " + html_text(reason) + "</li>\n";
      out += "</ul>\n";
    }
    if (a.text.empty()) {
      out += "<p>No text.</p>\n";
    } else if (n > 1) {
      const Attempt& other = item.attempts[i + 1 < n ? n - 1 : n - 2];
      const Diff d = diff(a.text, other.text);
      if (d.coarse) out += "<p>Too far apart to mark word by word.</p>\n";
      out += text_block(a.text, d.a);
    } else {
      out += text_block(a.text);
    }
    if (const size_t hidden = n_hidden(a.text))
      out += fmt::format("<p class=\"warn\">{} hidden character{} in it, shown as ⟨…⟩.</p>\n", hidden,
                         hidden == 1 ? "" : "s");
    if (item.state == Item::State::waiting && !a.text.empty())
      out += fmt::format(
          "<form method=\"post\" action=\"{}\">{}<input type=\"hidden\" name=\"attempt\" value=\"{}\">"
          "<button class=\"accept\" aria-keyshortcuts=\"a\">Accept attempt {}</button></form>\n",
          link(view, item.id), hidden_fields(csrf, view, "accepted", fmt::format("a{}", i + 1)), i + 1,
          i + 1);
    if (item.state == Item::State::accepted && item.attempt == int(i))
      out += "<p><b>This one was accepted.</b></p>\n";
    out += "</article>\n";
  }
  return out + "</div>\n</section>\n";
}

// The last attempt that has a text: the chain ends with its most careful link.
std::string to_correct(const Item& item) {
  for (auto a = item.attempts.rbegin(); a != item.attempts.rend(); ++a)
    if (!a->text.empty()) return a->text;
  return {};
}

std::string decide_sections(const Item& item, const std::string& csrf, const View& view) {
  const std::string text = view.typed && !view.text.empty() ? view.text : to_correct(item);
  std::string out = fmt::format(
      "<section aria-labelledby=\"correct\">\n<h2 id=\"correct\">Correct</h2>\n<form method=\"post\" "
      "action=\"{}\">{}"
      "<label for=\"text\">The right answer</label>\n<textarea id=\"text\" name=\"text\" rows=\"8\" required "
      "spellcheck=\"false\" aria-keyshortcuts=\"c\">\n{}</textarea>\n{}"
      "<label for=\"note\">Why (may stay empty)</label>\n<input id=\"note\" name=\"reason\" "
      "maxlength=\"2000\" "
      "autocomplete=\"off\">\n<button>Save the correction</button></form>\n</section>\n",
      link(view, item.id), hidden_fields(csrf, view, "corrected", "c"), html_editable(text),
      n_hidden(text)
          ? "<p class=\"warn\">Hidden characters stand in this field too, and show nothing there.</p>\n"
          : "");
  out += fmt::format(
      "<section aria-labelledby=\"reject\">\n<h2 id=\"reject\">Reject</h2>\n<form method=\"post\" "
      "action=\"{}\">{}"
      "<label for=\"reason\">Why nobody can use it</label>\n<input id=\"reason\" name=\"reason\" required "
      "maxlength=\"2000\" autocomplete=\"off\" aria-keyshortcuts=\"r\" "
      "value=\"{}\">\n<button>Reject</button></form>\n"
      "</section>\n",
      link(view, item.id), hidden_fields(csrf, view, "rejected", "r"),
      html_attribute(view.typed ? view.reason : ""));
  return out;
}

std::string decided_section(const Item& item) {
  std::string out = fmt::format(
      "<section aria-labelledby=\"decided\">\n<h2 id=\"decided\">Decision</h2>\n<p><b>{}</b> by {} at {}, "
      "{}.</p>\n",
      name(item.state), html_text(item.reviewer), time_text(int64_t(item.decided_ms)),
      item.timed ? fmt::format("{:.0f} s spent", item.seconds) : std::string("time not measured"));
  if (!item.reason.empty()) out += "<p>Reason: " + html_text(item.reason) + "</p>\n";
  if (item.state == Item::State::corrected) out += "<h3>Corrected text</h3>\n" + text_block(item.text);
  return out + "</section>\n";
}

constexpr const char* keys_of_item =
    "<p class=\"keys\"><label><input type=\"checkbox\" id=\"keys\" checked> Single keys</label>: "
    "<kbd>j</kbd> "
    "<kbd>k</kbd> next and previous attempt, <kbd>a</kbd> accept the attempt in focus, <kbd>c</kbd> correct, "
    "<kbd>r</kbd> reject, <kbd>u</kbd> to the list, <kbd>Esc</kbd> leaves a field, "
    "<kbd>Ctrl</kbd>+<kbd>Enter</kbd> "
    "saves a correction.</p>\n";
constexpr const char* keys_of_list =
    "<p class=\"keys\"><label><input type=\"checkbox\" id=\"keys\" checked> Single keys</label>: "
    "<kbd>j</kbd> "
    "<kbd>k</kbd> next and previous item, <kbd>Enter</kbd> opens it.</p>\n";

}  // namespace

std::string list_page(const std::vector<Item>& items, const Queue::Counts& counts, const View& view) {
  std::string body = "<h1>Review</h1>\n" + said(view);
  body += fmt::format(
      "<p>{} waiting, {} accepted, {} corrected, {} rejected; {:.1f} minutes of people's time measured, over "
      "{} "
      "decision{}.</p>\n",
      counts.waiting, counts.accepted, counts.corrected, counts.rejected, counts.seconds / 60, counts.timed,
      counts.timed == 1 ? "" : "s");
  body += fmt::format(
      "<form method=\"get\" action=\"{}\" class=\"who\"><label for=\"who\">Your name</label> <input "
      "id=\"who\" "
      "name=\"reviewer\" maxlength=\"200\" autocomplete=\"name\" value=\"{}\"> <button>Use "
      "it</button></form>\n",
      root_path, html_attribute(view.reviewer));
  body += "<nav aria-label=\"Which items\">\n";
  const std::pair<const char*, std::optional<Item::State>> filters[] = {{"waiting", Item::State::waiting},
                                                                        {"accepted", Item::State::accepted},
                                                                        {"corrected", Item::State::corrected},
                                                                        {"rejected", Item::State::rejected},
                                                                        {"all", {}}};
  for (const auto& [word, state] : filters)
    body += fmt::format("<a href=\"{}\"{}>{}</a>\n", link(view, 0, fmt::format("state={}", word)),
                        state == view.state ? " aria-current=\"page\"" : "", word);
  body += "</nav>\n";
  if (items.empty()) {
    body += "<p>Nothing here.</p>\n";
  } else {
    body += "<ol class=\"items\">\n";
    for (const Item& i : items) {
      const Json messages = messages_of(i.messages_json);
      std::string asked;
      if (messages.is_array() && !messages.empty() && messages.back().is_object() &&
          messages.back().contains("content"))
        asked = content_text(messages.back()["content"]);
      body += fmt::format(
          "<li><a class=\"item\" href=\"{}\">Item {}</a> <span class=\"state\">{}</span> <span>{}</span> "
          "<span>{}</span><p>{}</p><p class=\"why\">{}</p></li>\n",
          link(view, i.id), i.id, name(i.state), html_text(i.class_name), time_text(int64_t(i.created_ms)),
          beginning(asked.empty() ? i.messages_json : asked, 160), html_text(i.why));
    }
    body += "</ol>\n";
  }
  if (view.more_after)
    body += fmt::format(
        "<p><a href=\"{}\">More</a></p>\n",
        link(view, 0,
             fmt::format("state={}&after={}", view.state ? name(*view.state) : "all", *view.more_after)));
  return page("Review", body + keys_of_list);
}

std::string item_page(const Item& item, const std::string& csrf, const View& view) {
  std::string body = fmt::format("<p><a class=\"up\" href=\"{}\">All items</a>", link(view));
  if (view.next)
    body += fmt::format(" <a class=\"next\" href=\"{}\">Next that waits</a>", link(view, *view.next));
  body += fmt::format("</p>\n<h1>Item {} <span class=\"state\">{}</span></h1>\n", item.id, name(item.state));
  body += said(view);
  body += fmt::format("<p>{} of class {}, since {}. {}</p>\n", html_text(item.answer_id),
                      html_text(item.class_name), time_text(int64_t(item.created_ms)), html_text(item.why));
  const bool waits = item.state == Item::State::waiting;
  if (waits)
    body +=
        "<p class=\"clock\">Time on this page: <span id=\"clock\" role=\"timer\" aria-live=\"off\">measured "
        "from "
        "opening it</span></p>\n";
  body += prompt_section(item);
  body += attempts_section(item, csrf, view);
  body += waits ? decide_sections(item, csrf, view) + keys_of_item : decided_section(item);
  return page(fmt::format("Item {}", item.id), body);
}

std::string problem_page(const std::string& title, const std::string& what, const std::string& next) {
  return page(
      title,
      fmt::format("<h1>{}</h1>\n<p class=\"problem\" role=\"alert\">{}</p>\n<p>{}</p>\n<p><a href=\"{}\">"
                  "All items</a></p>\n",
                  html_text(title), html_text(what), html_text(next), root_path));
}

}  // namespace bw::review
