// Step compare: divergence as a screen, then the tasks. The reference is loaded once and stays; candidates
// come in groups as large as memory allows, so that one pass of the reference serves them all.
#include <algorithm>
#include <map>

#include "base/file.h"
#include "base/hash.h"
#include "judge/loaded.h"
#include "quality/divergence.h"

namespace bw::judge {
namespace {

constexpr double kScreenShare = 0.25;  // of this step's time, at most, for the divergence
constexpr uint32_t kMostChunks = 8, kFewestChunks = 2;
constexpr double kLeastSeconds = 10;  // for the reference's answers, whatever its share would be
constexpr const char* kOutOfTime = "the budget ended before it";
constexpr double kUnknownTimes = 4;   // the budget to try next where not one item was finished
constexpr double kSlowPrefill = 100;  // tokens/s assumed of a file whose speed was not measured

class Comparer {
 public:
  explicit Comparer(Run& run) : run_(run) {}

  Status all() {
    limit_ = run_.judgement.host.memory_limit.known()
                 ? static_cast<uint64_t>(run_.judgement.host.memory_limit.value)
                 : UINT64_MAX;
    seconds_ = std::max(0.0, run_.left());
    weights_left_ = 0;
    for (const Subject& s : run_.subjects) weights_left_ += weight(s);
    BW_CHECK(load_reference());
    std::vector<Subject*> waiting;
    for (Subject& s : run_.subjects)
      if (!s.is_reference) waiting.push_back(&s);
    while (!waiting.empty()) BW_CHECK(next_group(waiting));
    BW_CHECK(decide());
    return {};
  }

 private:
  // What a deployment costs relative to the reference: drafts make a near candidate cheap; a control writes
  // on.
  static double weight(const Subject& s) { return s.is_reference ? 1 : s.is_control() ? 1.2 : 0.7; }

  void cannot(Subject& s, const std::string& why) {
    weights_left_ -= weight(s);
    if (s.is_reference) {
      no_reference_ = "the reference cannot be run: " + why;
      run_.limit("degradation: " + no_reference_);
    } else {
      s.candidate->degradation.divergence_unknown = why;
      run_.limit(fmt::format("degradation of {}: {}", s.name(), why));
    }
  }

  Status load_reference() {
    Subject* s = run_.reference();
    if (!s) {
      no_reference_ = "no reference";
      run_.limit(
          "degradation: no reference was given, so nothing can be compared: get the same model in more bits "
          "(F16, BF16 or Q8_0) and name it with --reference");
      return {};
    }
    engine::ContextOptions options;
    if (!s->cannot_run.empty()) return cannot(*s, s->cannot_run), Status();
    auto l = prepare(run_, *s, options);
    if (!l) return cannot(*s, l.error().what), Status();
    BW_TRY(reference_bytes_, bytes_of(run_, *s, options));
    if (reference_bytes_ > limit_) return cannot(*s, "it does not fit into memory"), Status();
    BW_CHECK(load_in_time(*l, options));
    reference_never_loaded_ = !l->context;
    reference_ = std::make_unique<Loaded>(std::move(*l));
    return {};
  }

  // Late, it stays without weights: what an earlier run saved of it is found all the same.
  Status load_in_time(Loaded& l, const engine::ContextOptions& options) {
    if (!run_.in_time()) return {};
    run_.unit = "loading " + l.subject->name();
    return load(run_, l, options);
  }

  Status run_reference() {
    if (!reference_ || !reference_->runs.empty()) return {};
    const double before = run_.elapsed();
    BW_CHECK(run_suites(*reference_, nullptr));
    reference_seconds_ = run_.elapsed() - before;
    return {};
  }

  // Takes from `waiting` as many as memory holds beside the reference, at least one.
  Status next_group(std::vector<Subject*>& waiting) {
    std::vector<Loaded> group;
    uint64_t used = reference_ ? reference_bytes_ : 0;
    while (!waiting.empty()) {
      Subject& s = *waiting.front();
      if (!s.cannot_run.empty()) {
        cannot(s, s.cannot_run);
        waiting.erase(waiting.begin());
        continue;
      }
      engine::ContextOptions options;
      auto l = prepare(run_, s, options);
      if (!l) {
        if (l.error().code == Code::failed) return l.error();
        cannot(s, l.error().what);
        waiting.erase(waiting.begin());
        continue;
      }
      BW_TRY(const uint64_t bytes, bytes_of(run_, s, options));
      if (used + bytes > limit_ && !group.empty()) break;
      if (used + bytes > limit_ && reference_ && reference_->context) {
        // Both do not fit at once: the reference is run and let go; its answers are enough for the tasks.
        BW_CHECK(run_reference());
        reference_->context.reset();
        reference_->model.reset();
        run_.limit("divergence: reference and candidate do not fit into memory together");
        used = 0;
        reference_bytes_ = 0;
      }
      waiting.erase(waiting.begin());
      if (used + bytes > limit_) {
        cannot(s, "it does not fit into memory");
        continue;
      }
      BW_CHECK(run_.go_on());
      BW_CHECK(load_in_time(*l, options));
      used += bytes;
      group.push_back(std::move(*l));
    }
    if (group.empty()) return {};
    BW_CHECK(screen(group));
    BW_CHECK(run_reference());  // after the first screen, whose time it must leave out of its share
    // The control first: without it no other may be called equivalent, should time end.
    std::stable_sort(group.begin(), group.end(), [](const Loaded& a, const Loaded& b) {
      return a.subject->is_control() > b.subject->is_control();
    });
    for (Loaded& l : group) {
      BW_CHECK(run_suites(l, reference_.get()));
      l.context.reset();
      l.model.reset();
      done_.push_back(std::move(l));
    }
    return {};
  }

