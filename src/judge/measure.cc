// Step measure: speed and peak memory of each file in a child process, A B A B by reload, rounds pooled.
// A sweep measures every file once. Sweeps that no longer fit into this step's share of the budget are left
// out, and that is said; each measurement is saved as it ends.
#include <algorithm>
#include <cstdlib>

#include "base/hash.h"
#include "base/version.h"
#include "judge/observe.h"
#include "judge/run.h"
#include "speed/wire.h"

namespace bw::judge {
namespace {

constexpr double kShare = 0.45;  // of the budget; the tasks, which decide, get the rest and what is left over

struct Sweep {
  bool probe = false;  // requests of one output token
  uint32_t round = 0;
};

}  // namespace

speed::Load load_of(const scenario::Load& l, bool probe, engine::KvType kv_type) {
  const uint32_t all = probe ? l.first_token_probes : l.requests;
  speed::Load load;
  load.n_streams = l.streams;
  load.prompt_tokens = l.prompt_tokens;
  load.output_tokens = probe ? 1 : l.output_tokens;
  load.n_requests = (all + l.rounds - 1) / l.rounds;
  load.n_ctx = l.context;
  load.n_threads = static_cast<int>(l.threads);
  load.kv_type = kv_type;
  return load;
}

namespace {

std::string key_of(const Run& run, const Subject& s, const Sweep& sweep) {
  const speed::Load l = load_of(run.in.scenario.load, sweep.probe, s.kv_type);
  const char* isa = std::getenv("BITWORTH_ISA");
  return "speed/" +
         sha256_hex(fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {}", version, numerics, s.sha256,
                                run.judgement.host.cpu, isa ? isa : "", run.judgement.host.n_threads,
                                l.n_streams, l.prompt_tokens, l.output_tokens, l.n_requests, l.n_ctx,
                                kernels::name(l.kv_type), sweep.round));
}

struct Rounds {
  std::vector<std::string> main, probe;
  std::string failure;  // why this file is measured no further
};

bool takes_part(const Subject& s, const Sweep& sweep) {
  return s.cannot_run.empty() && s.fits && !s.is_control() && !(s.is_reference && sweep.probe);
}

// Seconds the sweep will take, from what each file's last measurement of the kind took; 0 where none was.
double expected_seconds(const Run& run, const Sweep& sweep, const std::vector<Rounds>& rounds) {
  double sum = 0;
  for (size_t i = 0; i < run.subjects.size(); ++i) {
    const Subject& s = run.subjects[i];
    if (takes_part(s, sweep) && rounds[i].failure.empty())
      sum += sweep.probe ? s.seconds_probe : s.seconds_main;
  }
  return sum;
}

// A whole request takes at least as long as a first token, so a probe's sweep is bounded by the main one's.
void guess_probe_seconds(Subject& s, const scenario::Load& l) {
  if (s.seconds_probe > 0 || l.first_token_probes == 0) return;
  const auto& r = s.speed->report;
  if (r.ttft_p50_ms.known() && r.load_s.known())
    s.seconds_probe =
        r.load_s.value + 1 + r.ttft_p50_ms.value / 1000 * (load_of(l, true, s.kv_type).n_requests + 1);
}

Status measure_one(Run& run, size_t index, const Sweep& sweep, Rounds& rounds) {
  Subject& s = run.subjects[index];
  auto& into = sweep.probe ? rounds.probe : rounds.main;
  const std::string key = key_of(run, s, sweep);
  // What an earlier version saved in another form is measured again.
  if (auto saved = run.services.store->find(key); saved && speed::child_answer(*saved)) {
    into.push_back(std::move(*saved));
    ++run.n_reused;
    return {};
  }
  const speed::Load load = load_of(run.in.scenario.load, sweep.probe, s.kv_type);
  const std::string what = fmt::format("{}, {} {} of {}", s.name(), sweep.probe ? "first tokens" : "round",
                                       sweep.round + 1, run.in.scenario.load.rounds);
  const auto told = [&](const std::string& doing, double share) {
    run.progress("measure", what + ": " + doing, share);
  };
  run.unit = "measuring " + what;
  const double before = run.elapsed();
  const auto m = run.services.measure ? run.services.measure(s.input.path, load, told)
                                      : speed::measure(run.services.program, s.input.path, load, told);
  BW_CHECK(run.go_on());
  if (!m) {
    rounds.failure = m.error().what;
    return {};
  }
  (sweep.probe ? s.seconds_probe : s.seconds_main) = run.elapsed() - before;
  BW_CHECK(run.services.store->save(key, m->raw));
  into.push_back(m->raw);
  return {};
}

void not_measured(Subject& subject, const std::string& why) {
  SpeedFindings& s = *subject.speed;
  subject.memory->report.peak = unknown("bytes", why);
  subject.memory->report.difference = unknown("share", why);
  const auto ms = [&] { return unknown("ms", why); };
  speed::SpeedReport& r = s.report;
  r.prefill_tokens_per_s = r.decode_tokens_per_s = r.throughput_tokens_per_s = unknown("tokens/s", why);
  for (Figure* f : {&r.ttft_p50_ms, &r.ttft_p95_ms, &r.ttft_p99_ms, &r.tpot_p50_ms, &r.tpot_p95_ms,
                    &r.tpot_p99_ms, &r.e2e_p50_ms, &r.e2e_p95_ms, &r.e2e_p99_ms})
    *f = ms();
  r.read_bandwidth = unknown("bytes/s", why);
  r.read_bandwidth_share = r.spread = unknown("share", why);
  r.load_s = r.cpu_s_per_token = unknown("s", why);
  s.e2e_p99_over_p50 = unknown("ratio", why);
  s.digests_differing = unknown("repeats", why);
  s.wh_per_accepted_output = unknown("Wh", why);
}

Figure ratio_of_tail(const Figure& p99, const Figure& p50) {
  if (!p99.known()) return unknown("ratio", p99.reason);
  if (!p50.known() || p50.value <= 0) return unknown("ratio", p50.reason);
  Figure f = measured(p99.value / p50.value, "ratio", p99.reason);
  if (p99.low && p50.high && *p50.high > 0) f.low = *p99.low / *p50.high;
  if (p99.high && p50.low && *p50.low > 0) f.high = *p99.high / *p50.low;
  f.n = p99.n;
  return f;
}

Status pool_rounds(Run& run, Subject& s, const Rounds& rounds) {
  if (rounds.main.empty()) return {};
  BW_TRY(const speed::Pooled pooled,
         speed::pool(rounds.main, rounds.probe, load_of(run.in.scenario.load, false, s.kv_type)));
  s.speed->report = pooled.speed;
  s.speed->digests_differing = pooled.digests_differing;
  s.speed->e2e_p99_over_p50 = ratio_of_tail(pooled.speed.e2e_p99_ms, pooled.speed.e2e_p50_ms);
  memory::set_peak(s.memory->report, pooled.peak_bytes);
  run.judgement.host.isa = pooled.isa;
  run.judgement.host.n_threads = pooled.n_threads;
  return {};
}

std::string why_not_measured(const Subject& s) {
  if (!s.cannot_run.empty()) return s.cannot_run;
  if (!s.fits)
    return fmt::format("does not fit: the plan is {} MiB, this process may use {} MiB",
                       number(mib(s.memory->report.planned.value)),
                       number(mib(s.memory->report.limit.value)));
  if (s.is_control()) return "a control is never deployed";
  return "not measured";
}

}  // namespace

