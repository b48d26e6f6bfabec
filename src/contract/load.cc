// TOML -> Contract, by scenario/toml_reader.h, which says every wrong thing with its place.
#include "contract/load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/file.h"
#include "base/hash.h"
#include "contract/regex.h"
#include "contract/words.h"
#include "scenario/quantity.h"
#include "scenario/toml_reader.h"

namespace bw::contract {
namespace {

using scenario::joined;
using scenario::TomlReader;

constexpr uint64_t most_contract = 1u << 20, most_schema = 256u << 10;  // bytes of a file
constexpr uint64_t hour_ms = 3'600'000;
constexpr uint64_t most_a_day = 1'000'000'000'000;

class Reader : public TomlReader {
 public:
  Reader(const std::string& path, const toml::table& root, const Files& files, Contract& contract)
      : TomlReader(path), root_(root), files_(files), c_(contract) {
    const size_t slash = path.rfind('/');
    folder_ = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  }

  Status read();

  // Where a key stands, for what is found wrong later. `key`: "classes.x.chain[1]".
  Error wrong_at(const std::string& key, const std::string& message, std::string next = {}) const {
    const toml::node* node = root_.at_path(key).node();
    return at(node ? node->source() : root_.source(), fmt::format("{}: {}", key, message), std::move(next));
  }

