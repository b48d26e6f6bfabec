// Many requests over one Context. Each place is a sequence that holds the shared prefix, then one request
// after another, cut back in between. Every pass takes the next rows of all places; nothing is read from the
// logits but each wanted row's next token, so a pass that fails can be undone and repeated in smaller parts.
#include "engine/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace bw::engine {
namespace {
constexpr size_t max_rows =
    256;  // of a pass: long enough to be efficient, short enough not to delay neighbours
constexpr size_t nobody = ~size_t(0);

// A place and the request in it. `feed` holds what is known to follow: the prompt and the draft, or the last
// token.
struct Place {
  int seq = -1;   // -1: closed for good, there is no room for it
  int base = -1;  // forked from this sequence of the caller's; -1: holds the shared prefix
  size_t request = nobody;
  std::vector<Token> feed;
  size_t fed = 0;                    // of feed, already in the sequence
  size_t first_wanted = 0;           // index in feed from which logits are wanted
  size_t draft_from = 0;             // index in feed from which it is a guess (feed.size() if nothing is)
  size_t n_take = 0;                 // rows in the pass being built
  std::vector<Token> before;         // the prompt, as far as a penalty may look back
  std::vector<Token> next;           // of this pass: the choice after each wanted row
  std::vector<LogProbs> next_probs;  // of those, where asked for
};

class Run {
 public:
  Run(Context& context, std::span<const Token> prefix, std::span<const Request> requests,
      const std::function<void(size_t, const Completion&)>& done, const GenerateControl& control)
      : context_(context),
        prefix_(prefix),
        requests_(requests),
        done_(done),
        control_(control),
        completions_(requests.size()) {}
  ~Run() {
    for (const Place& p : places_)
      if (p.seq >= 0) context_.drop(p.seq);
  }
  Run(const Run&) = delete;

  Result<std::vector<Completion>> run() {
    BW_CHECK(validate());
    if (requests_.empty()) return std::move(completions_);
    BW_CHECK(open_places());
    for (;;) {
      if (cancelled() && (n_busy() > 0 || more())) return interrupted();
      for (Place& p : places_) BW_CHECK(refill(p));
      const std::vector<Place*> active = plan_pass();
      if (active.empty()) return std::move(completions_);
      BW_CHECK(pass(active));
    }
  }

 private:
  bool cancelled() const { return control_.cancel && control_.cancel->load(std::memory_order_relaxed); }
  long n_busy() const {
    return std::count_if(places_.begin(), places_.end(), [](const Place& p) { return p.request != nobody; });
  }
  bool more() const { return !postponed_.empty() || next_request_ < requests_.size(); }
  static Error interrupted() { return failed("generation was interrupted", "what had finished is kept"); }
  uint64_t elapsed_ns() const {
    return uint64_t(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start_)
            .count());
  }

  std::string name(size_t request) const {
    const std::string& n = requests_[request].name;
    return n.empty() ? fmt::format("request {}", request) : n;
  }
  // `e`, with whose it is in front.
  static Error belongs_to(const std::string& whose, const Error& e) {
    return {e.code, fmt::format("{}: {}", whose, e.what), e.next};
  }

  Status validate() const {
    for (size_t i = 0; i < requests_.size(); ++i) {
      const Request& r = requests_[i];
      if (r.prompt.empty() && prefix_.empty())
        return bad_input(fmt::format("{}: the prompt is empty; a model continues something", name(i)));
      if (r.base >= 0 && !prefix_.empty())
        return bad_input(
            fmt::format("{}: has a base of its own beside a shared prefix; give one of them", name(i)));
      if (auto ok = check(r.sampler); !ok) return belongs_to(name(i), ok.error());
      if (r.base >= 0 && r.sampler.repeat_penalty != 1)
        return bad_input(
            fmt::format("{}: repeat_penalty over a base, whose tokens are not known here", name(i)),
            "give the whole prompt, or use frequency_penalty");
      if (r.top_log_probs > max_top_log_probs)
        return bad_input(fmt::format("{}: top_log_probs: expected at most {}, found {}", name(i),
                                     max_top_log_probs, r.top_log_probs));
    }
    return {};
  }

  Result<int> open(int base) {
    if (base >= 0) return context_.fork(base, context_.length(base));
    if (places_.empty() || prefix_.empty()) return context_.new_sequence();
    return context_.fork(places_[0].seq, uint32_t(prefix_.size()));
  }

