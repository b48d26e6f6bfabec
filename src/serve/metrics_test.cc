// What /metrics says after known answers. Oracle: figures worked out by hand, a false powercap tree, a clock
// that stands; dashboard, rules and docs/metrics.md are read as text and held against what is really there.
#include "serve/metrics.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "serve/energy.h"
#include "serve/life.h"

namespace bw::serve {
namespace {
namespace fs = std::filesystem;

contract::Contract two_classes(std::optional<contract::Prices> prices = {},
                               std::optional<double> watts = {}) {
  contract::Contract c;
  c.prices = std::move(prices);
  c.wall_watts = watts;
  contract::Deployment small, big, far;
  small.name = "small";
  small.file = "small.gguf";
  small.slots = 4;
  big.name = "big";
  big.file = "big.gguf";
  big.slots = 2;
  far.name = "far";
  far.endpoint = "http://127.0.0.1:1/v1";
  c.deployments = {small, big, far};
  contract::Class mail, code;
  mail.name = "mail";
  mail.checks.resize(2);
  mail.checks[0].name = "schema";
  mail.checks[1].name = "regex";
  code.name = "code";
  c.classes = {mail, code};
  return c;
}

AttemptSeen attempt(const std::string& deployment, AttemptSeen::Ending ending) {
  AttemptSeen a;
  a.deployment = deployment;
  a.ending = ending;
  a.n_prompt = 100;
  a.n_reused = 60;
  a.n_output = 11;
  a.ns_queued = 30'000'000;    // 30 ms
  a.ns_first = 150'000'000;    // 150 ms
  a.ns_total = 2'030'000'000;  // 188 ms a token after the first, 2 s in a slot
  return a;
}

Final answered_by_big() {
  Final f;
  f.what = Final::What::answered;
  f.class_name = "mail";
  f.deployment = "big";
  f.attempts = {attempt("small", AttemptSeen::Ending::failed_checks),
                attempt("small", AttemptSeen::Ending::unknown), attempt("big", AttemptSeen::Ending::passed)};
  f.attempts[0].checks = {{"schema", false, "no"}, {"regex", true, ""}, {"made-up", false, "no"}};
  f.ns_total = 6'000'000'000;
  return f;
}

MetricsOptions still() {
  MetricsOptions o;
  o.powercap = "/nowhere";
  o.now = [] { return uint64_t{1'000'000'000}; };
  return o;
}

// Series -> value; labels as the text has them.
std::map<std::string, double> series(const std::string& text) {
  std::map<std::string, double> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const size_t space = line.rfind(' ');
    EXPECT_TRUE(out.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second) << line;
  }
  return out;
}

TEST(Metrics, an_answer_is_counted_by_class_deployment_and_how_it_ended) {
  Metrics m(two_classes(), still());
  m.answered(answered_by_big(), 200);
  const auto s = series(m.text());
  EXPECT_EQ(s.at(R"(bitworth_requests_total{class="mail",code="200",outcome="answered"})"), 1);
  EXPECT_EQ(s.at(R"(bitworth_requests_total{class="code",code="200",outcome="answered"})"), 0);
  EXPECT_EQ(s.at(R"(bitworth_attempts_total{class="mail",deployment="small",ending="failed_checks"})"), 1);
  EXPECT_EQ(s.at(R"(bitworth_attempts_total{class="mail",deployment="small",ending="unknown"})"), 1);
  EXPECT_EQ(s.at(R"(bitworth_attempts_total{class="mail",deployment="big",ending="passed"})"), 1);
  EXPECT_EQ(s.at(R"(bitworth_fallbacks_total{class="mail",to="big"})"), 1);
  EXPECT_EQ(s.at(R"(bitworth_abstentions_total{class="mail"})"), 0);
  EXPECT_EQ(s.at(R"(bitworth_checks_failed_total{check="schema",class="mail",deployment="small"})"), 1);
  EXPECT_EQ(s.at(R"(bitworth_checks_failed_total{check="other",class="mail",deployment="small"})"), 1);
  EXPECT_EQ(s.count(R"(bitworth_checks_failed_total{check="regex",class="mail",deployment="small"})"), 0u);
  EXPECT_EQ(s.at(R"(bitworth_tokens_total{class="mail",deployment="small",kind="prompt"})"), 80);
  EXPECT_EQ(s.at(R"(bitworth_tokens_total{class="mail",deployment="small",kind="reused"})"), 120);
  EXPECT_EQ(s.at(R"(bitworth_tokens_total{class="mail",deployment="big",kind="output"})"), 11);
  EXPECT_NEAR(s.at(R"(bitworth_slot_seconds_total{class="mail",deployment="small"})"), 4, 1e-9);
}

TEST(Metrics, times_fall_into_the_buckets_they_belong_to) {
  Metrics m(two_classes(), still());
  m.answered(answered_by_big(), 200);
  const auto s = series(m.text());
  const auto bucket = [&s](const std::string& name, const std::string& labels, const std::string& le) {
    return s.at(name + "_bucket{" + labels + ",le=\"" + le + "\"}");
  };
  const std::string small = R"(class="mail",deployment="small")", big = R"(class="mail",deployment="big")";
  EXPECT_EQ(bucket("bitworth_time_to_first_token_seconds", small, "0.1"), 0);
  EXPECT_EQ(bucket("bitworth_time_to_first_token_seconds", small, "0.2"), 2);
  EXPECT_EQ(bucket("bitworth_time_to_first_token_seconds", small, "+Inf"), 2);
  EXPECT_NEAR(s.at("bitworth_time_to_first_token_seconds_sum{" + small + "}"), 0.3, 1e-9);
  EXPECT_EQ(bucket("bitworth_time_per_output_token_seconds", big, "0.15"), 0);
  EXPECT_EQ(bucket("bitworth_time_per_output_token_seconds", big, "0.25"), 1);
  EXPECT_NEAR(s.at("bitworth_time_per_output_token_seconds_sum{" + big + "}"), 0.188, 1e-9);
  EXPECT_EQ(bucket("bitworth_queue_seconds", big, "0.02"), 0);
  EXPECT_EQ(bucket("bitworth_queue_seconds", big, "0.05"), 1);
  EXPECT_EQ(bucket("bitworth_answer_duration_seconds", big, "4"), 0);
  EXPECT_EQ(bucket("bitworth_answer_duration_seconds", big, "8"), 1);
}

TEST(Metrics, an_attempt_without_a_reply_has_no_times) {
  Metrics m(two_classes(), still());
  Final f = answered_by_big();
  f.what = Final::What::abstained;
  f.deployment.clear();
  f.attempts = {attempt("small", AttemptSeen::Ending::error)};
  f.attempts[0].n_output = 0;
  m.answered(f, 200);
  const auto s = series(m.text());
  for (const auto& [name, value] : s) EXPECT_EQ(name.find("first_token"), std::string::npos) << name;
  EXPECT_EQ(s.at(R"(bitworth_abstentions_total{class="mail"})"), 1);
  EXPECT_EQ(s.at(R"(bitworth_answer_duration_seconds_count{class="mail",deployment="none"})"), 1);
}

TEST(Metrics, outcomes_tell_a_refusal_from_a_failure_and_from_a_client_that_left) {
  using Why = backend::Failure::Why;
  Metrics m(two_classes(), still());
  const std::tuple<Why, int, const char*> cases[] = {
      {Why::busy, 429, "refused"},        {Why::too_long, 413, "refused"},
      {Why::bad_request, 400, "refused"}, {Why::cancelled, 499, "cancelled"},
      {Why::deadline, 504, "deadline"},   {Why::unavailable, 503, "failed"},
      {Why::failed, 500, "failed"}};
  for (const auto& [why, status, word] : cases) {
    Final f;
    f.class_name = "code";
    f.failure.why = why;
    m.answered(f, status);
  }
  m.turned_away("code", 401);
  const auto s = series(m.text());
  for (const auto& [why, status, word] : cases)
    EXPECT_EQ(s.at("bitworth_requests_total{class=\"code\",code=\"" + std::to_string(status) +
                   "\",outcome=\"" + word + "\"}"),
              1);
  EXPECT_EQ(s.at(R"(bitworth_requests_total{class="code",code="401",outcome="refused"})"), 1);
}

TEST(Metrics, no_name_from_outside_makes_a_series) {
  Metrics m(two_classes(), still());
  const auto grow = [&m](int i) {
    Final f = answered_by_big();
    f.class_name = "class-" + std::to_string(i) + "\"\n}";
    f.deployment = "made-up-" + std::to_string(i);
    for (auto& a : f.attempts) a.deployment = f.deployment;
    f.attempts[0].checks[0].name = f.deployment;
    m.answered(f, 200 + i * 1000);
    m.turned_away(f.class_name, -i);
    m.reviewed(f.class_name, review::Item::State::rejected, 1);
  };
  for (int i = 1; i <= 2; ++i) grow(i);
  const size_t n = series(m.text()).size();
  for (int i = 3; i < 200; ++i) grow(i);
  const auto s = series(m.text());
  EXPECT_EQ(s.size(), n);
  EXPECT_EQ(s.at(R"(bitworth_requests_total{class="other",code="other",outcome="answered"})"), 199);
  EXPECT_EQ(s.at(R"(bitworth_attempts_total{class="other",deployment="other",ending="passed"})"), 199);
}

TEST(Metrics, a_cost_is_machine_and_person_by_the_prices_over_what_was_accepted) {
  Metrics m(two_classes(contract::Prices{"EUR", 0.36, 36}), still());
  m.answered(answered_by_big(), 200);
  m.answered(answered_by_big(), 200);
  m.reviewed("mail", review::Item::State::rejected, 60);
  // Two answers, each 4 s of small's 4 slots and 2 s of big's 2: 2 machine seconds each; one minute of a
  // person.
  const std::string key = R"(bitworth_cost_per_accepted_answer{class="mail",currency="EUR"})";
  EXPECT_NEAR(series(m.text()).at(key), (4 * 0.36 / 3600 + 60 * 36.0 / 3600) / 2, 1e-12);
  EXPECT_EQ(series(m.text()).count(R"(bitworth_cost_per_accepted_answer{class="code",currency="EUR"})"), 0u);
  m.reviewed("mail", review::Item::State::corrected, 60);
  EXPECT_NEAR(series(m.text()).at(key), (4 * 0.36 / 3600 + 120 * 36.0 / 3600) / 3, 1e-12);
}

TEST(Metrics, a_cost_with_a_part_nobody_knows_is_absent) {
  for (const int part : {0, 1, 2}) {
    Metrics m(part == 0 ? two_classes() : two_classes(contract::Prices{"EUR", 1, 1}), still());
    m.answered(answered_by_big(), 200);
    EXPECT_EQ(m.text().find("bitworth_cost_per_accepted_answer{") != std::string::npos, part != 0);
    if (part == 1) {  // an endpoint's bill
      Final f = answered_by_big();
      f.attempts.push_back(attempt("far", AttemptSeen::Ending::passed));
      m.answered(f, 200);
    }
    if (part == 2) m.reviewed("mail", review::Item::State::accepted, {});  // time that nobody measured
    EXPECT_EQ(m.text().find("bitworth_cost_per_accepted_answer{"), std::string::npos) << part;
  }
}

TEST(Metrics, review_time_is_added_up_where_it_was_measured) {
  Metrics m(two_classes(), still());
  m.reviewed("mail", review::Item::State::accepted, 12.5);
  m.reviewed("mail", review::Item::State::corrected, 30);
  m.reviewed("mail", review::Item::State::accepted, {});
  const auto s = series(m.text());
  EXPECT_EQ(s.at(R"(bitworth_review_seconds_total{class="mail"})"), 42.5);
  EXPECT_EQ(s.at(R"(bitworth_review_decisions_total{class="mail",decision="accepted"})"), 2);
  EXPECT_EQ(s.at(R"(bitworth_reviews_untimed_total{class="mail"})"), 1);
}

Reading reading_of(uint64_t n_prompt, uint64_t n_output) {
  Reading r;
  backend::Load load;
  load.n_queued = 3;
  load.n_running = 4;
  load.kv_bytes = 1000;
  load.kv_used_bytes = 600;
  load.prefix_bytes = 500;
  load.weight_bytes = 5000;
  load.n_prompt_tokens = n_prompt;
  load.n_reused_tokens = n_prompt / 2;
  load.n_output_tokens = n_output;
  r.deployments = {{"small", 6, load}, {"far", 8, {}}};
  r.reviews_waiting = 7;
  r.connections = 9;
  return r;
}

TEST(Metrics, readings_of_the_moment_and_the_rate_of_the_last_minute) {
  uint64_t now = 0, n_prompt = 0, n_output = 0;
  auto o = still();
  o.now = [&now] { return now; };
  o.reading = [&] { return reading_of(n_prompt, n_output); };
  Metrics m(two_classes(), o);
  auto s = series(m.text());
  EXPECT_EQ(s.at(R"(bitworth_queue_length{deployment="small"})"), 3);
  EXPECT_EQ(s.at(R"(bitworth_running{deployment="small"})"), 4);
  EXPECT_EQ(s.at(R"(bitworth_slots{deployment="small"})"), 6);
  EXPECT_EQ(s.at(R"(bitworth_kv_cache_bytes{deployment="small"})"), 1000);
  EXPECT_EQ(s.at(R"(bitworth_kv_cache_used_bytes{deployment="small"})"), 600);
  EXPECT_EQ(s.at(R"(bitworth_prefix_cache_bytes{deployment="small"})"), 500);
  EXPECT_EQ(s.at(R"(bitworth_weight_bytes{deployment="small"})"), 5000);
  EXPECT_EQ(s.count(R"(bitworth_weight_bytes{deployment="far"})"), 0u);
  EXPECT_EQ(s.at("bitworth_reviews_waiting"), 7);
  EXPECT_EQ(s.at("bitworth_http_connections"), 9);
  EXPECT_GT(s.at("bitworth_resident_memory_bytes"), 1e6);
  EXPECT_EQ(s.at(R"(bitworth_host_tokens_per_second{kind="output"})"), 0);
  const auto at = [&](uint64_t seconds, uint64_t prompt, uint64_t output) {
    now = seconds * 1'000'000'000;
    n_prompt = prompt;
    n_output = output;
    s = series(m.text());
    return s.at(R"(bitworth_host_tokens_per_second{kind="output"})");
  };
  EXPECT_DOUBLE_EQ(at(10, 2000, 500), 50);
  EXPECT_DOUBLE_EQ(s.at(R"(bitworth_host_tokens_per_second{kind="prompt"})"), 100);  // half were reused
  EXPECT_DOUBLE_EQ(at(70, 2000, 6500), 100);  // the minute since second 10
  EXPECT_DOUBLE_EQ(at(80, 10, 20), 0);        // switched: counts began again
  EXPECT_DOUBLE_EQ(at(90, 10, 120), 10);
}

// ---- energy
struct Powercap {
  fs::path root;
  Powercap() {
    char name[] = "/tmp/bw_powercap_XXXXXX";
    root = mkdtemp(name);
    put("intel-rapl", "enabled", "1");
    domain("intel-rapl:0", "package-0", 900, 1000);
    domain("intel-rapl:0:0", "core", 5, 1000);
    domain("intel-rapl:1", "package-1", 100, 1000);
    domain("intel-rapl:2", "psys", 7, 1000);
  }
  ~Powercap() { fs::remove_all(root); }
  void put(const std::string& folder, const std::string& file, const std::string& text) const {
    fs::create_directories(root / folder);
    std::ofstream(root / folder / file) << text << "\n";
  }
  void domain(const std::string& folder, const std::string& name, uint64_t millijoules,
              uint64_t range) const {
    put(folder, "name", name);
    put(folder, "energy_uj", std::to_string(millijoules * 1000));
    put(folder, "max_energy_range_uj", std::to_string(range * 1000));
  }
};

TEST(Energy, packages_alone_are_added_and_a_counter_that_wrapped_goes_on) {
  const Powercap p;
  auto e = PackageEnergy::open(p.root);
  ASSERT_TRUE(e);
  EXPECT_DOUBLE_EQ(*e->joules(), 0);
  p.domain("intel-rapl:0", "package-0", 950, 1000);
  p.domain("intel-rapl:0:0", "core", 500, 1000);
  p.domain("intel-rapl:2", "psys", 700, 1000);
  EXPECT_DOUBLE_EQ(*e->joules(), 0.05);
  p.domain("intel-rapl:0", "package-0", 20, 1000);
  p.domain("intel-rapl:1", "package-1", 110, 1000);
  EXPECT_DOUBLE_EQ(*e->joules(), 0.13);
  fs::remove(p.root / "intel-rapl:1" / "energy_uj");
  EXPECT_EQ(e->joules(), std::nullopt);
  EXPECT_FALSE(PackageEnergy::open(p.root));  // one of two packages is no figure
  EXPECT_FALSE(PackageEnergy::open("/nowhere"));
}

TEST(Energy, its_kind_is_a_label_and_none_is_made_up) {
  const Powercap p;
  uint64_t now = 0;
  auto o = still();
  o.now = [&now] { return now; };
  {
    Metrics m(two_classes(), o);
    const auto s = series(m.text());
    EXPECT_EQ(s.at(R"(bitworth_energy_source_info{kind="unknown"})"), 1);
    for (const auto& [name, value] : s) EXPECT_EQ(name.find("joules"), std::string::npos);
  }
  o.powercap = p.root;
  Metrics m(two_classes({}, 80), o);
  p.domain("intel-rapl:0", "package-0", 950, 1000);
  now = 2'000'000'000;
  const auto s = series(m.text());
  EXPECT_EQ(s.count(R"(bitworth_energy_source_info{kind="unknown"})"), 0u);
  EXPECT_DOUBLE_EQ(s.at(R"(bitworth_energy_joules_total{kind="wall_entered"})"), 160);
  EXPECT_DOUBLE_EQ(s.at(R"(bitworth_energy_joules_total{kind="package"})"), 0.05);
}

// ---- what goes with it
std::string slurp(const std::string& path) {
  std::ifstream in(std::string(BITWORTH_SOURCE_DIR) + path);
  std::stringstream s;
  s << in.rdbuf();
  EXPECT_FALSE(s.str().empty()) << path;
  return s.str();
}

// A server that has seen one of everything.
std::string everything() {
  static const Powercap p;
  auto o = still();
  o.powercap = p.root;
  o.reading = [] { return reading_of(1, 1); };
  Metrics m(two_classes(contract::Prices{"EUR", 1, 1}, 1), o);
  m.answered(answered_by_big(), 200);
  m.reviewed("mail", review::Item::State::accepted, 1);
  m.reviewed("code", review::Item::State::accepted, {});
  return m.text();
}

// Family -> its label names.
std::map<std::string, std::set<std::string>> families(const std::string& text) {
  std::map<std::string, std::set<std::string>> out;
  std::istringstream lines(text);
  std::string family;
  static const std::regex label("([a-z_]+)=\"");
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("# TYPE ", 0) == 0) out[family = line.substr(7, line.rfind(' ') - 7)];
    if (line.empty() || line[0] == '#') continue;
    for (std::sregex_iterator i(line.begin(), line.end(), label), end; i != end; ++i)
      out[family].insert((*i)[1]);
  }
  return out;
}

// Every metric that a PromQL text names exists, and has the labels that stand in its braces.
size_t check_query(const std::string& query, const std::map<std::string, std::set<std::string>>& known) {
  static const std::regex metric(R"((^|[^a-z0-9_:])(bitworth_[a-z0-9_]+)(\{[^}]*\})?)"),
      label(R"(([a-z_]+)\s*=)");
  size_t n = 0;
  for (std::sregex_iterator i(query.begin(), query.end(), metric), end; i != end; ++i, ++n) {
    std::string name = (*i)[2];
    if (!known.count(name)) name = std::regex_replace(name, std::regex("_(bucket|sum|count)$"), "");
    const auto found = known.find(name);
    if (found == known.end()) {
      ADD_FAILURE() << name << " is no metric: " << query;
      continue;
    }
    const std::string braces = (*i)[3];
    for (std::sregex_iterator l(braces.begin(), braces.end(), label), none; l != none; ++l)
      EXPECT_TRUE(found->second.count((*l)[1])) << name << " has no label " << (*l)[1] << ": " << query;
  }
  return n;
}

TEST(Metrics, every_query_of_the_dashboard_asks_for_metrics_and_labels_that_exist) {
  const auto known = families(everything());
  ASSERT_GT(known.size(), 20u);
  const auto dashboard = nlohmann::json::parse(slurp("/data/grafana/bitworth.json"));
  size_t n = 0;
  std::string all;
  for (const auto& panel : dashboard.at("panels"))
    for (const auto& target : panel.value("targets", nlohmann::json::array())) {
      EXPECT_GT(check_query(target.at("expr"), known), 0u) << target.at("expr");
      all += target.at("expr").get<std::string>() + "\n";
      ++n;
    }
  EXPECT_GT(n, 20u);
  for (const auto& [name, labels] : known)
    EXPECT_NE(all.find(name), std::string::npos) << name << " is on no panel";
}

TEST(Metrics, every_rule_asks_for_metrics_and_labels_that_exist) {
  EXPECT_GT(check_query(slurp("/data/prometheus/bitworth.rules.yml"), families(everything())), 10u);
}

TEST(Metrics, the_page_of_the_docs_lists_each_metric_with_its_labels_and_no_other) {
  const auto known = families(everything());
  std::istringstream page(slurp("/docs/metrics.md"));
  std::set<std::string> listed;
  for (std::string line; std::getline(page, line);) {
    static const std::regex row(R"(^\| `(bitworth_[a-z0-9_]+)` \| [^|]+ \| [^|]+ \| ([^|]*) \|)");
    std::smatch found;
    if (!std::regex_search(line, found, row)) continue;
    EXPECT_TRUE(listed.insert(found[1]).second) << line;
    ASSERT_TRUE(known.count(found[1])) << line;
    std::set<std::string> labels;
    std::istringstream words(found[2]);
    for (std::string word; words >> word;) labels.insert(word.substr(0, word.find(',')));
    labels.erase("-");
    auto expected = known.at(found[1]);
    expected.erase("le");
    EXPECT_EQ(labels, expected) << line;
  }
  for (const auto& [name, labels] : known)
    EXPECT_TRUE(listed.count(name)) << name << " is not in docs/metrics.md";
}

}  // namespace
}  // namespace bw::serve