  // ---- divergence
  // 0: even the fewest would take more than half of what is left.
  uint32_t n_chunks(const std::vector<Loaded*>& with) const {
    double seconds = 0;  // of one chunk through all
    const auto add = [&](const Subject& s) {
      const Figure& f = s.speed->report.prefill_tokens_per_s;
      seconds += kPassage / (f.known() && f.value > 0 ? f.value : kSlowPrefill);
    };
    add(*reference_->subject);
    for (const Loaded* l : with) add(*l->subject);
    if (kFewestChunks * seconds > 0.5 * run_.left()) return 0;
    const double fit = kScreenShare * seconds_ / seconds;
    return static_cast<uint32_t>(std::clamp(fit, double{kFewestChunks}, double{kMostChunks}));
  }

  // Why a candidate's divergence is not measured; empty where it is.
  std::string not_screened(const Loaded& l) const {
    if (!reference_) return no_reference_;
    if (reference_never_loaded_) return kOutOfTime;
    if (!reference_->context) return "reference and candidate do not fit into memory together";
    if (l.tokenizer->digest() != reference_->tokenizer->digest()) return "other vocabulary";
    if (!l.context) return kOutOfTime;
    return {};
  }

  Status screen(std::vector<Loaded>& group) {
    std::vector<Loaded*> with;
    for (Loaded& l : group) {
      std::string why = not_screened(l);
      if (why.empty())
        with.push_back(&l);
      else
        l.subject->candidate->degradation.divergence_unknown = std::move(why);
    }
    if (with.empty()) return {};
    BW_TRY(const std::string path, tasks::wikitext_path(run_.data_dir));
    BW_TRY(const std::string text, read_text(path));
    quality::DivergenceOptions options;
    options.chunk = kPassage;
    options.n_chunks = n_chunks(with);
    if (options.n_chunks == 0) {
      for (Loaded* l : with) l->subject->candidate->degradation.divergence_unknown = kOutOfTime;
      run_.limit(fmt::format("divergence: not run, there was no time for {} passages: {}", kFewestChunks,
                             run_.resume_with(run_.budget_s * 2)));
      return {};
    }
    run_.unit = "the divergence";
    const auto key = [&](const Loaded& l) {
      return "divergence/" + sha256_hex(fmt::format("BN1 {} {} {} {}", reference_->deployment.digest,
                                                    l.deployment.digest, path, options.n_chunks));
    };
    std::vector<Loaded*> pending;
    for (Loaded* l : with) {
      const auto saved = run_.services.store->find(key(*l));
      auto d = saved ? quality::divergence_from_json(*saved) : Result<quality::Divergence>(failed(""));
      if (!d) {
        pending.push_back(l);
        continue;
      }
      divergences_[l->subject] = *std::move(d);
      ++run_.n_reused;
    }
    if (pending.empty()) return {};
    const text::Tokenizer& tokenizer = *reference_->tokenizer;
    const text::Vocab& vocab = tokenizer.vocab();
    options.bos = vocab.add_bos ? vocab.bos : -1;
    options.n_threads = run_.judgement.host.n_threads;
    options.cancel = run_.services.cancel;
    options.progress = [&](uint64_t done, uint64_t total) {
      run_.progress("compare",
                    fmt::format("divergence of {}",
                                pending.size() == 1 ? pending[0]->subject->name() : "all candidates"),
                    total ? static_cast<double>(done) / static_cast<double>(total) : -1);
    };
    const auto tokens = quality::first_tokens(tokenizer, text, size_t{options.n_chunks} * kPassage);
    std::vector<engine::Context*> contexts;
    contexts.reserve(pending.size());
    for (Loaded* l : pending) contexts.push_back(l->context.get());
    auto all = quality::divergence(*reference_->context, contexts, tokens, options);
    BW_CHECK(run_.go_on());
    if (!all) {
      for (Loaded* l : pending) l->subject->candidate->degradation.divergence_unknown = all.error().what;
      run_.limit("divergence: " + all.error().what);
      return {};
    }
    for (size_t i = 0; i < pending.size(); ++i) {
      BW_CHECK(run_.services.store->save(key(*pending[i]), quality::to_json((*all)[i])));
      divergences_[pending[i]->subject] = std::move((*all)[i]);
    }
    return {};
  }