  // One place a request while the context has sequences; running out of them only means fewer places. The
  // first place prefills the shared prefix, the others fork it from there.
  Status open_places() {
    for (size_t i = 0; i < requests_.size(); ++i) {
      auto seq = open(requests_[i].base);
      if (!seq && places_.empty()) return belongs_to(name(i), seq.error());
      if (!seq) break;
      Place& p = places_.emplace_back();
      p.seq = *seq;
      p.base = requests_[i].base;
      if (i == 0) BW_CHECK(prefill(p.seq));
    }
    return {};
  }

  Status prefill(int seq) {
    std::vector<Row> rows;
    for (size_t at = 0; at < prefix_.size(); at += rows.size()) {
      if (cancelled()) return interrupted();
      rows.clear();
      for (size_t i = at; i < std::min(at + max_rows, prefix_.size()); ++i)
        rows.push_back({seq, prefix_[i], false});
      if (auto ok = context_.forward(rows, [](size_t, std::span<const float>) { return Status(); }); !ok)
        return belongs_to("shared prefix of all requests", ok.error());
    }
    return {};
  }

  void finish(Place& p, Completion::Reason reason) {
    Completion& c = completions_[p.request];
    c.reason = reason;
    c.ns_total = elapsed_ns();
    const size_t request = p.request;
    p.request = nobody;
    if (done_) done_(request, c);
  }

  // The next request that may start; nobody where none may.
  size_t take() {
    if (!postponed_.empty()) {
      const size_t i = postponed_.back();
      postponed_.pop_back();
      return i;
    }
    while (next_request_ < requests_.size()) {
      const size_t i = next_request_++;
      if (!closed_ && control_.admit && !control_.admit(i)) closed_ = true;
      if (!closed_) return i;
      completions_[i].reason = Completion::Reason::not_run;
    }
    return nobody;
  }

  // Where neighbours hold what this place lacks, it is closed and its request begins again in another.
  bool give_way(Place& p) {
    if (n_busy() < 2) return false;
    postponed_.push_back(p.request);
    completions_[p.request] = {};
    p.request = nobody;
    if (p.seq >= 0) context_.drop(std::exchange(p.seq, -1));
    return true;
  }

  Status refill(Place& p) {
    while (p.request == nobody && p.seq >= 0) {
      const size_t i = p.request = take();
      if (i == nobody) return {};
      const Request& r = requests_[i];
      const size_t n_before = r.base >= 0 ? context_.length(r.base) : prefix_.size();
      completions_[i].n_prompt = uint32_t(n_before + r.prompt.size());
      if (r.max_tokens == 0) {
        finish(p, Completion::Reason::length);
        continue;
      }
      if (p.base != r.base) {
        context_.drop(std::exchange(p.seq, -1));
        auto seq = open(r.base);
        if (!seq && give_way(p)) return {};
        if (!seq) return belongs_to(name(i), seq.error());
        p.seq = *seq;
        p.base = r.base;
      }
      // With nothing after the prefix, its last token is given again: somebody's logits must be wanted.
      const bool bare = r.prompt.empty();
      context_.truncate(p.seq, uint32_t(n_before - (bare ? 1 : 0)));
      p.feed = bare ? std::vector<Token>{prefix_.back()} : r.prompt;
      p.fed = 0;
      p.before.clear();
      if (r.sampler.repeat_penalty != 1) {
        p.before.assign(prefix_.begin(), prefix_.end());
        p.before.insert(p.before.end(), r.prompt.begin(), r.prompt.end());
      }
      p.first_wanted = p.feed.size() - 1;
      p.draft_from = p.feed.size();
      const size_t n_draft =
          std::min<size_t>(r.draft.size(), r.max_tokens - 1);  // the last token is never fed
      p.feed.insert(p.feed.end(), r.draft.begin(), r.draft.begin() + long(n_draft));
    }
    return {};
  }

  // Decides n_take of every place: decoding first, then prompts in request order, max_rows in all.
  std::vector<Place*> plan_pass() {
    std::vector<Place*> active;
    for (Place& p : places_)
      if (p.request != nobody) active.push_back(&p);
    std::sort(active.begin(), active.end(), [](const Place* a, const Place* b) {
      const bool long_a = a->feed.size() - a->fed > 1, long_b = b->feed.size() - b->fed > 1;
      return long_a != long_b ? !long_a : a->request < b->request;
    });
    size_t left = max_rows;
    for (Place* p : active) {
      p->n_take = std::min(left, p->feed.size() - p->fed);
      left -= p->n_take;
    }
    std::erase_if(active, [](const Place* p) { return p->n_take == 0; });
    return active;
  }

