#include "base/markup.h"

#include <gtest/gtest.h>

namespace bw {
namespace {

TEST(Markup, nothing_of_a_text_is_markup) {
  EXPECT_EQ(html_text("<script>alert(\"1\" & '2')</script>"),
            "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;");
  EXPECT_EQ(html_attribute("\" onload=\"x"), "&quot; onload=&quot;x");
  EXPECT_EQ(html_editable("</textarea><b>"), "&lt;/textarea&gt;&lt;b&gt;");
}

TEST(Markup, what_hides_or_reorders_is_written_as_its_number) {
  EXPECT_EQ(html_text("a\xE2\x80\xAE"
                      "b"),
            "a<span class=\"mark\">⟨U+202E⟩</span>b");
  EXPECT_EQ(html_attribute("a\xE2\x80\x8B"), "a⟨U+200B⟩");
  EXPECT_EQ(terminal_text("\x1b[31mred"), "⟨U+001B⟩[31mred");
  EXPECT_EQ(terminal_text("\xC2\x9B"), "⟨U+009B⟩") << "CSI of 8 bits, which some terminals obey";
  EXPECT_EQ(terminal_text("\xF3\xA0\x81\xA1"), "⟨U+E0061⟩") << "a tag character";
  EXPECT_EQ(terminal_text(std::string_view("\0", 1)), "⟨U+0000⟩");
  EXPECT_EQ(terminal_text("line\n\ttab"), "line\n\ttab");
  EXPECT_EQ(terminal_text("\r"), "⟨U+000D⟩") << "would write over the line";
  EXPECT_EQ(terminal_text("naïve 漢字 ❤️"), "naïve 漢字 ❤️");
}

TEST(Markup, bytes_that_are_no_utf8_are_shown_as_bytes) {
  EXPECT_EQ(terminal_text("\xFF"), "⟨byte FF⟩");
  EXPECT_EQ(terminal_text("\xC0\xAF"), "⟨byte C0⟩⟨byte AF⟩") << "overlong";
  EXPECT_EQ(terminal_text("\xED\xA0\x80"), "⟨byte ED⟩⟨byte A0⟩⟨byte 80⟩") << "surrogate";
  EXPECT_EQ(terminal_text("\xE2\x80"), "⟨byte E2⟩⟨byte 80⟩") << "cut";
  EXPECT_EQ(terminal_text("\xF4\x90\x80\x80"), "⟨byte F4⟩⟨byte 90⟩⟨byte 80⟩⟨byte 80⟩") << "beyond U+10FFFF";
  EXPECT_FALSE(is_utf8("a\xFF"));
  EXPECT_TRUE(is_utf8("aé漢😀"));
  EXPECT_EQ(n_hidden("a\xE2\x80\xAE\xFF"), 2u);
}

TEST(Markup, a_text_to_edit_keeps_what_may_belong_to_it) {
  EXPECT_EQ(html_editable("\xE2\x80\x8D"), "\xE2\x80\x8D") << "a joiner of an emoji";
  EXPECT_EQ(html_editable("a\x01\xFF"), "a\xEF\xBF\xBD\xEF\xBF\xBD");
}

// Whatever the bytes: the output is UTF-8, with no control but newline and tab, and no < but of a mark.
TEST(Markup, any_two_bytes_come_out_safe) {
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) {
      const char bytes[] = {char(a), char(b)};
      const std::string_view in(bytes, 2);
      for (const std::string& out : {html_attribute(in), html_editable(in), terminal_text(in)}) {
        ASSERT_TRUE(is_utf8(out)) << a << ' ' << b;
        for (const char c : out)
          ASSERT_TRUE(c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20) << a << ' ' << b;
      }
      ASSERT_EQ(html_attribute(in).find_first_of("<>\"'"), std::string::npos) << a << ' ' << b;
      ASSERT_EQ(html_editable(in).find_first_of("<>\"'"), std::string::npos) << a << ' ' << b;
    }
}

}  // namespace
}  // namespace bw
