// Rules that can never fire, that always do, or that do not do what their owner may think. Each names its
// key.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "contract/contract.h"
#include "contract/keywords.h"
#include "contract/probes.h"
#include "contract/schema_check.h"
#include "contract/words.h"

namespace bw::contract {
namespace {

// One stream of a small model on a good desktop processor stays below this many tokens a second.
constexpr double fastest_stream = 500;

class Warner {
 public:
  explicit Warner(const Contract& c) : c_(c) {}
  std::vector<std::string> all;

  void whole() {
    std::set<std::string> named;
    for (const Class& c : c_.classes) named.insert(c.chain.begin(), c.chain.end());
    for (const Deployment& d : c_.deployments) {
      const std::string key = "deployments." + d.name;
      if (named.count(d.name) == 0) say(key, "no chain names it: it is loaded and never asked");
      const bool local = d.endpoint.starts_with("http://127.") ||
                         d.endpoint.starts_with("http://localhost") || d.endpoint.starts_with("http://[::1]");
      if (d.endpoint.starts_with("http://") && !d.key_env.empty() && !local)
        say(key, "its key travels without encryption, over http");
    }
    if (c_.default_class.empty())
      say("default_class",
          fmt::format("is not given: a request without the header {} is refused with 400", c_.class_header));
    const bool any_person = std::any_of(c_.classes.begin(), c_.classes.end(), ends_with_person);
    if (c_.budget.person_minutes_per_day > 0 && !any_person)
      say("budget.person_minutes_per_day", "no chain ends with a person: nothing uses it up");
    if (c_.budget.person_minutes_per_day == 0 && any_person)
      say("budget.person_minutes_per_day",
          "is not given: nothing bounds what a person is asked to do in a day");
    for (size_t i = 0; i < c_.stops.size(); ++i) stop(c_.stops[i], fmt::format("stops[{}]", i));
    if (c_.stops.empty()) say("stops", "there is none: whatever the answers are, the service goes on");
  }

  void one_class(const Class& c) {
    const std::string key = "classes." + c.name;
    const size_t n_deployments = c.chain.size() - (ends_with_person(c) ? 1 : 0);
    if (c.attempts > 1 && c.checks.empty())
      say(key + ".attempts", "without a check every answer passes: there is never a second attempt");
    else if (c.attempts > 1 && c.retry_temperature == 0)
      say(key + ".retry_temperature",
          "at 0 the next attempt gives the same answer as the first, unless the request itself asks for a "
          "temperature");
    if (c.chain.size() > 1 && c.checks.empty() && c.unknown.patterns.empty())
      say(key + ".chain", fmt::format("without checks and unknown.patterns {} is asked only when {} cannot "
                                      "answer at all: nothing an answer says leads on",
                                      c.chain[1], c.chain[0]));
    if (c.chain.size() == 1 && c.checks.empty() && !c.unknown.patterns.empty() && c.unknown.answer.empty())
      say(key + ".unknown",
          "nothing comes after an abstention, and answer is not given: the caller gets the program's own "
          "words");
    const double rate = 1000.0 * c.max_output_tokens / double(c.deadline_ms);
    if (rate > fastest_stream)
      say(key + ".deadline",
          fmt::format("{} tokens by then need {:.0f} a second: an answer of that length never comes in time",
                      c.max_output_tokens, rate));
    uint64_t commands_ms = 0;
    for (const Check& k : c.checks)
      if (k.kind == Check::Kind::command) {
        commands_ms += k.command_ms;
        if (k.command_ms >= c.deadline_ms)
          say(fmt::format("{}.checks: {}", key, k.name), "its time is not shorter than the class's deadline");
      }
    const uint64_t n_attempts = n_deployments * c.attempts;
    if (commands_ms > 0 && commands_ms < c.deadline_ms && commands_ms * n_attempts > c.deadline_ms)
      say(key + ".deadline",
          fmt::format(
              "the commands alone may take {} ms over {} attempts: the last attempts may never be made",
              commands_ms * n_attempts, n_attempts));
    bool any_own = false, any_endpoint = false;
    for (const std::string& link : c.chain)
      if (const Deployment* d = c_.find_deployment(link)) {
        (d->own() ? any_own : any_endpoint) = true;
        if (!d->own() && d->timeout_ms > c.deadline_ms)
          say(fmt::format("deployments.{}.timeout", d->name),
              fmt::format("is longer than the deadline of class {}, which always comes first", c.name));
      }
    for (const Check& k : c.checks)
      check(k, c, fmt::format("{}.checks: {}", key, k.name), any_own, any_endpoint);
    for (const std::string& p : c.unknown.patterns) {
      const auto regex = Regex::compile(p);
      if (!regex) continue;  // load() has refused it
      if (matches_everything(*regex))
        say(key + ".unknown.patterns", fmt::format("\"{}\" matches every one of {} texts that have nothing "
                                                   "in common: every answer is an abstention",
                                                   p, unlike_texts().size()));
      else if (matches_nothing(*regex))
        say(key + ".unknown.patterns", fmt::format("\"{}\": no text was found that it matches", p));
    }
  }

