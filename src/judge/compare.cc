// Step compare: divergence as a screen, then the tasks. The reference is loaded once and stays; candidates
// come in groups as large as memory allows, so that one pass of the reference serves them all.
#include <algorithm>
#include <map>

#include "base/file.h"
#include "base/hash.h"
#include "gguf/vocab.h"
#include "judge/run.h"
#include "quality/divergence.h"

namespace bw::judge {
namespace {

constexpr uint32_t kSideBySide = 8;  // items decoded together: past it a small machine gains little
constexpr uint32_t kPage = 256;      // positions a KV page holds (BN1 section 7): sequences take whole pages
constexpr double kScreenShare = 0.25;  // of this step's time, at most, for the divergence
constexpr uint32_t kMostChunks = 8, kFewestChunks = 2, kChunk = 512;
constexpr double kLeastSeconds = 10;  // for the reference's answers, however late it is
constexpr double kSlowPrefill = 100;  // tokens/s assumed of a file whose speed was not measured

struct Loaded {
  Subject* subject = nullptr;
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::shared_ptr<engine::Model> model;
  std::unique_ptr<engine::Context> context;
  quality::Deployment deployment;
  std::vector<quality::SuiteRun> runs;  // by task
};

uint32_t pages(size_t n) {
  return static_cast<uint32_t>((n + kPage - 1) / kPage);
}

// Room for every suite's prompts: a sequence a group of shared prefixes, kSideBySide to work in, one for the
// screen.
Result<engine::ContextOptions> context_for(const Run& run, const text::Tokenizer& tokenizer) {
  const quality::TextSide text = quality::text_side(tokenizer);
  engine::ContextOptions options;
  options.n_ctx = kChunk;
  options.n_seq = 0;
  uint32_t n_pages = 0;
  for (const TaskRun& t : run.tasks) {
    std::map<std::string, size_t> longest;
    for (size_t i = 0; i < t.n_items; ++i) {
      const tasks::Item& item = t.suite->items()[i];
      BW_TRY(const auto prompt, text.prompt(t.suite->prompt(item)));
      size_t& n = longest[item.group];
      n = std::max(n, prompt.size());
    }
    uint32_t here = 0, most = 0;
    for (const auto& [group, n] : longest) {
      const uint32_t whole = static_cast<uint32_t>(n) + t.suite->max_output_tokens() + 1;
      options.n_ctx = std::max(options.n_ctx, whole);
      most = std::max(most, pages(whole));
      here += pages(n);
    }
    n_pages = std::max(n_pages, here + kSideBySide * most);
    options.n_seq = std::max(options.n_seq, static_cast<uint32_t>(longest.size()) + kSideBySide);
  }
  options.n_seq += 1;
  options.n_kv = uint64_t{n_pages + pages(kChunk)} * kPage;
  return options;
}

Result<uint64_t> bytes_of(const Run& run, Subject& s, const engine::ContextOptions& options) {
  BW_TRY(const engine::MemoryPlan p, engine::plan(s.file, options, run.judgement.host.n_threads));
  return p.total();
}

Result<std::unique_ptr<text::Tokenizer>> tokenizer_of(const Subject& s) {
  BW_TRY(text::Vocab vocab, gguf::vocab(s.file));
  BW_TRY(text::Tokenizer t, text::Tokenizer::make(std::move(vocab)));
  return std::make_unique<text::Tokenizer>(std::move(t));
}

// Everything but the weights: what can be known, and refused, before the long part.
Result<Loaded> prepare(Run& run, Subject& s, engine::ContextOptions& options) {
  Loaded l;
  l.subject = &s;
  BW_TRY(l.tokenizer, tokenizer_of(s));
  BW_TRY(options, context_for(run, *l.tokenizer));
  return l;
}

Status load(Run& run, Loaded& l, const engine::ContextOptions& options) {
  engine::LoadOptions load_options;
  load_options.n_threads = static_cast<int>(run.in.scenario.load.threads);
  load_options.progress = [&](uint64_t done, uint64_t total) {
    run.progress("compare", l.subject->name() + ": loading",
                 total ? static_cast<double>(done) / static_cast<double>(total) : -1);
  };
  BW_TRY(l.model, engine::load(l.subject->file, load_options));
  BW_TRY(l.context, engine::make_context(l.model, options));
  run.judgement.host.isa = l.model->isa();
  run.judgement.host.n_threads = l.model->n_threads();
  l.deployment = {l.subject->name(), l.subject->sha256 + " kv=f16", l.context.get(),
                  quality::text_side(*l.tokenizer)};
  return {};
}

class Comparer {
 public:
  explicit Comparer(Run& run) : run_(run) {}

  Status all() {
    limit_ = run_.judgement.host.memory_limit.known()
                 ? static_cast<uint64_t>(run_.judgement.host.memory_limit.value)
                 : UINT64_MAX;
    // A measurement that ran late must not leave nothing for the tasks, which decide.
    seconds_ = std::max(run_.left(), run_.budget_s / 2);
    until_ = run_.elapsed() + seconds_;
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
    BW_CHECK(load(run_, *l, options));
    reference_ = std::make_unique<Loaded>(std::move(*l));
    return {};
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
      BW_CHECK(load(run_, *l, options));
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
  uint32_t n_chunks(const std::vector<Loaded*>& with) const {
    double seconds = 0;  // of one chunk through all
    const auto add = [&](const Subject& s) {
      const Figure& f = s.speed->report.prefill_tokens_per_s;
      seconds += kChunk / (f.known() && f.value > 0 ? f.value : kSlowPrefill);
    };
    add(*reference_->subject);
    for (const Loaded* l : with) add(*l->subject);
    const double fit = kScreenShare * seconds_ / seconds;
    return static_cast<uint32_t>(std::clamp(fit, double{kFewestChunks}, double{kMostChunks}));
  }

  Status screen(std::vector<Loaded>& group) {
    std::vector<Loaded*> with;
    for (Loaded& l : group) {
      std::string& why = l.subject->candidate->degradation.divergence_unknown;
      if (!reference_)
        why = no_reference_;
      else if (!reference_->context)
        why = "reference and candidate do not fit into memory together";
      else if (l.tokenizer->digest() != reference_->tokenizer->digest())
        why = "other vocabulary";
      else
        with.push_back(&l);
    }
    if (with.empty()) return {};
    BW_TRY(const std::string path, tasks::wikitext_path(run_.data_dir));
    BW_TRY(const std::string text, read_text(path));
    quality::DivergenceOptions options;
    options.chunk = kChunk;
    options.n_chunks = n_chunks(with);
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
    const auto tokens = quality::first_tokens(tokenizer, text, size_t{options.n_chunks} * kChunk);
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
    // time that the reference took, even past the end.
    const double least = reference ? reference_seconds_ * weight(*l.subject) : kLeastSeconds;
    const double seconds =
        std::max(least, (until_ - run_.elapsed()) * share) / static_cast<double>(run_.tasks.size());
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
      if (r->out_of_time)
        run_.limit(fmt::format(
            "{} of {}: {} of {} items were finished in the time there was: {}", t.task->category,
            l.subject->name(), r->cases.size(), r->n_asked,
            resume_with(run_.budget_s * double(r->n_asked) / double(std::max<size_t>(1, r->cases.size())))));
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
  double seconds_ = 0, until_ = 0, weights_left_ = 0, reference_seconds_ = 0;
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
