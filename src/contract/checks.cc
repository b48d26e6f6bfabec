// Judging one answer: the checks of a class, compiled once.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "contract/contract.h"
#include "contract/regex.h"
#include "contract/schema_check.h"
#include "sandbox/sandbox.h"
#include "text/utf8.h"

namespace bw::contract {
namespace {

constexpr size_t most_reason = 300;  // bytes of a command's first line

// Cheapest first.
int rank(Check::Kind kind) {
  switch (kind) {
    case Check::Kind::mean_log_prob:
      return 0;
    case Check::Kind::regex:
      return 1;
    case Check::Kind::schema:
      return 2;
    case Check::Kind::command:
      return 3;
  }
  return 4;
}

// The first line that a command printed, as a person may see it: bounded, UTF-8, no control characters.
std::string first_line(std::string_view out) {
  std::string line;
  for (size_t at = 0; at < out.size() && out[at] != '\n' && line.size() < most_reason;) {
    const text::CodePoint c = text::code_point(out, at);
    text::append_utf8(
        line, !c.valid || c.value < 0x20 || (c.value >= 0x7f && c.value < 0xa0) ? U'\uFFFD' : c.value);
    at += c.n_bytes;
  }
  return line;
}

std::string why_refused(const sandbox::Outcome& o, uint64_t ms) {
  if (o.timed_out) return fmt::format("the command did not end within {} ms", ms);
  if (o.signal != 0) return fmt::format("the command was ended by signal {}", o.signal);
  const std::string line = first_line(o.out);
  return line.empty() ? fmt::format("the command ended with exit code {}", o.exit_code) : line;
}

}  // namespace

struct Checks::State {
  struct Prepared {
    Check check;
    std::optional<Regex> regex;
    std::unique_ptr<SchemaCheck> schema;
    std::vector<std::string> read_only;
  };
  std::vector<Prepared> prepared;
  std::vector<Regex> unknown;
};

Checks::Checks(std::unique_ptr<State> state) : state_(std::move(state)) {}
Checks::~Checks() = default;

Result<std::unique_ptr<Checks>> Checks::make(const Class& of) {
  auto state = std::make_unique<State>();
  for (const Check& check : of.checks) {
    State::Prepared p{check, {}, {}, {}};
    const auto named = [&](Error e) {
      e.what = fmt::format("class {}: check {}: {}", of.name, check.name, e.what);
      return e;
    };
    if (check.kind == Check::Kind::regex) {
      auto regex = Regex::compile(check.pattern);
      if (!regex) return named(regex.error());
      p.regex = std::move(*regex);
    }
    if (check.kind == Check::Kind::schema) {
      auto schema = SchemaCheck::make(check.schema);
      if (!schema) return named(schema.error());
      p.schema = std::move(*schema);
    }
    if (check.kind == Check::Kind::command) p.read_only = files_of(check);
    state->prepared.push_back(std::move(p));
  }
  std::stable_sort(state->prepared.begin(), state->prepared.end(),
                   [](const auto& a, const auto& b) { return rank(a.check.kind) < rank(b.check.kind); });
  for (const std::string& pattern : of.unknown.patterns) {
    auto regex = Regex::compile(pattern);
    if (!regex)
      return bad_input(
          fmt::format("class {}: unknown.patterns: \"{}\": {}", of.name, pattern, regex.error().what));
    state->unknown.push_back(std::move(*regex));
  }
  return std::unique_ptr<Checks>(new Checks(std::move(state)));
}

std::vector<CheckResult> Checks::run(const Answer& answer) const {
  std::vector<CheckResult> results;
  bool all = true;
  const auto add = [&](const std::string& name, std::string reason) {
    all &= reason.empty();
    results.push_back({name, reason.empty(), std::move(reason)});
  };
  if (answer.cut) add("complete", "the answer was cut at its greatest length");
  for (const State::Prepared& p : state_->prepared) {
    const Check& c = p.check;
    switch (c.kind) {
      case Check::Kind::mean_log_prob:
        if (!answer.mean_log_prob)
          add(c.name, "the deployment gave no log-probabilities");
        else if (!(*answer.mean_log_prob >= c.at_least))  // NaN too
          add(c.name, fmt::format("mean log-probability {:.4f} nats a token, below {:.4f}",
                                  *answer.mean_log_prob, c.at_least));
        else
          add(c.name, "");
        break;
      case Check::Kind::regex: {
        const Regex::Match m = p.regex->find(answer.text);
        add(c.name, m == Regex::Match::yes ? ""
                    : m == Regex::Match::no
                        ? "the pattern does not match"
                        : fmt::format("whether the pattern matches could not be told in {} steps",
                                      Regex::most_steps));
        break;
      }
      case Check::Kind::schema:
        add(c.name, p.schema->why_not(answer.text).value_or(""));
        break;
      case Check::Kind::command: {
        if (!all) break;  // a process is started only where nothing else has refused the answer
        const sandbox::Limits limits{.wall_ms = c.command_ms, .cpu_ms = c.command_ms};
        const auto outcome = sandbox::run(c.command, answer.text, limits, p.read_only);
        if (!outcome)
          add(c.name, outcome.error().what);
        else
          add(c.name,
              outcome->exit_code == 0 && !outcome->timed_out ? "" : why_refused(*outcome, c.command_ms));
        break;
      }
    }
  }
  return results;
}

bool Checks::says_unknown(std::string_view text) const {
  return std::any_of(state_->unknown.begin(), state_->unknown.end(),
                     [&](const Regex& r) { return r.find(text) != Regex::Match::no; });
}

}  // namespace bw::contract
