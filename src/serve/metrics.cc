#include "serve/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>

#include "base/version.h"
#include "serve/energy.h"
#include "serve/life.h"

namespace bw::serve {
namespace {
using Labels = std::map<std::string, std::string>;
using Buckets = prometheus::Histogram::BucketBoundaries;

// Where the own engine's figures lie (docs/kernels.md), and about a factor of 2 apart around them: a short
// prompt whose prefix is kept takes 10 ms, SNIPS's 90 ms, 4,096 tokens 3.5 s on AMX and 10 to 20 s on AVX2;
// then the queue.
const Buckets first_token_s{0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 60};
// One stream: 2.5 ms (135M) to 40 ms (1.5B), 200 ms (7B); eight streams of 0.5B at 131 tokens/s: 61 ms each.
const Buckets per_token_s{0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.024, 0.032,
                          0.048, 0.064, 0.096, 0.15,  0.25,  0.5,   1};
// A short extraction takes 0.3 s; a class's deadline is 60 s unless declared.
const Buckets answer_s{0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120};
const Buckets queue_s{0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

constexpr uint64_t rate_window_ns = 60'000'000'000, energy_every_ns = 1'000'000'000;

double seconds(uint64_t ns) {
  return static_cast<double>(ns) * 1e-9;
}

const char* outcome(const Final& final) {
  using Why = backend::Failure::Why;
  if (final.what != Final::What::refused) return name(final.what);
  switch (final.failure.why) {
    case Why::too_long:
    case Why::busy:
    case Why::bad_request:
      return "refused";
    case Why::cancelled:
      return "cancelled";
    case Why::deadline:
      return "deadline";
    case Why::unavailable:
    case Why::failed:
      break;
  }
  return "failed";
}

}  // namespace

struct Metrics::State {
  State(const contract::Contract& contract, MetricsOptions given)
      : options(std::move(given)),
        prices(contract.prices),
        wall_watts(contract.wall_watts),
        began(options.now()) {
    for (const auto& c : contract.classes) {
      classes.insert(c.name);
      for (const auto& check : c.checks) checks.insert(check.name);
    }
    for (const auto& d : contract.deployments) {
      deployments.insert(d.name);
      if (!d.own()) endpoints.insert(d.name);
      slots[d.name] = d.slots;
    }
    package = PackageEnergy::open(options.powercap);
    fixed();
  }

  // Metrics that have a value from the start.
  void fixed() {
    set("bitworth_build_info", "Version and numeric contract of this server; always 1.",
        {{"version", version}, {"numerics", numerics}}, 1.0);
    const char* source = "Where the figures of bitworth_energy_joules_total come from; always 1.";
    if (package) set("bitworth_energy_source_info", source, {{"kind", "package"}}, 1.0);
    if (wall_watts) set("bitworth_energy_source_info", source, {{"kind", "wall_entered"}}, 1.0);
    if (!package && !wall_watts) set("bitworth_energy_source_info", source, {{"kind", "unknown"}}, 1.0);
    for (const std::string& c : classes) {  // a counter that starts at 0 shows its first increase
      requests(c, "answered", 200).Increment(0);
      counter("bitworth_abstentions_total", abstentions_help, {{"class", c}}).Increment(0);
    }
  }
  static constexpr const char* abstentions_help =
      "Answers in which every deployment asked failed or did not know.";

  prometheus::Counter& counter(const char* name, const char* help, const Labels& labels) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
  }
  prometheus::Gauge& gauge(const char* name, const char* help, const Labels& labels) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
  }
  void set(const char* name, const char* help, const Labels& labels, double value) {
    gauge(name, help, labels).Set(value);
  }
  void set(const char* name, const char* help, const Labels& labels, uint64_t value) {
    set(name, help, labels, static_cast<double>(value));
  }
  void observe(const char* name, const char* help, const Labels& labels, const Buckets& buckets,
               uint64_t ns) {
    prometheus::BuildHistogram()
        .Name(name)
        .Help(help)
        .Register(registry)
        .Add(labels, buckets)
        .Observe(seconds(ns));
  }
  // What only ever grows and is counted elsewhere: brought up to `value`.
  void raise(const char* name, const char* help, const Labels& labels, double value) {
    auto& c = counter(name, help, labels);
    if (value > c.Value()) c.Increment(value - c.Value());
  }

  std::string known(const std::set<std::string>& of, std::string_view name) const {
    const auto found = of.find(std::string(name));
    return found == of.end() ? "other" : *found;
  }
  prometheus::Counter& requests(const std::string& class_name, const char* how, int status) {
    const bool usual = status >= 200 && status <= 599;
    return counter(
        "bitworth_requests_total", "Requests that ended, by outcome and HTTP status.",
        {{"class", class_name}, {"outcome", how}, {"code", usual ? std::to_string(status) : "other"}});
  }

