// Event streams cut anywhere. The expected events are those of the examples in WHATWG HTML, section 9.2.6.
#include "backend/sse.h"

#include <gtest/gtest.h>

#include <vector>

namespace bw::backend {
namespace {

std::vector<std::string> read(const std::string& stream, size_t cut) {
  SseReader reader;
  std::vector<std::string> out;
  const auto keep = [&](std::string_view data) {
    out.emplace_back(data);
    return true;
  };
  for (size_t at = 0; at < stream.size(); at += cut)
    EXPECT_TRUE(reader.push(std::string_view(stream).substr(at, cut), keep));
  EXPECT_TRUE(reader.finish(keep));
  return out;
}

using Events = std::vector<std::string>;
struct Case {
  std::string stream;
  Events events;
};
const Case cases[] = {
    {"data: YHOO\ndata: +2\ndata: 10\n\n", {"YHOO\n+2\n10"}},
    {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
     {"first event", "second event", " third event"}},
    {"data\n\ndata\ndata\n\ndata:\n\n", {"", "\n", ""}},
    {"data:test\n\ndata: test\n\n", {"test", "test"}},
    {"\xEF\xBB\xBF"
     "data: a\r\n\r\ndata: b\r\rdata: c\n\n",
     {"a", "b", "c"}},
    {"data: of two\r\ndata: lines\r\n\r\n", {"of two\nlines"}},
    {"event: error\nretry: 3\ndatax: no\ndata: yes\n\n\n\n", {"yes"}},
    {"data: left without its empty line", {"left without its empty line"}},
    {"", {}},
};

TEST(SseReader, events_are_the_same_however_the_stream_is_cut) {
  for (const Case& c : cases)
    for (const size_t cut : {size_t(1), size_t(2), size_t(3), size_t(7), size_t(4096)})
      EXPECT_EQ(read(c.stream, cut), c.events) << c.stream << " cut at " << cut;
}

TEST(SseReader, an_event_larger_than_allowed_ends_the_reading) {
  SseReader reader(16);
  const auto keep = [](std::string_view) { return true; };
  EXPECT_TRUE(reader.push("data: 0123456789", keep));
  EXPECT_FALSE(reader.push("a", keep));
  EXPECT_TRUE(reader.too_large());
  SseReader lines(16);
  EXPECT_TRUE(lines.push("data: 01234567\n", keep));
  EXPECT_FALSE(lines.push("data: 01234567\n", keep));
  EXPECT_TRUE(lines.too_large());
}

TEST(SseReader, who_listens_can_end_it) {
  SseReader reader;
  int n = 0;
  EXPECT_FALSE(reader.push("data: 1\n\ndata: 2\n\n", [&](std::string_view) {
    ++n;
    return false;
  }));
  EXPECT_EQ(n, 1);
  EXPECT_FALSE(reader.too_large());
}

}  // namespace
}  // namespace bw::backend
