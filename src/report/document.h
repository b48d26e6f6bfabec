// A report as plain blocks, made once from the record and rendered twice, so that the terminal and the page
// cannot say different things. In: nothing. Out: Document; text.cc and html.cc turn it into 80 columns and
// into a page.
#pragma once
#include <string>
#include <variant>
#include <vector>

namespace bw::report {

// How a word is meant; the renderers choose colour by it, never meaning by colour alone.
enum class Tone { plain, good, bad, open };

struct Heading {
  int level = 1;  // 1: the page, 2: a section, 3: a part of it
  std::string text;
};
struct Verdict {  // the first line a person reads of a candidate
  std::string name, word, by_category;
  Tone tone = Tone::open;
};
struct Line {  // "memory   holds   peak 409.3 MiB measured"
  std::string label, state, text;
  Tone tone = Tone::plain;
};
struct Lines {
  std::vector<Line> lines;
};
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};
struct Figures {  // each with how it was got: beside it on a page, below it in a terminal
  struct Row {
    std::string label, value, how;
  };
  std::vector<Row> rows;
};
struct Paragraph {
  std::string text;
};
struct Bullets {
  std::vector<std::string> items;
};
struct Quote {  // text a model or a file wrote: hostile until escaped
  std::string title, text;
};
struct Folded {  // many quotes behind one line: opened on a page, the first few in a terminal
  std::string title;
  std::vector<Quote> quotes;
};
struct Code {
  std::string title, text;
};

using Block = std::variant<Heading, Verdict, Lines, Table, Figures, Paragraph, Bullets, Quote, Folded, Code>;
struct Document {
  std::string title;
  std::vector<Block> blocks;
};

}  // namespace bw::report