  void attempt(const std::string& class_name, const AttemptSeen& seen) {
    const std::string deployment = known(deployments, seen.deployment);
    const Labels where{{"class", class_name}, {"deployment", deployment}};
    const auto with = [&where](const char* key, std::string value) {
      Labels labels = where;
      labels.emplace(key, std::move(value));
      return labels;
    };
    counter("bitworth_attempts_total", "Attempts at an answer, by how each ended.",
            with("ending", name(seen.ending)))
        .Increment();
    for (const auto& check : seen.checks)
      if (!check.passed)
        counter("bitworth_checks_failed_total", "Checks of the contract that an attempt did not pass.",
                with("check", known(checks, check.name)))
            .Increment();
    const char* tokens =
        "Tokens of attempts that ended: prompt (computed), reused (of a kept prefix), output.";
    const uint32_t n_computed = seen.n_prompt - std::min(seen.n_prompt, seen.n_reused);
    counter("bitworth_tokens_total", tokens, with("kind", "prompt")).Increment(n_computed);
    counter("bitworth_tokens_total", tokens, with("kind", "reused")).Increment(seen.n_reused);
    counter("bitworth_tokens_total", tokens, with("kind", "output")).Increment(seen.n_output);
    if (seen.ending == AttemptSeen::Ending::error) return;
    observe("bitworth_queue_seconds", "From handing an attempt to its deployment until it began.", where,
            queue_s, seen.ns_queued);
    if (seen.n_output > 0 && seen.ns_first > 0)
      observe("bitworth_time_to_first_token_seconds",
              "From handing an attempt to its deployment until its first token, queue included.", where,
              first_token_s, seen.ns_first);
    if (seen.n_output > 1 && seen.ns_total > seen.ns_first)
      observe("bitworth_time_per_output_token_seconds", "Mean time of an attempt's tokens after the first.",
              where, per_token_s, (seen.ns_total - seen.ns_first) / (seen.n_output - 1));
    const uint64_t busy = seen.ns_total - std::min(seen.ns_total, seen.ns_queued);
    counter("bitworth_slot_seconds_total", "Seconds that attempts held a slot of their deployment.", where)
        .Increment(seconds(busy));
    cost[class_name].unknown |= endpoints.count(deployment) > 0 || deployment == "other";
    if (const auto n = slots.find(deployment); n != slots.end() && n->second > 0)
      cost[class_name].machine_seconds += seconds(busy) / n->second;
  }

  void answered(const Final& final, int status) {
    const std::string class_name = known(classes, final.class_name);
    requests(class_name, outcome(final), status).Increment();
    const std::string* before = nullptr;
    for (const AttemptSeen& seen : final.attempts) {
      if (before && *before != seen.deployment) fallback(class_name, known(deployments, seen.deployment));
      before = &seen.deployment;
      attempt(class_name, seen);
    }
    if (final.what == Final::What::person) fallback(class_name, "person");
    if (final.what == Final::What::abstained)
      counter("bitworth_abstentions_total", abstentions_help, {{"class", class_name}}).Increment();
    if (final.what != Final::What::refused)
      observe("bitworth_answer_duration_seconds",
              "From admitting a request until its answer, its abstention or its hand-over to a person.",
              {{"class", class_name},
               {"deployment", final.deployment.empty() ? "none" : known(deployments, final.deployment)}},
              answer_s, final.ns_total);
    if (final.what == Final::What::answered) ++cost[class_name].n_accepted;
  }
  void fallback(const std::string& class_name, const std::string& to) {
    counter("bitworth_fallbacks_total", "Answers that went on to a later link of their chain; `to`: which.",
            {{"class", class_name}, {"to", to}})
        .Increment();
  }

  void reviewed(std::string_view class_name, review::Item::State decision, std::optional<double> spent) {
    const std::string of = known(classes, class_name);
    counter("bitworth_review_decisions_total", "What persons decided.",
            {{"class", of}, {"decision", name(decision)}})
        .Increment();
    using Decided = review::Item::State;
    if (decision == Decided::accepted || decision == Decided::corrected) ++cost[of].n_accepted;
    if (!spent) {
      cost[of].unknown = true;  // a cost without that time would be too low
      counter("bitworth_reviews_untimed_total", "Decisions whose time nobody measured.", {{"class", of}})
          .Increment();
      return;
    }
    counter("bitworth_review_seconds_total", "Time persons spent on decisions, where it was measured.",
            {{"class", of}})
        .Increment(std::max(0.0, *spent));
    cost[of].person_seconds += std::max(0.0, *spent);
  }

  // ---- at a scrape
  void energy() {
    const uint64_t now = options.now();
    const char* help =
        "Energy since the start; package: processor packages by RAPL; wall_entered: declared watts x time.";
    if (wall_watts)
      raise("bitworth_energy_joules_total", help, {{"kind", "wall_entered"}},
            *wall_watts * seconds(now - began));
    if (!package || (energy_read && now - *energy_read < energy_every_ns)) return;
    energy_read = now;
    if (const auto joules = package->joules())
      raise("bitworth_energy_joules_total", help, {{"kind", "package"}}, *joules);
    else
      package.reset();  // the counter stands still from here on
  }