  Status forward(std::span<Place* const> active) {
    std::vector<Row> rows;
    std::vector<Place*> owner;
    for (Place* p : active) {
      p->next.clear();
      p->next_probs.clear();
      for (size_t i = p->fed; i < p->fed + p->n_take; ++i) {
        rows.push_back({p->seq, p->feed[i], i >= p->first_wanted});
        owner.push_back(p);
      }
    }
    return context_.forward(rows, [&](size_t row, std::span<const float> logits) -> Status {
      Place& p = *owner[row];
      const Request& r = requests_[p.request];
      const Completion& c = completions_[p.request];
      const uint32_t position = uint32_t(c.n_prompt + c.tokens.size() + p.next.size());
      std::vector<Token> output;  // so far, should all guesses be right; where not, the choice is thrown away
      if (r.sampler.changes_logits()) {
        output = c.tokens;
        output.insert(output.end(), p.next.begin(), p.next.end());
      }
      BW_TRY(const Token token, sample(logits, r.sampler, position, {p.before, output}));
      p.next.push_back(token);
      if (r.log_probs) p.next_probs.push_back(log_probs(logits, token, r.top_log_probs));
      return {};
    });
  }

  // Runs the planned rows. What fails together is tried apart; what fails with a guess, without it: plain
  // decoding would not have gone there.
  Status pass(std::span<Place* const> active) {
    std::vector<uint32_t> lengths;
    for (const Place* p : active) lengths.push_back(context_.length(p->seq));
    auto ok = forward(active);
    if (ok) {
      for (Place* p : active) accept(*p);
      return {};
    }
    for (size_t i = 0; i < active.size(); ++i) context_.truncate(active[i]->seq, lengths[i]);
    if (active.size() > 1) {
      for (Place* p : active) BW_CHECK(pass(std::span(&p, 1)));
      return {};
    }
    Place& p = *active[0];
    // Up to here nothing is guessed: a choice made in an earlier pass confirmed the next row to be fed.
    const size_t known = std::max(p.draft_from, p.fed + 1);
    if (p.fed + p.n_take > known) {
      p.feed.resize(known);
      p.n_take = known - p.fed;
      return pass(active);
    }
    if (give_way(p)) return {};
    return belongs_to(name(p.request), ok.error());
  }

  // Takes the choices of a pass as output, as far as the rows behind them were the right ones.
  void accept(Place& p) {
    const Request& r = requests_[p.request];
    Completion& c = completions_[p.request];
    size_t after = std::max(p.fed, p.first_wanted);  // index in feed of the row this choice follows
    p.fed += p.n_take;
    for (size_t i = 0; i < p.next.size(); ++i) {
      const Token token = p.next[i];
      if (c.tokens.empty()) c.ns_first = elapsed_ns();
      if (std::find(r.stop.begin(), r.stop.end(), token) != r.stop.end())
        return finish(p, Completion::Reason::stop);
      c.tokens.push_back(token);
      if (r.log_probs) c.log_probs.push_back(std::move(p.next_probs[i]));
      const bool stops = r.stop_when && r.stop_when(c.tokens);
      const bool as_guessed = ++after < p.feed.size() && p.feed[after] == token;
      const size_t at = c.tokens.size() - 1;
      if (c.n_draft_accepted == at && at < r.draft.size() && r.draft[at] == token) ++c.n_draft_accepted;
      if (stops) return finish(p, Completion::Reason::stop);
      if (c.tokens.size() >= r.max_tokens) return finish(p, Completion::Reason::length);
      if (as_guessed) continue;
      // Rows behind a wrong guess are forgotten; decoding goes on from here.
      if (p.fed > after) context_.truncate(p.seq, uint32_t(context_.length(p.seq) - (p.fed - after)));
      p.feed.assign(1, token);
      p.fed = p.first_wanted = 0;
      p.draft_from = 1;
      return;
    }
  }

  Context& context_;
  std::span<const Token> prefix_;
  std::span<const Request> requests_;
  const std::function<void(size_t, const Completion&)>& done_;
  const GenerateControl& control_;
  std::vector<Completion> completions_;
  std::vector<Place> places_;
  size_t next_request_ = 0;
  std::vector<size_t> postponed_;  // begun, and to begin again
  bool closed_ = false;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};
}  // namespace

Result<std::vector<Completion>> generate(Context& context, std::span<const Token> prefix,
                                         std::span<const Request> requests,
                                         const std::function<void(size_t, const Completion&)>& done,
                                         const GenerateControl& control) {
  return Run(context, prefix, requests, done, control).run();
}

}  // namespace bw::engine
