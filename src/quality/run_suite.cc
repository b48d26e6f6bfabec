// One deployment through one suite: look up what is finished, run the rest side by side, save each as it
// ends.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "engine/generate.h"
#include "quality/degradation.h"

namespace bw::quality {
namespace {
using engine::Context;
using text::Token;

constexpr size_t shortest_prefix = 32;  // tokens; sharing fewer is not worth a sequence
constexpr size_t max_rows = 256;

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Job {
  const tasks::Item* item = nullptr;
  std::string key;
  std::vector<Token> prompt;
  std::vector<Token> draft;
};

// A sequence for each group whose items to come share a long beginning, dropped at the end. Always leaves the
// context a sequence to work in; groups that find no place run with whole prompts.
class Bases {
 public:
  explicit Bases(Context& context) : context_(context) {}
  ~Bases() {
    for (const auto& [group, base] : bases_) context_.drop(base.seq);
  }
  Bases(const Bases&) = delete;

  struct Base {
    int seq = -1;
    size_t n = 0;
  };
  const Base* find(const std::string& group) const {
    const auto found = bases_.find(group);
    return found == bases_.end() ? nullptr : &found->second;
  }

  // False: `in_time` said no before all of them were read, so nothing may be run.
  Result<bool> open(const std::vector<Job>& jobs, const std::atomic<bool>* cancel,
                    const std::function<bool()>& in_time) {
    std::map<std::string, std::vector<const Job*>> groups;
    for (const Job& j : jobs) groups[j.item->group].push_back(&j);
    std::map<std::string, std::span<const Token>> wanted;
    for (const auto& [group, members] : groups) {
      std::span<const Token> common(members[0]->prompt);
      for (const Job* j : members) {
        const auto differs = std::mismatch(common.begin(), common.end(), j->prompt.begin(), j->prompt.end());
        common = common.first(size_t(differs.first - common.begin()));
        if (common.size() == j->prompt.size())
          common = common.first(common.size() - 1);  // each keeps a token
      }
      if (members.size() < 2 || common.size() < shortest_prefix) continue;
      const auto seq = context_.new_sequence();
      if (!seq) break;
      bases_[group] = {*seq, common.size()};
      wanted[group] = common;
    }
    for (;;) {
      const auto spare = context_.new_sequence();
      if (spare) context_.drop(*spare);
      if (spare || bases_.empty()) break;
      context_.drop(bases_.rbegin()->second.seq);
      bases_.erase(std::prev(bases_.end()));
    }
    for (const auto& [group, base] : bases_) {
      BW_TRY(const bool whole, prefill(group, base.seq, wanted[group], cancel, in_time));
      if (!whole) return false;
    }
    return true;
  }

 private:
  Result<bool> prefill(const std::string& group, int seq, std::span<const Token> tokens,
                       const std::atomic<bool>* cancel, const std::function<bool()>& in_time) {
    std::vector<engine::Row> rows;
    for (size_t at = 0; at < tokens.size(); at += rows.size()) {
      if (cancel && cancel->load(std::memory_order_relaxed))
        return failed("the run of the tasks was interrupted");
      if (!in_time()) return false;
      rows.clear();
      for (const Token t : tokens.subspan(at, std::min(max_rows, tokens.size() - at)))
        rows.push_back({seq, t, false});
      if (auto ok = context_.forward(rows, [](size_t, std::span<const float>) { return Status(); }); !ok)
        return Error{ok.error().code, fmt::format("prompts of {}: {}", group, ok.error().what),
                     ok.error().next};
    }
    return true;
  }

  Context& context_;
  std::map<std::string, Base> bases_;
};

class SuiteRunner {
 public:
  SuiteRunner(const tasks::Suite& suite, const Deployment& d, const RunOptions& o, const SuiteRun* reference)
      : suite_(suite),
        d_(d),
        o_(o),
        reference_(reference),
        clock_(o.seconds ? o.seconds : monotonic_seconds),
        start_(clock_()),
        last_(start_) {
    run_.suite = suite.name();
    run_.deployment_digest = d.digest;
    run_.text_digest = d.text.digest;
  }

  Result<SuiteRun> run() {
    BW_CHECK(gather());
    if (!jobs_.empty()) BW_CHECK(work());
    for (auto& c : finished_)
      if (c) run_.cases.push_back(std::move(*c));
    run_.out_of_time = run_.cases.size() < run_.n_asked && run_.failure.empty();
    return std::move(run_);
  }