  void costs() {
    if (!prices) return;
    auto& family =
        prometheus::BuildGauge()
            .Name("bitworth_cost_per_accepted_answer")
            .Help(
                "Machine and persons per accepted answer since the start, by the contract's prices; absent "
                "where a part of it is not known.")
            .Register(registry);
    for (const auto& [class_name, c] : cost) {
      auto& value = family.Add({{"class", class_name}, {"currency", prices->currency}});
      if (c.unknown || c.n_accepted == 0) {
        family.Remove(&value);
        continue;
      }
      value.Set((c.machine_seconds * prices->machine_per_hour + c.person_seconds * prices->person_per_hour) /
                3600 / static_cast<double>(c.n_accepted));
    }
  }

  void readings() {
    if (const auto memory = process_memory(options.host)) {
      set("bitworth_resident_memory_bytes", "Resident memory of this process.", {}, memory->rss);
      set("bitworth_peak_memory_bytes", "Most resident memory of this process so far.", {}, memory->peak);
    }
    if (!options.reading) return;
    const Reading now = options.reading();
    if (now.reviews_waiting)
      set("bitworth_reviews_waiting", "Answers that wait for a person.", {}, *now.reviews_waiting);
    if (now.connections) set("bitworth_http_connections", "Open connections.", {}, *now.connections);
    uint64_t n_prompt = 0, n_output = 0;
    for (const auto& [of, n_slots, load] : now.deployments) {
      const Labels where{{"deployment", known(deployments, of)}};
      set("bitworth_queue_length", "Attempts that wait for a slot.", where, load.n_queued);
      set("bitworth_running", "Attempts that hold a slot.", where, load.n_running);
      if (endpoints.count(of)) continue;               // its memory is elsewhere
      if (deployments.count(of)) slots[of] = n_slots;  // a switch may have changed them
      set("bitworth_slots", "Attempts that may run at once.", where, uint64_t{n_slots});
      set("bitworth_weight_bytes", "Weights in memory.", where, load.weight_bytes);
      set("bitworth_kv_cache_bytes", "Memory of the cache of keys and values, used or not.", where,
          load.kv_bytes);
      set("bitworth_kv_cache_used_bytes", "Of it, what running attempts and kept prefixes hold.", where,
          load.kv_used_bytes);
      set("bitworth_prefix_cache_bytes", "Of it, what kept prefixes hold.", where, load.prefix_bytes);
      n_prompt += load.n_prompt_tokens - std::min(load.n_prompt_tokens, load.n_reused_tokens);
      n_output += load.n_output_tokens;
    }
    throughput(n_prompt, n_output);
  }

  // Over the last minute, or since the first scrape where that is less. A deployment that was switched begins
  // its counts again: then the window does too.
  void throughput(uint64_t n_prompt, uint64_t n_output) {
    const uint64_t now = options.now();
    if (!past.empty() && (n_prompt < past.back().n_prompt || n_output < past.back().n_output)) past.clear();
    past.push_back({now, n_prompt, n_output});
    while (past.size() > 2 && now - past[1].ns >= rate_window_ns) past.pop_front();
    const Sample& first = past.front();
    const double spent = seconds(now - first.ns);
    const char* help =
        "Tokens per second of all own deployments together over the last minute; prompt: computed ones.";
    const auto rate = [spent](uint64_t n) { return spent > 0 ? static_cast<double>(n) / spent : 0; };
    set("bitworth_host_tokens_per_second", help, {{"kind", "prompt"}}, rate(n_prompt - first.n_prompt));
    set("bitworth_host_tokens_per_second", help, {{"kind", "output"}}, rate(n_output - first.n_output));
  }

  struct Cost {
    double machine_seconds = 0, person_seconds = 0;
    uint64_t n_accepted = 0;
    bool unknown = false;  // an endpoint's bill or a person's time is not known
  };
  struct Sample {
    uint64_t ns, n_prompt, n_output;
  };

  const MetricsOptions options;
  const std::optional<contract::Prices> prices;
  const std::optional<double> wall_watts;
  const uint64_t began;
  std::set<std::string> classes, deployments, endpoints, checks;
  std::map<std::string, uint32_t> slots;
  std::mutex mutex;  // guards what follows, and keeps an answer's metrics together
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  std::map<std::string, Cost> cost;
  std::deque<Sample> past;
  std::optional<PackageEnergy> package;
  std::optional<uint64_t> energy_read;
};

Metrics::Metrics(const contract::Contract& contract, MetricsOptions options)
    : state_(std::make_unique<State>(contract, std::move(options))) {}
Metrics::~Metrics() = default;

void Metrics::answered(const Final& final, int status) {
  std::lock_guard lock(state_->mutex);
  state_->answered(final, status);
  state_->energy();
}

void Metrics::turned_away(std::string_view class_name, int status) {
  std::lock_guard lock(state_->mutex);
  state_->requests(state_->known(state_->classes, class_name), "refused", status).Increment();
}

void Metrics::reviewed(std::string_view class_name, review::Item::State decision,
                       std::optional<double> seconds) {
  std::lock_guard lock(state_->mutex);
  state_->reviewed(class_name, decision, seconds);
}

std::string Metrics::text() {
  std::lock_guard lock(state_->mutex);
  state_->energy();
  state_->costs();
  state_->readings();
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace bw::serve
