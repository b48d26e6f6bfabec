// A Document as one self-contained page: no script, nothing fetched, every text escaped.
#include <fmt/format.h>

#include "base/markup.h"
#include "report/report.h"

namespace bw::report {
namespace {

std::string escape(const std::string& s) {
  return html_text(s);
}

const char* css_class(Tone t) {
  switch (t) {
    case Tone::good:
      return "good";
    case Tone::bad:
      return "bad";
    case Tone::open:
      return "open";
    case Tone::plain:
      break;
  }
  return "plain";
}

constexpr const char* style = R"(
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --good: #1a7f37; --bad: #c62828; --open: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --good: #4cc36a; --bad: #ff7b72; --open: #d7a13b; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); } h3 { margin-bottom: .3rem; }
.verdict { margin: 1.6rem 0 .3rem; padding: .6rem .9rem; border-left: .4rem solid; background: var(--soft); }
.verdict b { font-size: 1.15rem; } .verdict.good { border-color: var(--good); } .verdict.bad { border-color: var(--bad); }
.verdict.open { border-color: var(--open); }
b.good { color: var(--good); } b.bad { color: var(--bad); } b.open { color: var(--open); }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); }
.lines td:first-child { width: 9.5rem; white-space: nowrap; } .lines td.state { width: 7rem; }
pre, blockquote { background: var(--soft); padding: .6rem .9rem; margin: .2rem 0 1rem; overflow-x: auto; }
blockquote { white-space: pre-wrap; overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: .9rem; }
.figures td:first-child { width: 16rem; } .how { opacity: .7; font-size: .85rem; width: 40%; }
details { margin: .4rem 0; } summary { cursor: pointer; } .mark { background: var(--bad); color: Canvas; font-size: .85em; }
p { margin: .4rem 0; overflow-wrap: anywhere; } .title { margin-bottom: 0; font-weight: 600; }
@media print { body { max-width: none; } .verdict, tr, blockquote { break-inside: avoid; } }
)";

struct Html {
  std::string out;
  void operator()(const Heading& h) { out += fmt::format("<h{0}>{1}</h{0}>\n", h.level, escape(h.text)); }
  void operator()(const Verdict& v) {
    out += fmt::format("<div class=\"verdict {0}\"><b>{1}</b>: <b class=\"{0}\">{2}</b><br>{3}</div>\n",
                       css_class(v.tone), escape(v.name), escape(v.word), escape(v.by_category));
  }
  void operator()(const Lines& l) {
    out += "<table class=\"lines\">\n";
    for (const Line& line : l.lines) {
      out += fmt::format("<tr><td>{}</td>", escape(line.label));
      if (!line.state.empty())
        out += fmt::format("<td class=\"state\"><b class=\"{}\">{}</b></td><td>", css_class(line.tone),
                           escape(line.state));
      else
        out += "<td colspan=\"2\">";
      out += escape(line.text) + "</td></tr>\n";
    }
    out += "</table>\n";
  }
  void operator()(const Table& t) {
    out += "<table>\n<tr>";
    for (const auto& h : t.header) out += "<th>" + escape(h) + "</th>";
    out += "</tr>\n";
    for (const auto& row : t.rows) {
      out += "<tr>";
      for (const auto& cell : row) out += "<td>" + escape(cell) + "</td>";
      out += "</tr>\n";
    }
    out += "</table>\n";
  }
  void operator()(const Figures& f) {
    out += "<table class=\"figures\">\n";
    for (const auto& r : f.rows)
      out += fmt::format("<tr><td>{}</td><td>{}</td><td class=\"how\">{}</td></tr>\n", escape(r.label),
                         escape(r.value), escape(r.how));
    out += "</table>\n";
  }
  void operator()(const Paragraph& p) { out += "<p>" + escape(p.text) + "</p>\n"; }
  void operator()(const Bullets& b) {
    out += "<ul>\n";
    for (const auto& item : b.items) out += "<li>" + escape(item) + "</li>\n";
    out += "</ul>\n";
  }
  void operator()(const Quote& q) {
    out += fmt::format("<p class=\"title\">{}</p><blockquote>{}</blockquote>\n", escape(q.title),
                       escape(q.text));
  }
  void operator()(const Folded& f) {
    out += "<details><summary>" + escape(f.title) + "</summary>\n";
    for (const Quote& q : f.quotes) (*this)(q);
    out += "</details>\n";
  }
  void operator()(const Code& c) {
    out += fmt::format("<p class=\"title\">{}</p><pre>{}</pre>\n", escape(c.title), escape(c.text));
  }
};

}  // namespace

std::string html(const Document& d) {
  Html h;
  for (const Block& b : d.blocks) std::visit(h, b);
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "img-src data:\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
      html_attribute(d.title), style, h.out);
}

}  // namespace bw::report