 private:
  // Items to run, in suite order; finished ones are taken from the store.
  Status gather() {
    const auto& items = suite_.items();
    const size_t n = std::min(items.size(), o_.n_items ? o_.n_items : suite_.default_items());
    std::map<std::string, const CaseResult*> drafts;
    if (reference_)
      for (const CaseResult& c : reference_->cases) drafts[c.id] = &c;
    for (size_t i = 0; i < n; ++i) {
      const auto draft = drafts.find(items[i].id);
      if (reference_ && draft == drafts.end()) continue;
      Job job{&items[i], case_key(d_.digest, suite_, items[i]), {}, {}};
      finished_.emplace_back();
      if (const auto saved = o_.store ? o_.store->find(job.key) : std::nullopt) {
        BW_TRY(finished_.back(), case_from_json(*saved, d_.text));
        ++run_.n_from_store;
        continue;
      }
      if (reference_)
        job.draft = reference_->text_digest == d_.text.digest ? draft->second->tokens
                                                              : d_.text.encode(draft->second->output);
      auto prompt = d_.text.prompt(suite_.prompt(items[i]));
      if (!prompt) return named(items[i].id, prompt.error());
      if (prompt->empty()) return named(items[i].id, bad_input("its prompt has no tokens"));
      job.prompt = std::move(*prompt);
      place_.push_back(finished_.size() - 1);
      jobs_.push_back(std::move(job));
    }
    run_.n_asked = finished_.size();
    n_done_ = run_.n_from_store;
    if (o_.progress) o_.progress(n_done_, run_.n_asked);
    return {};
  }

  Status work() {
    const auto in_time = [this] { return clock_() - start_ < o_.budget_seconds; };
    if (!in_time()) return {};
    Bases bases(*d_.context);
    const auto open = bases.open(jobs_, o_.cancel, in_time);
    if (!open) return ended(open.error());
    if (!*open) return {};
    std::vector<engine::Request> requests;
    for (const Job& j : jobs_) {
      engine::Request& r = requests.emplace_back();
      const Bases::Base* base = bases.find(j.item->group);
      const size_t shared = base ? base->n : 0;
      r.name = j.item->id;
      r.base = base ? base->seq : -1;
      r.prompt.assign(j.prompt.begin() + long(shared), j.prompt.end());
      r.max_tokens = suite_.max_output_tokens();
      r.stop = d_.text.stop;
      r.stop_when = [this, before = j.prompt.back()](std::span<const Token> out) {
        return suite_.complete(d_.text.decode(out, before));
      };
      r.draft = j.draft;
    }
    Status saved;
    const auto done = [&](size_t i, const engine::Completion& c) {
      if (saved) saved = keep(i, c);
    };
    const engine::GenerateControl control{.cancel = o_.cancel,
                                          .admit = [&](size_t) { return saved && in_time(); }};
    const auto completions = engine::generate(*d_.context, {}, requests, done, control);
    if (!saved) return saved;
    if (!completions) return ended(completions.error());
    return {};
  }

  Status ended(const Error& e) {
    if (o_.cancel && o_.cancel->load(std::memory_order_relaxed)) return named("", e);
    run_.failure = named("", e).what;
    return {};
  }

  Status keep(size_t i, const engine::Completion& completion) {
    const tasks::Item& item = *jobs_[i].item;
    CaseResult c;
    c.id = item.id;
    c.category = item.category;
    c.group = item.group;
    c.tokens = completion.tokens;
    c.n_output_tokens = uint32_t(c.tokens.size());
    c.after = jobs_[i].prompt.back();
    c.output = d_.text.decode(c.tokens, c.after);
    c.n_draft_accepted = completion.n_draft_accepted;
    const tasks::Check check = suite_.check(item, c.output);
    c.accepted = check.accepted;
    c.truth = check.truth;
    c.score = check.score;
    c.detail = check.detail;
    const double now = clock_();
    c.seconds = now - std::exchange(last_, now);
    run_.n_draft_tokens += jobs_[i].draft.size();
    run_.n_draft_accepted += c.n_draft_accepted;
    if (o_.store) BW_CHECK(o_.store->save(jobs_[i].key, to_json(c)));
    finished_[place_[i]] = std::move(c);
    if (o_.progress) o_.progress(++n_done_, run_.n_asked);
    return {};
  }

  Error named(const std::string& item, const Error& e) const {
    return {e.code, fmt::format("{}: {}{}{}", d_.name, item, item.empty() ? "" : ": ", e.what), e.next};
  }

  const tasks::Suite& suite_;
  const Deployment& d_;
  const RunOptions& o_;
  const SuiteRun* reference_;
  const std::function<double()> clock_;
  const double start_;
  double last_;
  SuiteRun run_;
  std::vector<std::optional<CaseResult>> finished_;  // every asked item, in suite order
  std::vector<Job> jobs_;                            // those not in the store
  std::vector<size_t> place_;                        // of a job in finished_
  size_t n_done_ = 0;
};
}  // namespace

Result<SuiteRun> run_suite(const tasks::Suite& suite, const Deployment& deployment, const RunOptions& options,
                           const SuiteRun* reference) {
  return SuiteRunner(suite, deployment, options, reference).run();
}

}  // namespace bw::quality
