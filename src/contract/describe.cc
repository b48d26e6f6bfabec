// What will happen to a request, in prose: the contract as a person would tell it, with the figures worked
// out.
#include <fmt/format.h>

#include <cmath>

#include "contract/contract.h"
#include "contract/words.h"

namespace bw::contract {
namespace {

std::string duration(uint64_t ms) {
  if (ms % 60'000 == 0) return fmt::format("{} min", ms / 60'000);
  if (ms % 1'000 == 0) return fmt::format("{} s", ms / 1'000);
  return ms > 1'000 ? fmt::format("{} s", double(ms) / 1000) : fmt::format("{} ms", ms);
}
std::string times(uint32_t n) {
  return n == 1 ? "once" : n == 2 ? "twice" : fmt::format("{} times", n);
}
std::string plural(uint64_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}
std::string joined(const std::vector<std::string>& words, const char* last) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i)
    out += (i == 0 ? "" : i + 1 == words.size() ? last : ", ") + words[i];
  return out;
}

class Teller {
 public:
  explicit Teller(const Contract& c) : c_(c) {}
  std::string out;

  void whole() {
    line(0, fmt::format("{}{}", c_.name, c_.owner.empty() ? "" : ", answered for by " + c_.owner));
    line(0, fmt::format("contract sha256 {}", c_.sha256));
    out += '\n';
    if (c_.default_class.empty())
      line(0, fmt::format("A request names its class in the header {}; without it, or with another name, it "
                          "is refused with 400.",
                          c_.class_header));
    else
      line(0, fmt::format("A request may name its class in the header {} (an unknown name: 400); without the "
                          "header it is of class {}.",
                          c_.class_header, c_.default_class));
    line(0, fmt::format(
                "At most {} for a free slot; the next is refused with 429 and Retry-After.",
                c_.max_queued == 1 ? "1 request waits" : fmt::format("{} requests wait", c_.max_queued)));
    line(0, c_.key_sha256.empty() ? "No API key is asked for."
                                  : fmt::format("One of {} is asked for (without: 401).",
                                                plural(c_.key_sha256.size(), "API key")));
    line(0, c_.keep_text ? "Prompts and answers are kept as text beside the log, for replay and review."
                         : "Prompts and answers are not kept, only their digests: an answer cannot be "
                           "replayed, and in review there is nothing to compare later.");
    for (const Class& c : c_.classes) one_class(c);
    budget();
    stops();
  }

 private:
  void line(int indent, const std::string& text) {
    out += std::string(static_cast<size_t>(indent), ' ') + text + '\n';
  }

  std::string what_is(const Deployment& d) const {
    if (d.own())
      return fmt::format("the file {}, {} cache, {} positions, {}", d.file, kernels::name(d.kv), d.context,
                         plural(d.slots, "slot"));
    return fmt::format("{} at {}, given up after {}", d.model, d.endpoint, duration(d.timeout_ms));
  }

  void one_class(const Class& c) {
    out += '\n';
    line(0, fmt::format("Class {}", c.name));
    line(2, fmt::format("Takes prompts of up to {} tokens (longer: 413 with the counts) and gives answers of "
                        "up to {} (who asks for more: 400).",
                        c.max_prompt_tokens, c.max_output_tokens));
    uint64_t n_attempts = 0;
    bool person = false;
    for (size_t i = 0; i < c.chain.size(); ++i) {
      const char* begin = i == 0 ? "First" : "Then";
      if (c.chain[i] == kPerson) {
        person = true;
        line(2, fmt::format(
                    "{} a person: the request waits in the review queue, and the caller is told so at once.",
                    begin));
        continue;
      }
      const Deployment* d = c_.find_deployment(c.chain[i]);
      n_attempts += c.checks.empty() ? 1 : c.attempts;
      line(2, fmt::format("{} {} ({}) is asked{}.", begin, c.chain[i], d ? what_is(*d) : "not declared",
                          c.checks.empty() ? "" : " up to " + times(c.attempts)));
    }
    if (n_attempts > 1)
      line(2, fmt::format("The first attempt is as the request asks; every other has another seed and a "
                          "temperature of at least {}.",
                          c.retry_temperature));
    checks(c, n_attempts);
    unknown(c);
    line(2, c.chain.size() == 1 ? "A deployment that cannot answer (down, out of memory, too long for it) "
                                  "ends the request with its error."
                                : "A deployment that cannot answer (down, timed out, too long for it) is "
                                  "passed over at once; only when the first is busy the caller gets 429.");
    worst(c, n_attempts, person);
  }

