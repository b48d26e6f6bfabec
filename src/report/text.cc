// A Document in a terminal of `width` columns: wrapped at words, colours only where asked, control bytes made
// visible.
#include <fmt/format.h>

#include <algorithm>

#include "base/markup.h"
#include "report/report.h"

namespace bw::report {
namespace {

// A model's output may hold escape sequences that a terminal would obey; a tab would break the columns.
std::string safe(const std::string& s) {
  std::string out = terminal_text(s);
  for (char& c : out)
    if (c == '\t') c = ' ';
  return out;
}

// Columns of a UTF-8 text, taking one a code point (wide characters are rare here and only wrap early).
size_t columns(const std::string& s) {
  return size_t(std::count_if(s.begin(), s.end(),
                              [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Longest prefix of at most n columns, as bytes.
size_t prefix_bytes(const std::string& s, size_t n) {
  size_t i = 0;
  for (size_t seen = 0; i < s.size(); ++i)
    if ((static_cast<unsigned char>(s[i]) & 0xC0) != 0x80 && seen++ == n) break;
  return i;
}

std::vector<std::string> wrap(const std::string& raw, size_t width) {
  std::vector<std::string> lines;
  const std::string text = safe(raw);
  for (size_t start = 0; start <= text.size();) {
    size_t end = text.find('\n', start);
    if (end == std::string::npos) end = text.size();
    std::string rest = text.substr(start, end - start);
    while (columns(rest) > width) {
      const size_t limit = prefix_bytes(rest, width);
      size_t cut = rest.rfind(' ', limit);
      if (cut == std::string::npos || cut == 0) cut = limit;
      lines.push_back(rest.substr(0, cut));
      rest.erase(0, cut);
      rest.erase(
          0, rest.find_first_not_of(' ') == std::string::npos ? rest.size() : rest.find_first_not_of(' '));
    }
    lines.push_back(rest);
    start = end + 1;
  }
  return lines;
}

std::string pad(std::string s, size_t n) {
  const size_t have = columns(s);
  if (have < n) s.append(n - have, ' ');
  return s;
}

class Text {
 public:
  explicit Text(const TextOptions& o) : o_(o) {}

  void operator()(const Heading& h) {
    if (!out_.empty()) out_ += '\n';
    if (h.level == 3) {
      out_ += paint(safe(h.text), "1") + '\n';
      return;
    }
    const std::string text = safe(h.text);
    out_ += paint(text, "1") + '\n' +
            std::string(std::min(columns(text), o_.width), h.level == 1 ? '=' : '-') + '\n';
  }
  void operator()(const Verdict& v) {
    out_ += '\n' + pad(safe(v.name), 20) + "  " + paint(upper(safe(v.word)), colour(v.tone)) + '\n';
    block(v.by_category, 2);
  }
  void operator()(const Lines& l) {
    constexpr size_t label_width = 20, state_width = 12;
    for (const Line& line : l.lines) {
      const bool with_state = !line.state.empty();
      const size_t indent = 2 + label_width + (with_state ? state_width : 0);
      const auto parts = wrap(line.text, o_.width > indent + 20 ? o_.width - indent : 20);
      for (size_t i = 0; i < parts.size(); ++i) {
        out_ += "  " + pad(i == 0 ? safe(line.label) : "", label_width);
        if (with_state) {
          const std::string state = pad(i == 0 ? safe(line.state) : "", state_width);
          out_ += i == 0 ? paint(state, colour(line.tone)) : state;
        }
        out_ += parts[i] + '\n';
      }
    }
  }
  void operator()(const Table& t) {
    // As wide as they need; while that is too much, the widest column gives way.
    std::vector<size_t> widths(t.header.size());
    size_t total = 2;
    for (size_t c = 0; c < widths.size(); ++c) {
      widths[c] = columns(t.header[c]);
      for (const auto& r : t.rows)
        if (c < r.size()) widths[c] = std::max(widths[c], columns(safe(r[c])));
      total += widths[c] + (c ? 2 : 0);
    }
    constexpr size_t least = 8;
    while (total > o_.width) {
      auto widest = std::max_element(widths.begin(), widths.end());
      if (*widest <= least) break;
      --*widest;
      --total;
    }
    row(t.header, widths, true);
    for (const auto& r : t.rows) row(r, widths, false);
  }
  void operator()(const Figures& f) {
    constexpr size_t label_width = 32;
    std::string last;  // the same words are not said twice in a row
    for (const auto& r : f.rows) {
      const auto parts = wrap(r.value, o_.width - label_width - 2);
      for (size_t i = 0; i < parts.size(); ++i)
        out_ += "  " + pad(i == 0 ? safe(r.label) : "", label_width) + parts[i] + '\n';
      if (!r.how.empty() && r.how != last)
        for (const std::string& line : wrap(r.how, o_.width - 6)) out_ += "      " + paint(line, "2") + '\n';
      last = r.how;
    }
  }
  void operator()(const Paragraph& p) { block(p.text, 2); }
  void operator()(const Bullets& b) {
    for (const std::string& item : b.items) {
      const auto parts = wrap(item, o_.width - 4);
      for (size_t i = 0; i < parts.size(); ++i) out_ += (i == 0 ? "  - " : "    ") + parts[i] + '\n';
    }
  }
  void operator()(const Quote& q) {
    block(q.title + ":", 2);
    for (const std::string& line : wrap(q.text, o_.width - 4)) out_ += "  | " + line + '\n';
  }
  void operator()(const Folded& f) {
    constexpr size_t shown = 3;
    block(f.title, 2);
    for (size_t i = 0; i < f.quotes.size() && i < shown; ++i) (*this)(f.quotes[i]);
    if (f.quotes.size() > shown) block(fmt::format("({} more on the page)", f.quotes.size() - shown), 2);
  }
  void operator()(const Code& c) {
    block(c.title + ":", 2);
    for (const std::string& line : wrap(c.text, 100000))
      out_ += "    " + line + '\n';  // to be copied: never wrapped
  }
  std::string take() { return std::move(out_); }

 private:
  void block(const std::string& text, size_t indent) {
    for (const std::string& line : wrap(text, o_.width - indent))
      out_ += std::string(indent, ' ') + line + '\n';
  }
  void row(const std::vector<std::string>& cells, const std::vector<size_t>& widths, bool header) {
    std::vector<std::vector<std::string>> wrapped;
    size_t height = 1;
    for (size_t c = 0; c < cells.size(); ++c) {
      wrapped.push_back(wrap(cells[c], widths[c]));
      height = std::max(height, wrapped.back().size());
    }
    for (size_t i = 0; i < height; ++i) {
      std::string line = "  ";
      for (size_t c = 0; c < cells.size(); ++c)
        line +=
            pad(i < wrapped[c].size() ? wrapped[c][i] : "", widths[c]) + (c + 1 < cells.size() ? "  " : "");
      line.erase(line.find_last_not_of(' ') + 1);
      out_ += (header ? paint(line, "4") : line) + '\n';
    }
  }
  std::string paint(const std::string& s, const char* code) const {
    return o_.color ? fmt::format("\x1b[{}m{}\x1b[0m", code, s) : s;
  }
  static const char* colour(Tone t) {
    switch (t) {
      case Tone::good:
        return "32;1";
      case Tone::bad:
        return "31;1";
      case Tone::open:
        return "33;1";
      case Tone::plain:
        break;
    }
    return "0";
  }
  static std::string upper(std::string s) {
    for (char& c : s)
      if (c >= 'a' && c <= 'z') c = char(c - 'a' + 'A');
    return s;
  }
  TextOptions o_;
  std::string out_;
};

}  // namespace

std::string text(const Document& d, const TextOptions& options) {
  Text t(options);
  for (const Block& b : d.blocks) std::visit(t, b);
  return t.take();
}

}  // namespace bw::report