  // ---- tasks
  Status run_suites(Loaded& l, const Loaded* reference) {
    const double share = weight(*l.subject) / std::max(weights_left_, 1e-9);
    weights_left_ -= weight(*l.subject);
    // A candidate that answers nothing could not be judged at all, so it gets what its weight says of the
    // time that the reference took, while there is time.
    const double least = reference ? reference_seconds_ * weight(*l.subject) : kLeastSeconds;
    const double left = l.context ? std::max(0.0, run_.left()) : 0;
    const double seconds =
        std::min(left, std::max(least, left * share)) / static_cast<double>(run_.tasks.size());
    if (seconds > 0) run_.unit = "the items of " + l.subject->name() + " under way";
    for (size_t i = 0; i < run_.tasks.size(); ++i) {
      TaskRun& t = run_.tasks[i];
      quality::RunOptions options;
      options.n_items = t.n_items;
      options.budget_seconds = seconds;
      options.cancel = run_.services.cancel;
      options.store = run_.services.store;
      options.progress = [&](size_t done, size_t total) {
        run_.progress("compare",
                      fmt::format("{}: {}, {} of {} items", l.subject->name(), t.task->category, done, total),
                      total ? static_cast<double>(done) / static_cast<double>(total) : -1);
      };
      const double before = run_.elapsed();
      auto r = quality::run_suite(*t.suite, l.deployment, options, reference ? &reference->runs[i] : nullptr);
      BW_CHECK(run_.go_on());
      if (!r) return r.error();
      run_.n_reused += static_cast<uint32_t>(r->n_from_store);
      const size_t fresh = r->cases.size() - std::min(r->cases.size(), r->n_from_store);
      if (fresh) t.options.seconds_per_item += (run_.elapsed() - before) / double(fresh);
      if (!r->failure.empty())
        run_.limit(fmt::format("{} ended after {} of {} items: {}", t.task->category, r->cases.size(),
                               r->n_asked, r->failure));
      if (r->out_of_time) {
        // Where none was finished nothing is known of how long they take.
        const double times = r->cases.empty() ? kUnknownTimes : double(r->n_asked) / double(r->cases.size());
        run_.limit(fmt::format("{} of {}: {} of {} items were finished in the time there was: {}",
                               t.task->category, l.subject->name(), r->cases.size(), r->n_asked,
                               run_.resume_with(run_.budget_s * times)));
      }
      l.runs.push_back(std::move(*r));
    }
    return {};
  }

  Status decide() {
    if (done_.empty()) return {};
    for (size_t i = 0; i < run_.tasks.size(); ++i) {
      TaskRun& t = run_.tasks[i];
      if (!reference_) {
        for (Loaded& l : done_) {
          quality::DegradationReport& d = l.subject->candidate->degradation;
          for (const auto& [category, plan] : t.plan.categories)
            d.categories[category] = absolute(category, l.runs[i], t, no_reference_);
          d.cases.insert(d.cases.end(), l.runs[i].cases.begin(), l.runs[i].cases.end());
        }
        continue;
      }
      auto& kept = run_.judgement.reference->cases;
      kept.insert(kept.end(), reference_->runs[i].cases.begin(), reference_->runs[i].cases.end());
      std::vector<quality::CandidateRun> runs;
      for (const Loaded& l : done_) runs.push_back({l.subject->name(), &l.runs[i], l.subject->is_control()});
      BW_TRY(auto reports, quality::decide(reference_->runs[i], runs, t.plan, t.options));
      for (size_t k = 0; k < reports.size(); ++k)
        merge(done_[k].subject->candidate->degradation, std::move(reports[k]), i == 0);
    }
    for (auto& [subject, d] : divergences_) subject->candidate->degradation.divergence = std::move(d);
    return {};
  }

  static void merge(quality::DegradationReport& into, quality::DegradationReport from, bool first) {
    into.categories.merge(from.categories);
    into.cases.insert(into.cases.end(), from.cases.begin(), from.cases.end());
    into.control_was_worse = from.control_was_worse && (first || into.control_was_worse);
    into.control_note += (into.control_note.empty() ? "" : "; ") + from.control_note;
  }

  Run& run_;
  uint64_t limit_ = 0, reference_bytes_ = 0;
  double seconds_ = 0, weights_left_ = 0, reference_seconds_ = 0;
  bool reference_never_loaded_ = false;
  std::string no_reference_;
  std::unique_ptr<Loaded> reference_;
  std::vector<Loaded> done_;
  std::map<Subject*, quality::Divergence> divergences_;
};

}  // namespace

Status compare(Run& run) {
  return Comparer(run).all();
}

}  // namespace bw::judge
