// Reading contracts: what every key becomes, and what is refused with which words at which place.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/hash.h"
#include "contract/contract.h"
#include "contract/contract_fuzz.h"
#include "contract/load.h"

namespace bw::contract {
namespace {

const std::string good = R"(name = "mine"
owner = "me"
default_class = "chat"
[deployments.small]
file = "small.gguf"
kv = "q8"
context = 1024
slots = 3
threads = 2
[deployments.far]
endpoint = "https://host/v1"
model = "big"
key_env = "FAR_KEY"
timeout = "5 s"
[classes.chat]
max_prompt_tokens = 512
max_output_tokens = 128
chain = ["small", "far", "person"]
attempts = 3
retry_temperature = 0.5
deadline = "20 s"
[[classes.chat.checks]]
schema = "s.json"
[[classes.chat.checks]]
regex = '^\{'
[[classes.chat.checks]]
regex = '\}$'
[[classes.chat.checks]]
mean_log_prob = { at_least = -1.5 }
[[classes.chat.checks]]
name = "own"
command = ["python3", "./check.py", "--strict"]
reads = ["lists/"]
time = "2 s"
[classes.chat.unknown]
patterns = ["(?i)not know"]
answer = "nobody knows"
[budget]
requests_per_day = 1000
person_minutes_per_day = 30
[cost]
currency = "EUR"
machine_per_hour = 0.5
person_per_hour = 40
[power]
watts = 80
[[stops]]
class = "chat"
figure = "failed_checks"
above = "20 %"
over = 50
action = "fallback"
)";

Result<Contract> read(const std::string& text, const std::string& schema = R"({"type": "object"})") {
  return parse(text, "dir/c.toml",
               {[schema](const std::string& path) -> Result<std::string> {
                  if (path.ends_with("/dir/s.json")) return schema;
                  return failed(path + ": no such file");
                },
                [](const std::string& path) {
                  return path.ends_with("/dir/there.gguf") || path.ends_with("/dir/check.py") ||
                         path.ends_with("/dir/lists");
                }});
}

std::string replaced(const std::string& from, const std::string& to) {
  std::string out = good;
  const size_t at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return out.replace(at, from.size(), to);
}

TEST(Load, every_key_arrives_in_its_unit) {
  const auto r = read(good);
  ASSERT_TRUE(r) << r.error().what;
  const Contract& c = *r;
  EXPECT_EQ(c.name, "mine");
  EXPECT_EQ(c.owner, "me");
  EXPECT_EQ(c.path, "dir/c.toml");
  EXPECT_EQ(c.sha256, sha256_hex(good));
  const Deployment* small = c.find_deployment("small");
  const Deployment* far = c.find_deployment("far");
  ASSERT_TRUE(small && far);
  EXPECT_TRUE(small->own());
  EXPECT_EQ(small->kv, engine::KvType::q8);
  EXPECT_EQ(small->context, 1024u);
  EXPECT_EQ(small->slots, 3u);
  EXPECT_EQ(small->threads, 2);
  EXPECT_FALSE(far->own());
  EXPECT_EQ(far->timeout_ms, 5000u);
  EXPECT_EQ(far->key_env, "FAR_KEY");
  const Class* k = c.find_class("chat");
  ASSERT_TRUE(k);
  EXPECT_EQ(k->chain, (std::vector<std::string>{"small", "far", "person"}));
  EXPECT_EQ(k->attempts, 3u);
  EXPECT_EQ(k->retry_temperature, 0.5);
  EXPECT_EQ(k->deadline_ms, 20'000u);
  ASSERT_EQ(k->checks.size(), 5u);
  const char* names[] = {"schema", "regex", "regex-2", "mean_log_prob", "own"};
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(k->checks[i].name, names[i]);
  EXPECT_EQ(k->checks[0].schema, R"({"type": "object"})");
  EXPECT_TRUE(k->checks[0].constrain);
  EXPECT_EQ(k->checks[3].at_least, -1.5);
  EXPECT_EQ(k->checks[4].command_ms, 2'000u);
  ASSERT_EQ(k->checks[4].command.size(), 3u);
  EXPECT_EQ(k->checks[4].command[0], "python3");
  EXPECT_EQ(k->checks[4].command[1], (std::filesystem::current_path() / "dir/check.py").string());
  EXPECT_EQ(k->checks[4].command[2], "--strict");
  EXPECT_EQ(k->checks[4].reads,
            std::vector<std::string>{(std::filesystem::current_path() / "dir/lists").string()});
  EXPECT_EQ(k->unknown.answer, "nobody knows");
  EXPECT_EQ(c.budget.requests_per_day, 1000u);
  EXPECT_EQ(c.budget.output_tokens_per_day, 0u);
  EXPECT_EQ(c.budget.person_minutes_per_day, 30);
  ASSERT_EQ(c.stops.size(), 1u);
  EXPECT_EQ(c.stops[0].figure, StopTrigger::Figure::failed_checks);
  EXPECT_EQ(c.stops[0].above, 0.2);
  EXPECT_EQ(c.stops[0].action, StopTrigger::Action::fallback);
  ASSERT_TRUE(c.prices);
  EXPECT_EQ(c.prices->person_per_hour, 40);
  EXPECT_EQ(c.wall_watts, 80);
  EXPECT_FALSE(c.keep_text);
}

TEST(Load, a_file_is_looked_for_beside_the_contract_first) {
  const auto r = read(replaced("\"small.gguf\"", "\"there.gguf\""));
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->find_deployment("small")->file, (std::filesystem::current_path() / "dir/there.gguf").string());
  EXPECT_EQ(read(good)->find_deployment("small")->file, "small.gguf")
      << "else it is a name, for whoever opens it";
}

TEST(Load, what_is_wrong_is_named_with_its_place) {
  struct Bad {
    std::string text, where, says;
  };
  const std::string key = "sha256:" + std::string(63, 'a');
  const Bad table[] = {
      {replaced("name = \"mine\"", "nmae = \"mine\""),
       "dir/c.toml:1:1:", "nmae: unknown key; the nearest known one is name"},
      {replaced("name = \"mine\"", "name = mine"), "dir/c.toml:1:", "not TOML"},
      {replaced("name = \"mine\"\n", ""), "dir/c.toml:", "name is missing"},
      {replaced("owner = \"me\"\n", ""), "dir/c.toml:", "owner is missing"},
      {replaced("default_class = \"chat\"", "default_class = \"caht\""),
       "dir/c.toml:3:17:", "no class is called \"caht\"; the nearest is chat"},
      {replaced("[deployments.small]", "[deployments.person]"),
       "dir/c.toml:4:14:", "is the person at the end of a chain"},
      {replaced("[deployments.small]", "[deployments.Small]"), "dir/c.toml:4:14:", "small letters"},
      {replaced("file = \"small.gguf\"", "file = \"x\"\nendpoint = \"http://h/v1\""),
       "dir/c.toml:4:1:", "found both"},
      {replaced("file = \"small.gguf\"\n", ""), "dir/c.toml:4:1:", "found neither"},
      {replaced("file = \"small.gguf\"", "file = \"x\"\nmodel = \"y\""),
       "dir/c.toml:6:9:", "is said of an endpoint"},
      {replaced("model = \"big\"", "model = \"big\"\nslots = 2"), "dir/c.toml:13:9:", "is said of a file"},
      {replaced("model = \"big\"\n", ""), "dir/c.toml:10:1:", "deployments.far.model is missing"},
      {replaced("https://host/v1", "ftp://host"), "dir/c.toml:11:12:", "http://HOST"},
      {replaced("https://host/v1", "https://me:pw@host/v1"), "dir/c.toml:11:12:", "without user"},
      {replaced("kv = \"q8\"", "kv = \"q4\""),
       "dir/c.toml:6:6:", "expected \"f16\" or \"q8\", found the text \"q4\""},
      {replaced("slots = 3", "slots = 0"), "dir/c.toml:8:9:", "from 1 to 256"},
      {replaced("timeout = \"5 s\"", "timeout = \"5 days\""), "dir/c.toml:14:11:", "one of ms, s, min"},
      {replaced("context = 1024", "context = 600"),
       "dir/c.toml:16:21:", "it makes 640, and deployments.small.context is 600"},
      {replaced("max_output_tokens = 128\n", ""), "dir/c.toml:15:1:", "max_output_tokens is missing"},
      {replaced("\"small\", \"far\"", "\"smal\", \"far\""),
       "dir/c.toml:18:10:", "no deployment is called \"smal\"; the nearest is small"},
      {replaced("\"small\", \"far\"", "\"small\", \"small\""), "dir/c.toml:18:19:", "was asked already"},
      {replaced("[\"small\", \"far\", \"person\"]", "[\"person\", \"far\"]"),
       "dir/c.toml:18:10:", "a person is the last"},
      {replaced("[\"small\", \"far\", \"person\"]", "[\"person\"]"),
       "dir/c.toml:18:10:", "begins with a deployment"},
      {replaced("[\"small\", \"far\", \"person\"]", "[]"), "dir/c.toml:18:9:", "a list of texts"},
      {replaced("attempts = 3", "attempts = 0"), "dir/c.toml:19:12:", "from 1 to 16"},
      {replaced("retry_temperature = 0.5", "retry_temperature = nan"),
       "dir/c.toml:20:21:", "a finite number"},
      {replaced("deadline = \"20 s\"", "deadline = \"-1 s\""), "dir/c.toml:21:12:", "from 100"},
      {replaced("schema = \"s.json\"", "schema = \"t.json\""), "dir/c.toml:23:10:", "no such file"},
      {replaced("regex = '^\\{'", "regex = '(a'"),
       "dir/c.toml:25:9:", "does not compile: missing closing parenthesis at byte 2"},
      {replaced("regex = '^\\{'", "regex = 'a'\nschema = \"s.json\""), "dir/c.toml:24:1:", "found several"},
      {replaced("regex = '^\\{'", "name = \"x\""), "dir/c.toml:24:1:", "found none"},
      {replaced("regex = '^\\{'", "regex = 'a'\ntime = \"1 s\""),
       "dir/c.toml:26:8:", "is said of a command, and this is a regex"},
      {replaced("regex = '^\\{'", "regex = 'a'\nconstrain = true"),
       "dir/c.toml:26:13:", "is said of a schema"},
      {replaced("regex = '^\\{'", "regex = 'a'\nname = \"own\""),
       "dir/c.toml:31:1:", "is taken by checks[1]"},
      {replaced("at_least = -1.5", "at_least = 0.5"), "dir/c.toml:29:30:", "from -1000 to 0"},
      {replaced("./check.py", "./chekc.py"), "dir/c.toml:32:23:", "does not exist"},
      {replaced("\"lists/\"", "\"gone/\""), "dir/c.toml:33:10:", "dir/gone does not exist"},
      {replaced("regex = '^\\{'", "regex = 'a'\nreads = [\"lists\"]"),
       "dir/c.toml:26:9:", "is said of a command"},
      {replaced("(?i)not know", "(?z)"), "dir/c.toml:36:13:", "does not compile"},
      {replaced("requests_per_day = 1000", "requests_per_day = 0"), "dir/c.toml:39:20:", "from 1"},
      {replaced("person_per_hour = 40\n", ""), "dir/c.toml:41:1:", "person_per_hour is missing"},
      {replaced("class = \"chat\"\nfigure", "class = \"chta\"\nfigure"),
       "dir/c.toml:48:9:", "the nearest is chat"},
      {replaced("figure = \"failed_checks\"", "figure = \"failed\""),
       "dir/c.toml:49:10:", "\"failed_checks\" or \"errors\""},
      {replaced("above = \"20 %\"", "above = 1"), "dir/c.toml:50:9:", "could never fire"},
      {replaced("above = \"20 %\"\n", ""), "dir/c.toml:47:1:", "above is missing"},
      {replaced("[\"small\", \"far\", \"person\"]", "[\"small\"]"),
       "dir/c.toml:52:10:", "has nothing to fall back to"},
      {replaced("owner = \"me\"", "owner = \"me\"\napi_keys = [\"" + key + "\"]"),
       "dir/c.toml:3:13:", "64 small hexadecimal digits"},
      {replaced("owner = \"me\"", "owner = \"me\"\nclass_header = \"X Class\""),
       "dir/c.toml:3:16:", "name of an HTTP header"},
  };
  for (const Bad& b : table) {
    const auto r = read(b.text);
    ASSERT_FALSE(r) << b.says;
    EXPECT_EQ(r.error().code, Code::bad_input);
    EXPECT_EQ(r.error().what.substr(0, b.where.size()), b.where) << r.error().what;
    EXPECT_NE(r.error().what.find(b.says), std::string::npos) << r.error().what << "\nexpected: " << b.says;
  }
  const auto leaked = read(replaced("owner = \"me\"", "owner = \"me\"\napi_keys = [\"sk-secret\"]"));
  ASSERT_FALSE(leaked);
  EXPECT_EQ((leaked.error().what + leaked.error().next).find("sk-secret"), std::string::npos)
      << "a key is not repeated";
}

TEST(Load, a_schema_that_cannot_be_enforced_is_refused_before_anything_is_served) {
  const std::pair<const char*, const char*> table[] = {
      {"{", "not JSON"},
      {R"({"properties": {"a": {"patternProperties": {}}}})", "\"/properties/a/patternProperties\""},
      {R"({"unevaluatedItems": false})", "the keyword \"unevaluatedItems\" cannot be checked"},
      {R"({"$ref": "https://elsewhere/x"})", "expected a reference into this schema"},
      {R"({"$ref": "#"})", "refers to itself without end"},
      {R"({"pattern": "(a"})", "does not compile"}};
  for (const auto& [schema, says] : table) {
    const auto r = read(good, schema);
    ASSERT_FALSE(r) << schema;
    EXPECT_NE(r.error().what.find(says), std::string::npos) << r.error().what;
    EXPECT_NE(r.error().what.find("classes.chat: s.json"), std::string::npos) << r.error().what;
  }
  // Checked it can be, decoded under it cannot.
  const char* only_checked = R"({"type": "object", "propertyNames": {"minLength": 2}})";
  const auto constrained = read(good, only_checked);
  ASSERT_FALSE(constrained);
  EXPECT_NE(constrained.error().what.find("propertyNames"), std::string::npos) << constrained.error().what;
  EXPECT_NE(constrained.error().next.find("constrain = false"), std::string::npos)
      << constrained.error().next;
  const auto checked =
      read(replaced("schema = \"s.json\"", "schema = \"s.json\"\nconstrain = false"), only_checked);
  EXPECT_TRUE(checked) << checked.error().what;
}

TEST(Load, the_example_loads_and_says_nothing_that_needs_a_warning) {
  const auto r = load(std::string(BITWORTH_SOURCE_DIR) + "/data/contracts/snips.toml");
  ASSERT_TRUE(r) << r.error().what;
  EXPECT_EQ(r->classes.size(), 1u);
  EXPECT_EQ(r->classes[0].chain, (std::vector<std::string>{"small", "careful", "person"}));
  for (const std::string& w : warnings(*r)) ADD_FAILURE() << w;
  const auto gone = load("/nowhere/c.toml");
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().what.find("/nowhere/c.toml"), std::string::npos);
}

TEST(Load, a_file_alone_becomes_a_contract_without_checks) {
  const Contract c = of_file("/models/qwen.gguf", engine::KvType::q8, 2048, 4, 2);
  EXPECT_EQ(c.name, "qwen");
  ASSERT_EQ(c.deployments.size(), 1u);
  EXPECT_EQ(c.deployments[0].file, "/models/qwen.gguf");
  EXPECT_EQ(c.deployments[0].kv, engine::KvType::q8);
  ASSERT_TRUE(c.find_class(c.default_class));
  EXPECT_EQ(c.find_class(c.default_class)->chain, std::vector<std::string>{"qwen"});
  EXPECT_TRUE(c.find_class(c.default_class)->checks.empty());
  EXPECT_EQ(c.sha256.size(), 64u);
  EXPECT_NE(c.sha256, of_file("/models/qwen.gguf", engine::KvType::f16, 2048, 4, 2).sha256);
}

TEST(LoadFuzz, the_corpus_does_no_harm) {
  size_t n = 0, n_loaded = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(BITWORTH_SOURCE_DIR) + "/fuzz/corpus/contract")) {
    SCOPED_TRACE(entry.path());
    const auto bytes = read_text(entry.path());
    ASSERT_TRUE(bytes);
    ++n;
    n_loaded += testing::contract_one(*bytes);
  }
  EXPECT_GT(n, 10u);
  EXPECT_GT(n_loaded, 2u);
}

}  // namespace
}  // namespace bw::contract
