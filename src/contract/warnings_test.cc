// The prose of a contract and its warnings: each rule that cannot do what its owner thinks is found, and a
// contract without such rules is left in peace.
#include <gtest/gtest.h>

#include <algorithm>

#include "contract/contract.h"
#include "contract/load.h"
#include "contract/probes.h"

namespace bw::contract {
namespace {

const std::string plain = R"(name = "mine"
owner = "me"
default_class = "chat"
[deployments.small]
file = "small.gguf"
[deployments.large]
file = "large.gguf"
[classes.chat]
max_prompt_tokens = 512
max_output_tokens = 128
chain = ["small", "large"]
attempts = 2
deadline = "20 s"
[[classes.chat.checks]]
regex = '^\{.*\}$'
[[stops]]
figure = "abstained"
above = "20 %"
action = "refuse"
)";

Contract read(const std::string& text, const std::string& schema = "{}") {
  auto r = parse(text, "c.toml",
                 {[schema](const std::string&) -> Result<std::string> { return schema; },
                  [](const std::string&) { return false; }});
  EXPECT_TRUE(r) << r.error().what;
  return r ? *r : Contract{};
}
std::string replaced(const std::string& from, const std::string& to, const std::string& in = plain) {
  std::string out = in;
  const size_t at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return out.replace(at, from.size(), to);
}

TEST(Warnings, a_contract_whose_rules_can_all_fire_has_none) {
  for (const std::string& w : warnings(read(plain))) ADD_FAILURE() << w;
}

TEST(Warnings, each_rule_that_cannot_fire_is_found) {
  const std::string check = "regex = '^\\{.*\\}$'";
  struct Case {
    std::string text, says, schema = "{}";
  };
  const std::string endpoint =
      "[deployments.far]\nendpoint = \"http://host/v1\"\nmodel = \"m\"\nkey_env = \"K\"\ntimeout = \"30 "
      "s\"\n";
  const Case table[] = {
      {replaced(check, "regex = '.*'"), "classes.chat.checks: regex: matches every one of 16 texts"},
      {replaced(check, "regex = ''' '''"), ""},
      {replaced(check, "regex = 'a^b'"), "no text was found that the pattern matches"},
      {replaced(check, "regex = '$x'"), "no text was found that the pattern matches"},
      {replaced("[[stops]]", "[classes.chat.unknown]\npatterns = ['x*']\n[[stops]]"),
       "every answer is an abstention"},
      {replaced("deadline", "retry_temperature = 0\ndeadline"), "gives the same answer as the first"},
      {replaced("[[classes.chat.checks]]\n" + check + "\n", ""), "there is never a second attempt"},
      {replaced("[[classes.chat.checks]]\n" + check + "\n", ""),
       "large is asked only when small cannot answer at all"},
      {replaced("[[classes.chat.checks]]\n" + check + "\n", ""),
       "nothing is an abstention, it never fires there"},
      {replaced("\"20 s\"", "\"200 ms\""), "128 tokens by then need 640 a second"},
      {replaced(check, "command = [\"true\"]\ntime = \"25 s\""), "not shorter than the class's deadline"},
      {replaced(check, "command = [\"true\"]\ntime = \"6 s\""), "may take 24000 ms over 4 attempts"},
      {replaced("[\"small\", \"large\"]", "[\"small\"]"), "deployments.large: no chain names it"},
      {replaced("default_class = \"chat\"\n", ""),
       "a request without the header X-Bitworth-Class is refused"},
      {replaced("\"large\"]", "\"large\", \"person\"]"), "budget.person_minutes_per_day: is not given"},
      {replaced("[[stops]]", "[budget]\nperson_minutes_per_day = 5\n[[stops]]"),
       "no chain ends with a person"},
      {replaced("[[stops]]", "[budget]\nrequests_per_day = 99\n[[stops]]"),
       "needs 100 answers and a day's budget is 99"},
      {replaced("above = \"20 %\"", "above = \"0.5 %\""), "a single one fires it"},
      {replaced("\"abstained\"", "\"escalated\"", replaced("[\"small\", \"large\"]", "[\"small\"]")),
       "nothing escalates"},
      {replaced("[\"small\", \"large\"]", "[\"small\", \"person\"]", replaced("\"refuse\"", "\"fallback\"")),
       "hands every request of class chat to a person"},
      {replaced("[[stops]]\nfigure = \"abstained\"\nabove = \"20 %\"\naction = \"refuse\"\n", ""),
       "whatever the answers are"},
      {replaced("\"small\", \"large\"", "\"small\", \"large\", \"far\"", plain + endpoint),
       "is longer than the deadline of class chat"},
      {plain + endpoint, "its key travels without encryption"},
      {replaced("\"large\"]", "\"far\"]",
                replaced(check, "mean_log_prob = { at_least = -1 }", plain + endpoint)),
       "far is an endpoint; one that gives no log-probabilities never passes"},
      {replaced(check, "mean_log_prob = { at_least = -99 }"), "it never fails"},
      {replaced(check, "schema = \"s\""), "every JSON text is valid"},
      {replaced(check, "schema = \"s\"\nconstrain = false"),
       "no answer can be valid: minLength 5 is above maxLength 2",
       R"({"type": "string", "minLength": 5, "maxLength": 2})"},
      {replaced(check, "schema = \"s\"\nconstrain = false"), "\"b\" is required and is no property of it",
       R"({"type": "object", "properties": {"a": {}}, "required": ["b"], "additionalProperties": false})"},
      {replaced("[\"small\", \"large\"]", "[\"far\"]", replaced(check, "schema = \"s\"", plain + endpoint)),
       "nothing is decoded under it", R"({"type": "object"})"},
  };
  for (const Case& c : table) {
    const auto all = warnings(read(c.text, c.schema));
    EXPECT_TRUE(std::any_of(all.begin(), all.end(),
                            [&](const std::string& w) { return w.find(c.says) != std::string::npos; }) ||
                c.says.empty())
        << "not found: " << c.says << "\nof " << all.size();
    if (c.says.empty())
      for (const std::string& w : all) ADD_FAILURE() << w;
  }
}

TEST(Probes, what_people_write_is_not_called_impossible) {
  for (const char* p : {"^\\d{4}-\\d{2}-\\d{2}$", "^[A-Z][a-z]+(?: [A-Z][a-z]+)*$", "(?i)\\b(?:yes|no)\\b",
                        "^INV-[0-9]{6}$", "^(?<a>x)y?$", "^(?=.*[0-9])(?=.*[a-z]).{8,}$", "(['\"]).*\\1",
                        "^\\p{Lu}", "^\\s*\\{", "[[:alpha:]_]+\\.", "a{2,3}", "^$", "\\Aab\\z"}) {
    const auto r = Regex::compile(p);
    ASSERT_TRUE(r) << p;
    EXPECT_FALSE(matches_nothing(*r)) << p;
    EXPECT_FALSE(matches_everything(*r)) << p;
  }
  for (const char* p : {"a^b", "x$y", "^a$b"}) EXPECT_TRUE(matches_nothing(*Regex::compile(p))) << p;
  for (const char* p : {"", ".*", "^", "x?", "(?s)^.*$"})
    EXPECT_TRUE(matches_everything(*Regex::compile(p))) << p;
}

TEST(Describe, the_figures_are_worked_out) {
  const std::string text = describe(read(replaced("\"large\"]", "\"large\", \"person\"]") +
                                         "[budget]\nrequests_per_day = 1\nperson_minutes_per_day = 30\n"));
  for (const char* part :
       {"mine, answered for by me", "without the header it is of class chat", "prompts of up to 512 tokens",
        "First small (the file small.gguf, f16 cache, 4096 positions, 8 slots) is asked up to twice.",
        "Then large", "Then a person", "matches ^\\{.*\\}$",
        "At worst that is 4 attempts and 512 output tokens.", "At the latest 20 s after it came",
        "a person takes over", "A day (UTC) has 1 request;", "A person has 30 minutes a day",
        "When more than 20 % of the last 100 answers of a class ended as abstentions"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  const std::string alone = describe(of_file("m.gguf", engine::KvType::f16, 1024, 1, 0));
  EXPECT_NE(alone.find("There is no check: every answer passes, and a stream is shown as it comes."),
            std::string::npos)
      << alone;
  EXPECT_NE(alone.find("At worst that is 1 attempt and 1023 output tokens."), std::string::npos) << alone;
  EXPECT_NE(alone.find("Nothing stops it by itself."), std::string::npos) << alone;
}

}  // namespace
}  // namespace bw::contract