void not_run(Subject& s, const std::string& why) {
  not_measured(s, why);
  if (!s.candidate) return;
  s.candidate->degradation.divergence_unknown = why;
  s.candidate->cost_unknown = why;
}

Status measure(Run& run) {
  const scenario::Load& l = run.in.scenario.load;
  std::vector<Rounds> rounds(run.subjects.size());
  // One round of whole requests, then all first tokens (a p95 needs them), then the other rounds.
  std::vector<Sweep> sweeps{{false, 0}};
  if (l.first_token_probes)
    for (uint32_t r = 0; r < l.rounds; ++r) sweeps.push_back({true, r});
  for (uint32_t r = 1; r < l.rounds; ++r) sweeps.push_back({false, r});
  const double from = run.elapsed(), allowed = kShare * run.budget_s;
  for (Subject& s : run.subjects) {
    const std::string why = why_not_measured(s);
    not_measured(s, why);
    if (s.is_control()) run.limit(s.name() + ": speed and peak were not measured: " + why);
  }
  size_t n_left_out = 0;
  double seconds_left_out = 0, longest = 0;
  size_t n_skipped = 0;
  for (size_t k = 0; k < sweeps.size(); ++k) {
    const double expected = expected_seconds(run, sweeps[k], rounds);
    bool all_saved = true;
    for (Subject& s : run.subjects)
      if (takes_part(s, sweeps[k]))
        all_saved &= run.services.store->find(key_of(run, s, sweeps[k])).has_value();
    if (k > 0 && !all_saved && run.elapsed() - from + expected > allowed) {
      ++n_left_out;
      seconds_left_out += expected;
      continue;
    }
    for (size_t i = 0; i < run.subjects.size(); ++i) {
      BW_CHECK(run.go_on());
      Subject& s = run.subjects[i];
      if (!takes_part(s, sweeps[k]) || !rounds[i].failure.empty()) continue;
      // Every file is measured once if there is time at all; how long the next takes is guessed from those
      // before.
      const bool late = run.elapsed() - from >= allowed || longest > run.left();
      if (k == 0 && late && !run.services.store->find(key_of(run, s, sweeps[k]))) {
        rounds[i].failure =
            fmt::format("not measured: the budget of {:.0f} s leaves no time for it", run.budget_s);
        ++n_skipped;
        continue;
      }
      const double before = run.elapsed();
      BW_CHECK(measure_one(run, i, sweeps[k], rounds[i]));
      BW_CHECK(pool_rounds(run, s, rounds[i]));
      guess_probe_seconds(s, l);
      longest = std::max(longest, run.elapsed() - before);
    }
  }
  if (n_skipped)
    run.limit(fmt::format("speed: {} of {} files were not measured for lack of time: {}", n_skipped,
                          run.subjects.size(),
                          run.resume_with(longest * double(run.subjects.size()) / kShare)));
  if (n_left_out)
    run.limit(fmt::format(
        "speed: {} of {} sweeps over the files were left out for lack of time, about {:.0f} s: {}",
        n_left_out, sweeps.size(), seconds_left_out,
        run.resume_with((run.elapsed() - from + seconds_left_out) / kShare)));
  const MemoryFindings* reference = run.judgement.reference ? &run.judgement.reference->memory : nullptr;
  for (size_t i = 0; i < run.subjects.size(); ++i) {
    Subject& s = run.subjects[i];
    if (!rounds[i].failure.empty()) {
      run.limit(fmt::format("speed of {}: {}", s.name(), rounds[i].failure));
      if (rounds[i].main.empty()) not_measured(s, rounds[i].failure);
    }
    finish_memory(*s.memory, s.is_reference ? nullptr : reference);
  }
  return {};
}

}  // namespace bw::judge
