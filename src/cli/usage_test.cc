// Wrong use is told in one form: the command, the option, what was given, what was expected, what to do.
// Oracle: the sentences, written by hand; the real program's options through bw::cli::program.
#include "cli/usage.h"

#include <gtest/gtest.h>

#include <set>

#include "cli/cli.h"

namespace bw::cli {
namespace {

struct Told {
  int code;
  std::string text;
};
Told told(std::vector<std::string> words) {
  words.insert(words.begin(), "bitworth");
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  testing::internal::CaptureStderr();
  const int code = program(static_cast<int>(argv.size()), argv.data());
  return {code, testing::internal::GetCapturedStderr()};
}
std::string wrong(std::vector<std::string> words) {
  const Told t = told(std::move(words));
  EXPECT_EQ(t.code, 2) << t.text;
  EXPECT_NE(t.text.find("\n  next: bitworth "), std::string::npos) << t.text;
  return t.text.substr(0, t.text.find('\n'));
}

TEST(Usage, a_number_out_of_range_is_told_with_what_was_given_and_what_was_expected) {
  EXPECT_EQ(wrong({"run", "x", "--prompt", "y", "--top-p", "2"}),
            "bitworth: run: --top-p: given '2', expected a number from 0 to 1");
  EXPECT_EQ(wrong({"run", "x", "--prompt", "y", "--temperature", "nan"}),
            "bitworth: run: --temperature: given 'nan', expected a number from 0 to 100");
  EXPECT_EQ(wrong({"run", "x", "--prompt", "y", "--min-p", "inf"}),
            "bitworth: run: --min-p: given 'inf', expected a number from 0 to 1");
  EXPECT_EQ(wrong({"run", "x", "--prompt", "y", "--top-k", "-1"}),
            "bitworth: run: --top-k: given '-1', expected a whole number from 0 to 2147483647");
  EXPECT_EQ(wrong({"run", "x", "--prompt", "y", "--seed", "1.5"}),
            "bitworth: run: --seed: given '1.5', expected a whole number from 0");
  EXPECT_EQ(wrong({"judge", "--items", "12x"}),
            "bitworth: judge: --items: given '12x', expected a whole number from 1 to 1000000");
}

TEST(Usage, what_is_missing_too_much_or_unknown_is_named) {
  EXPECT_EQ(wrong({"run", "x"}), "bitworth: run: --prompt is missing");
  EXPECT_EQ(wrong({"run", "x", "--bogus"}), "bitworth: run: no option is called '--bogus'");
  EXPECT_EQ(wrong({"--bogus"}), "bitworth: no option is called '--bogus'");
  EXPECT_EQ(wrong({"run", "x", "--prompt"}),
            "bitworth: run: --prompt: expected a value after it, found none");
  EXPECT_EQ(wrong({"tokenize", "x", "y", "--prompt", "z"}),
            "bitworth: tokenize: given 'y', which is one too many");
  EXPECT_EQ(wrong({"no-such-command"}), "bitworth: no command is called 'no-such-command'");
  EXPECT_EQ(wrong({}), "bitworth: no command was given");
  EXPECT_EQ(wrong({"plan", "x", "--ctx", "5", "--scenario", "laptop"}),
            "bitworth: plan: --scenario and --ctx say the same thing: expected one of them");
}

// A new option without a check of ours would bring CLI11's own sentences back.
TEST(Usage, every_option_that_takes_a_number_is_checked_by_us) {
  CLI::App app;
  Shared shared;
#define BW_COMMAND(name) add_##name(app, shared);
#include "cli/commands.def"
#undef BW_COMMAND
  const std::set<std::string> numbers{"INT", "UINT", "FLOAT"};
  size_t n = 0;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    for (const CLI::Option* option : command->get_options()) {
      const std::string type = option->get_type_name();
      const std::string first = type.substr(0, type.find_first_of(":,"));
      if (!numbers.count(first)) continue;
      ++n;
      EXPECT_NE(type.find(".."), std::string::npos)
          << command->get_name() << " " << option->get_name() << " is " << type;
    }
  EXPECT_GT(n, 20u);
}

}  // namespace
}  // namespace bw::cli