  void checks(const Class& c, uint64_t n_attempts) {
    if (c.checks.empty()) {
      line(2, "There is no check: every answer passes, and a stream is shown as it comes.");
      return;
    }
    line(2, "An answer passes when it was not cut by its length and");
    for (const Check& k : c.checks) line(4, fmt::format("{}: {}", k.name, rule(k, c)));
    line(2, "An answer is shown only after it passed, so a stream comes all at once at the end.");
    uint64_t commands_ms = 0, n = 0;
    for (const Check& k : c.checks)
      if (k.kind == Check::Kind::command) {
        commands_ms += k.command_ms;
        ++n;
      }
    if (n > 0)
      line(2, fmt::format("{} after everything else passed, in a sandbox: at worst {}, {} in all.",
                          n == 1 ? "The command runs" : "The commands run", plural(n * n_attempts, "run"),
                          duration(commands_ms * n_attempts)));
  }

  std::string rule(const Check& k, const Class& c) const {
    switch (k.kind) {
      case Check::Kind::schema: {
        std::vector<std::string> own, other;
        for (const std::string& link : c.chain)
          if (const Deployment* d = c_.find_deployment(link)) (d->own() ? own : other).push_back(link);
        std::string how;
        if (k.constrain && !own.empty())
          how = fmt::format("; {} decode{} under it, so what ends of itself is valid", joined(own, " and "),
                            own.size() == 1 ? "s" : "");
        return fmt::format("is one JSON text, white space and one fence around it aside, valid against {}{}",
                           k.schema_path, how);
      }
      case Check::Kind::regex:
        return fmt::format("matches {}", k.pattern);
      case Check::Kind::mean_log_prob:
        return fmt::format(
            "the model gave its tokens a mean log-probability of at least {} nats (a mean probability of "
            "{:.0f} %)",
            k.at_least, 100 * std::exp(k.at_least));
      case Check::Kind::command:
        return fmt::format("`{}`, given it on standard input, ends with 0 within {}", joined(k.command, " "),
                           duration(k.command_ms));
    }
    return "";
  }

  void unknown(const Class& c) {
    if (!c.unknown.patterns.empty())
      line(2, fmt::format(
                  "An answer that matches {} says \"I don't know\": no other seed is tried, {}.",
                  joined(c.unknown.patterns, " or "),
                  c.chain.size() > 1 ? "the next of the chain is asked" : "the caller gets an abstention"));
    if (!c.unknown.answer.empty())
      line(2, fmt::format("Where nobody answered, the caller gets \"{}\" and the reason.", c.unknown.answer));
  }

  void worst(const Class& c, uint64_t n_attempts, bool person) {
    line(2, fmt::format("At worst that is {} and {} output tokens.", plural(n_attempts, "attempt"),
                        n_attempts * c.max_output_tokens));
    line(2, fmt::format(
                "At the latest {} after it came the request is over: no attempt begins later, one under way "
                "is given up, and {}.",
                duration(c.deadline_ms),
                person ? "a person takes over (or, their minutes used up, the caller gets an abstention)"
                       : "the caller gets an abstention, or the error where nothing was answered at all"));
  }

  void budget() {
    const Budget& b = c_.budget;
    out += '\n';
    std::vector<std::string> parts;
    if (b.requests_per_day) parts.push_back(plural(b.requests_per_day, "request"));
    if (b.output_tokens_per_day) parts.push_back(plural(b.output_tokens_per_day, "output token"));
    if (!parts.empty())
      line(0, fmt::format("A day (UTC) has {}; then requests are refused with 429 until midnight.",
                          joined(parts, " and ")));
    if (b.person_minutes_per_day > 0)
      line(0, fmt::format("A person has {} minutes a day; then what would go to them ends as an abstention.",
                          b.person_minutes_per_day));
    if (parts.empty() && b.person_minutes_per_day == 0) line(0, "There is no budget.");
  }

  void stops() {
    for (const StopTrigger& s : c_.stops) {
      const char* figures[] = {"ended as abstentions", "went on to a later link", "failed a check",
                               "ended in an error"};
      line(0, fmt::format("When more than {:g} % of the last {} answers of {} {}, {}.", 100 * s.above, s.over,
                          s.class_name.empty() ? "a class" : "class " + s.class_name,
                          figures[static_cast<int>(s.figure)],
                          s.action == StopTrigger::Action::refuse
                              ? "its requests are refused with 503 until its owner resumes it"
                              : "the first of its chain is left out until its owner resumes it"));
    }
    if (c_.stops.empty()) line(0, "Nothing stops it by itself.");
    if (c_.prices)
      line(0, fmt::format(
                  "Its cost is worked out at {0} {2} an hour of the machine and {1} {2} an hour of a person.",
                  c_.prices->machine_per_hour, c_.prices->person_per_hour, c_.prices->currency));
    if (c_.wall_watts) line(0, fmt::format("Its energy is worked out at {} W, as entered.", *c_.wall_watts));
  }

  const Contract& c_;
};

}  // namespace

std::string describe(const Contract& contract) {
  Teller t(contract);
  t.whole();
  return std::move(t.out);
}

}  // namespace bw::contract
