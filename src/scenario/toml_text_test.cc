#include "scenario/toml_text.h"

#include <gtest/gtest.h>

#include "scenario/toml_reader.h"

namespace bw::scenario {
namespace {

TEST(TomlText, letters_beyond_ascii_may_stand_in_quotes_and_comments) {
  for (const char* text :
       {"a = 'è' # è\n'città' = 1\n",
        "\xEF\xBB\xBF"
        "a = \"è\\\"è\"\n",
        "a = \"\"\"\nè \"è\" è\\n\n\"\"\"\n", "a = '''è'è''è'''\n", "a = [\"\"\"x\"\"\"\", \"è\"]",
        "a = ''''è'''''\nb = 'è'", "a = \"\"\nb = ''\n# è", "a = 'x\\' # è", "a = \"\"\"x\\\n   y è\"\"\"",
        "a = \"x\\\\\" # è", "a.'è'.b='è'", "['è'.\"è\"]", "[[ 'è' ]]\nb=1",
        "a = { 'è' = 'è', b=['è','è' , [ 'è' ]], c = 'è' }\n'è' = 2",
        "a = [\n  1, # è\n  'è',\n]\nb = 1979-05-27 07:32:00\n'è'=1"})
    EXPECT_TRUE(check_toml_text(text, "f")) << text << ": " << check_toml_text(text, "f").error().what;
}

TEST(TomlText, elsewhere_they_are_refused_where_they_stand) {
  const std::pair<const char*, const char*> cases[] = {{"a = \xCF\x9C'", "f:1:5:"},
                                                       {"x = 1\nè = 2", "f:2:1:"},
                                                       {"a = 'x'è", "f:1:8:"},
                                                       {"a = \"\\è\"", "f:1:7:"},
                                                       {"a = \"\"\"\\\n  è\"\"\"", "f:2:3:"},
                                                       {"a = '''x'''è", "f:1:12:"},
                                                       {"a = \"x\\\\\"è", "f:1:10:"},
                                                       {"a = 3'è'", "f:1:7:"},
                                                       {"a = 3='è'", "f:1:8:"},
                                                       {"a = [1, 2.'è']", "f:1:12:"},
                                                       {"a'è' = 1", "f:1:3:"}};
  for (const auto& [text, says] : cases) {
    const auto r = check_toml_text(text, "f");
    ASSERT_FALSE(r) << text;
    EXPECT_EQ(r.error().what.find(says), 0u) << text << ": " << r.error().what;
  }
  EXPECT_FALSE(check_toml_text("a = '\xFF'", "f"));
}

TEST(TomlText, a_text_that_toml_plus_plus_asserts_against_is_refused_and_does_not_abort) {
  const auto r = parse_toml("[\n[a]\n", "f");
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().what.find("not TOML"), std::string::npos) << r.error().what;
}

}  // namespace
}  // namespace bw::scenario