 private:
  static bool ends_with_person(const Class& c) { return !c.chain.empty() && c.chain.back() == kPerson; }
  void say(const std::string& key, const std::string& what) { all.push_back(key + ": " + what); }

  void check(const Check& k, const Class& c, const std::string& key, bool any_own, bool any_endpoint) {
    switch (k.kind) {
      case Check::Kind::regex: {
        const auto regex = Regex::compile(k.pattern);
        if (!regex) break;
        if (matches_everything(*regex))
          say(key, fmt::format("matches every one of {} texts that have nothing in common, the empty one "
                               "too: it never fails",
                               unlike_texts().size()));
        else if (matches_nothing(*regex))
          say(key, "no text was found that the pattern matches: it may never pass");
        break;
      }
      case Check::Kind::schema:
        schema(k, key, any_own);
        break;
      case Check::Kind::mean_log_prob:
        if (k.at_least < -30)
          say(key, fmt::format("no answer of a model has a mean of {:.0f} nats a token: it never fails",
                               k.at_least));
        if (any_endpoint)
          for (const std::string& link : c.chain)
            if (const Deployment* d = c_.find_deployment(link); d && !d->own())
              say(key, fmt::format("{} is an endpoint; one that gives no log-probabilities never passes it",
                                   d->name));
        break;
      case Check::Kind::command:
        break;
    }
  }

  void schema(const Check& k, const std::string& key, bool any_own) {
    if (k.constrain && !any_own)
      say(key, "constrain: no link of the chain is a file, so nothing is decoded under it");
    const auto parsed = nlohmann::json::parse(k.schema, nullptr, false);
    if (parsed.is_discarded()) return;
    if (const std::string why = impossible(parsed); !why.empty()) {
      say(key, fmt::format("no answer can be valid: {}", why));
      return;
    }
    const auto compiled = SchemaCheck::make(k.schema);
    if (!compiled) return;
    const char* values[] = {"null",     "true", "0",          "-1.5", "\"\"",
                            "\"text\"", "[]",   "[1, \"a\"]", "{}",   "{\"a\": {\"b\": []}}"};
    if (std::none_of(std::begin(values), std::end(values),
                     [&](const char* v) { return (*compiled)->why_not(v).has_value(); }))
      say(key, "every JSON text is valid: it only tells JSON from what is not");
  }

  void stop(const StopTrigger& s, const std::string& key) {
    using F = StopTrigger::Figure;
    if (c_.budget.requests_per_day > 0 && s.over > c_.budget.requests_per_day)
      say(key + ".over",
          fmt::format("needs {} answers and a day's budget is {}: it cannot fire on the first day", s.over,
                      c_.budget.requests_per_day));
    if (s.above * s.over < 1)
      say(key + ".above", fmt::format("less than one of {} answers: a single one fires it", s.over));
    for (const Class& c : c_.classes) {
      if (!s.class_name.empty() && s.class_name != c.name) continue;
      const std::string of = fmt::format("class {}", c.name);
      if (s.figure == F::failed_checks && c.checks.empty())
        say(key, fmt::format("{} has no checks that could fail: it never fires there", of));
      if (s.figure == F::escalated && c.chain.size() < 2)
        say(key, fmt::format("{} has one link: nothing escalates, it never fires there", of));
      if (s.figure == F::abstained && c.checks.empty() && c.unknown.patterns.empty())
        say(key,
            fmt::format(
                "{} has neither checks nor unknown.patterns: nothing is an abstention, it never fires there",
                of));
      if (s.action == StopTrigger::Action::fallback && c.chain.size() > 1 && c.chain[1] == kPerson)
        say(key + ".action", fmt::format("fallback hands every request of {} to a person", of));
    }
  }

  const Contract& c_;
};

}  // namespace

std::vector<std::string> warnings(const Contract& contract) {
  Warner w(contract);
  for (const Class& c : contract.classes) w.one_class(c);
  w.whole();
  return std::move(w.all);
}

}  // namespace bw::contract