 private:
  std::string absolute(const std::string& relative) const {
    std::error_code none;
    const std::filesystem::path base = std::filesystem::absolute(folder_, none);
    std::string path = (base / relative).lexically_normal().string();
    if (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
  }

  Handler tables(std::function<Status(const toml::table&, const std::string&)> one) const {
    return [this, one = std::move(one)](const toml::node& node, const std::string& key) -> Status {
      const toml::array* list = node.as_array();
      if (!list || list->empty()) return wrong(node, key, fmt::format("tables, [[{}]]", key));
      size_t i = 0;
      for (const toml::node& item : *list) {
        const std::string full = fmt::format("{}[{}]", key, i++);
        BW_CHECK(table(one)(item, full));
      }
      return {};
    };
  }
  // Tables keyed by names of the owner's.
  Handler named(std::function<Status(const toml::table&, const std::string&, const std::string&)> one) const {
    return table([this, one = std::move(one)](const toml::table& t, const std::string& prefix) -> Status {
      for (const auto& [key, node] : t) {
        const std::string name(key.str()), full = joined(prefix, name);
        if (!scenario::is_name(name) || name.size() > 64)
          return at(key.source(), fmt::format("{}: a name is up to 64 small letters, digits and _", full));
        if (name == kPerson)
          return at(key.source(), fmt::format("{}: \"person\" is the person at the end of a chain", full),
                    "another name");
        BW_CHECK(table([&](const toml::table& inner, const std::string& k) { return one(inner, k, name); })(
            node, full));
      }
      return {};
    });
  }
  Handler pattern(std::string& into) const {
    return [this, &into](const toml::node& node, const std::string& key) -> Status {
      BW_CHECK(text(into)(node, key));
      if (auto r = Regex::compile(into); !r)
        return at(node.source(), fmt::format("{}: {}", key, r.error().what));
      return {};
    };
  }

  Status deployment(const toml::table& t, const std::string& key, const std::string& name);
  Status one_class(const toml::table& t, const std::string& key, const std::string& name);
  Status check(const toml::table& t, const std::string& key, Class& of);
  Status stop(const toml::table& t, const std::string& key);
  Handler keys();

  const toml::table& root_;
  const Files& files_;
  Contract& c_;
  std::string folder_;
};

Status Reader::deployment(const toml::table& t, const std::string& key, const std::string& name) {
  Deployment d;
  d.name = name;
  size_t kv = 0;
  std::vector<std::string> kv_names;
  for (const engine::KvType type : kernels::kv_types) kv_names.emplace_back(kernels::name(type));
  uint32_t threads = 0;
  BW_CHECK(section(t, key,
                   {{"file", text(d.file)},
                    {"kv", one_of(kv, kv_names)},
                    {"context", whole(d.context, 8, 1 << 21)},
                    {"slots", whole(d.slots, 1, 256)},
                    {"threads", whole(threads, 0, 1024)},
                    {"endpoint", text(d.endpoint)},
                    {"model", text(d.model)},
                    {"key_env", text(d.key_env)},
                    {"timeout", milliseconds(d.timeout_ms, 100, hour_ms)}}));
  d.kv = kernels::kv_types[kv];
  // A path from the contract's folder; what is not there may be a name in the cache.
  if (!d.file.empty() && files_.exists(absolute(d.file))) d.file = absolute(d.file);
  d.threads = static_cast<int>(threads);
  if (d.file.empty() == d.endpoint.empty())
    return at(
        t.source(),
        fmt::format("{}: expected a file or an endpoint, found {}", key, d.file.empty() ? "neither" : "both"),
        "file = \"model.gguf\", or endpoint = \"https://host/v1\" with model = \"...\"");
  const std::vector<std::string> own{"kv", "context", "slots", "threads"},
      other{"model", "key_env", "timeout"};
  for (const std::string& k : d.own() ? other : own)
    if (t.contains(k))
      return wrong_at(joined(key, k), d.own() ? "is said of an endpoint, and this is a file"
                                              : "is said of a file, and this is an endpoint");
  if (!d.own()) {
    const bool http = d.endpoint.starts_with("http://"), https = d.endpoint.starts_with("https://");
    const std::string rest = d.endpoint.substr(http ? 7 : https ? 8 : 0);
    if ((!http && !https) || rest.empty() || rest[0] == '/' ||
        rest.find_first_of("@?# \t\r\n\\") != std::string::npos)
      return wrong_at(joined(key, "endpoint"),
                      "expected http://HOST/... or https://HOST/..., without user, query or fragment");
    if (d.model.empty())
      return at(t.source(), fmt::format("{}.model is missing", key),
                "model = \"...\", as the endpoint calls it");
  }
  c_.deployments.push_back(std::move(d));
  return {};
}

Status Reader::check(const toml::table& t, const std::string& key, Class& of) {
  Check c;
  std::vector<Check::Kind> kinds;
  const auto kind = [&kinds](Check::Kind k, Handler h) -> Handler {
    return [&kinds, k, h = std::move(h)](const toml::node& node, const std::string& name) -> Status {
      kinds.push_back(k);
      return h(node, name);
    };
  };
  const Handler bound = inside({{"at_least", number(c.at_least, "nats a token", -1000, 0)}});
  BW_CHECK(section(t, key,
                   {{"name", text(c.name)},
                    {"schema", kind(Check::Kind::schema, text(c.schema_path))},
                    {"constrain", flag(c.constrain)},
                    {"regex", kind(Check::Kind::regex, pattern(c.pattern))},
                    {"mean_log_prob", kind(Check::Kind::mean_log_prob, bound)},
                    {"command", kind(Check::Kind::command, texts(c.command))},
                    {"reads", texts(c.reads)},
                    {"time", milliseconds(c.command_ms, 10, 600'000)}}));
  if (kinds.size() != 1)
    return at(t.source(),
              fmt::format("{}: expected one of schema, regex, mean_log_prob, command, found {}", key,
                          kinds.empty() ? "none" : "several"),
              "one [[...checks]] for each");
  c.kind = kinds[0];
  const auto only = [&](const char* k, Check::Kind for_kind) -> Status {
    if (t.contains(k) && c.kind != for_kind)
      return wrong_at(joined(key, k),
                      fmt::format("is said of a {}, and this is a {}", word(for_kind), word(c.kind)));
    return {};
  };
  BW_CHECK(only("constrain", Check::Kind::schema));
  BW_CHECK(only("time", Check::Kind::command));
  BW_CHECK(only("reads", Check::Kind::command));
  if (c.kind == Check::Kind::schema) {
    auto schema = files_.read(absolute(c.schema_path));
    if (!schema)
      return wrong_at(joined(key, "schema"), schema.error().what,
                      "a path, relative to the contract's folder");
    c.schema = std::move(*schema);
  }
  const auto find = [&](std::string& path, const char* list, size_t i) -> Status {
    path = absolute(path);
    if (!files_.exists(path))
      return wrong_at(fmt::format("{}.{}[{}]", key, list, i), fmt::format("{} does not exist", path));
    return {};
  };
  for (size_t i = 0; i < c.command.size(); ++i)
    if (std::string& w = c.command[i]; w.starts_with("./") || w.starts_with("../"))
      BW_CHECK(find(w, "command", i));
  for (size_t i = 0; i < c.reads.size(); ++i) BW_CHECK(find(c.reads[i], "reads", i));
  of.checks.push_back(std::move(c));
  return {};
}

Status Reader::one_class(const toml::table& t, const std::string& key, const std::string& name) {
  Class c;
  c.name = name;
  const auto patterns = [this, &c](const toml::node& node, const std::string& k) -> Status {
    BW_CHECK(texts(c.unknown.patterns)(node, k));
    for (size_t i = 0; i < c.unknown.patterns.size(); ++i)
      if (auto r = Regex::compile(c.unknown.patterns[i]); !r)
        return wrong_at(fmt::format("{}[{}]", k, i), r.error().what);
    return {};
  };
  BW_CHECK(section(
      t, key,
      {{"max_prompt_tokens", whole(c.max_prompt_tokens, 1, 1 << 20)},
       {"max_output_tokens", whole(c.max_output_tokens, 1, 1 << 20)},
       {"chain", texts(c.chain)},
       {"attempts", whole(c.attempts, 1, 16)},
       {"retry_temperature", number(c.retry_temperature, "temperature", 0, 2)},
       {"deadline", milliseconds(c.deadline_ms, 100, 24 * hour_ms)},
       {"checks", tables([this, &c](const toml::table& x, const std::string& k) { return check(x, k, c); })},
       {"unknown", inside({{"patterns", patterns}, {"answer", text(c.unknown.answer)}})}}));
  const std::pair<const char*, bool> needed[] = {{"max_prompt_tokens = 2048", c.max_prompt_tokens > 0},
                                                 {"max_output_tokens = 256", c.max_output_tokens > 0},
                                                 {"chain = [\"DEPLOYMENT\", \"person\"]", !c.chain.empty()}};
  for (const auto& [example, there] : needed)
    if (!there) {
      const std::string what(example);
      return at(t.source(), fmt::format("{}.{} is missing", key, what.substr(0, what.find(' '))),
                "add: " + what);
    }
  // Names that receipts and metrics use: the kind, numbered where there are several.
  std::map<std::string, uint32_t> seen;
  for (size_t i = 0; i < c.checks.size(); ++i) {
    Check& x = c.checks[i];
    if (x.name.empty()) {
      const uint32_t n = ++seen[word(x.kind)];
      x.name = n == 1 ? word(x.kind) : fmt::format("{}-{}", word(x.kind), n);
    }
    for (size_t j = 0; j < i; ++j)
      if (c.checks[j].name == x.name)
        return wrong_at(fmt::format("{}.checks[{}]", key, i),
                        fmt::format("the name \"{}\" is taken by checks[{}]", x.name, j));
  }
  c_.classes.push_back(std::move(c));
  return {};
}

Status Reader::stop(const toml::table& t, const std::string& key) {
  StopTrigger s;
  size_t figure = 0, action = 0;
  using F = StopTrigger::Figure;
  const F figures[] = {F::abstained, F::escalated, F::failed_checks, F::errors};
  std::vector<std::string> names;
  for (const F f : figures) names.emplace_back(word(f));
  BW_CHECK(section(t, key,
                   {{"class", text(s.class_name)},
                    {"figure", one_of(figure, names)},
                    {"above", number(s.above, "share", 0, 1)},
                    {"over", whole(s.over, 1, 100'000)},
                    {"action", one_of(action, {"refuse", "fallback"})}}));
  for (const char* needed : {"figure", "above", "action"})
    if (!t.contains(needed))
      return at(t.source(), fmt::format("{}.{} is missing", key, needed),
                "figure = \"abstained\", above = \"20 %\", over = 100, action = \"refuse\"");
  if (s.above >= 1)
    return wrong_at(joined(key, "above"), "no share is above 1: it could never fire", "a share below 1");
  s.figure = figures[figure];
  s.action = action == 0 ? StopTrigger::Action::refuse : StopTrigger::Action::fallback;
  c_.stops.push_back(std::move(s));
  return {};
}

TomlReader::Handler Reader::keys() {
  return [this](const toml::node& node, const std::string& key) -> Status {
    BW_CHECK(texts(c_.key_sha256)(node, key));
    for (size_t i = 0; i < c_.key_sha256.size(); ++i) {
      const std::string& k = c_.key_sha256[i];
      const bool hash = k.size() == 71 && k.starts_with("sha256:") &&
                        k.find_first_not_of("0123456789abcdef", 7) == std::string::npos;
      // What stands there may be the key itself: it is not repeated.
      if (!hash)
        return wrong_at(fmt::format("{}[{}]", key, i), "expected \"sha256:\" and 64 small hexadecimal digits",
                        "the hash of the key, never the key: printf %s \"$KEY\" | sha256sum");
    }
    return {};
  };
}

Status Reader::read() {
  Budget& b = c_.budget;
  Prices prices;
  double watts = 0;
  const auto cost = [this, &prices](const toml::table& t, const std::string& key) -> Status {
    BW_CHECK(section(t, key,
                     {{"currency", text(prices.currency)},
                      {"machine_per_hour", number(prices.machine_per_hour, "money/h", 0, 1e6)},
                      {"person_per_hour", number(prices.person_per_hour, "money/h", 0, 1e6)}}));
    for (const char* needed : {"currency", "machine_per_hour", "person_per_hour"})
      if (!t.contains(needed))
        return at(t.source(), fmt::format("{}.{} is missing", key, needed),
                  "a price nobody set is no price: all three, or no [cost]");
    c_.prices = prices;
    return {};
  };
  const auto power = [this, &watts](const toml::node& node, const std::string& key) -> Status {
    BW_CHECK(inside({{"watts", number(watts, "W", 0.01, 1e6)}})(node, key));
    c_.wall_watts = watts;
    return {};
  };
  const auto header = [this](const toml::node& node, const std::string& key) -> Status {
    BW_CHECK(text(c_.class_header)(node, key));
    for (const char ch : c_.class_header)  // RFC 9110 section 5.6.2, token
      if (!std::isalnum(static_cast<unsigned char>(ch)) &&
          std::string_view("!#$%&'*+-.^_`|~").find(ch) == std::string_view::npos)
        return wrong(node, key, "the name of an HTTP header");
    return {};
  };
  return section(
      root_, "",
      {{"name", text(c_.name)},
       {"owner", text(c_.owner)},
       {"class_header", header},
       {"default_class", text(c_.default_class)},
       {"keep_text", flag(c_.keep_text)},
       {"max_queued", whole(c_.max_queued, 1, 100'000)},
       {"api_keys", keys()},
       {"deployments", named([this](const toml::table& t, const std::string& k, const std::string& n) {
          return deployment(t, k, n);
        })},
       {"classes", named([this](const toml::table& t, const std::string& k, const std::string& n) {
          return one_class(t, k, n);
        })},
       {"budget",
        inside({{"requests_per_day", whole(b.requests_per_day, 1, most_a_day)},
                {"output_tokens_per_day", whole(b.output_tokens_per_day, 1, most_a_day)},
                {"person_minutes_per_day", number(b.person_minutes_per_day, "minutes", 0.1, 1e6)}})},
       {"cost", table(cost)},
       {"power", power},
       {"stops", tables([this](const toml::table& t, const std::string& k) { return stop(t, k); })}});
}

}  // namespace

Result<Contract> parse(const std::string& text, const std::string& path, const Files& files) {
  BW_TRY(const toml::table root, scenario::parse_toml(text, path));
  Contract c;
  c.path = path;
  c.sha256 = sha256_hex(text);
  Reader reader(path, root, files, c);
  BW_CHECK(reader.read());
  BW_CHECK(check_names(c, [&](const std::string& key, const std::string& message, std::string next) {
    return reader.wrong_at(key, message, std::move(next));
  }));
  BW_CHECK(check_schemas(c));
  return c;
}

Result<Contract> load(const std::string& path) {
  const auto text = read_text(path, most_contract);
  if (!text)
    return bad_input(text.error().what, "`bitworth contract new FILE.toml` writes one to begin with");
  return parse(*text, path,
               {[](const std::string& p) { return read_text(p, most_schema); },
                [](const std::string& p) { return ::access(p.c_str(), F_OK) == 0; }});
}

}  // namespace bw::contract
