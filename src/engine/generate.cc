// Many requests over one Context. Each place is a sequence that holds the shared prefix, then one request
// after another, cut back in between. Every pass takes the next rows of all places; nothing is read from the
// logits but each wanted row's next token, so a pass that fails can be undone and repeated in smaller parts.
#include "engine/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace bw::engine {
namespace {
constexpr size_t max_rows =
    256;  // of a pass: long enough to be efficient, short enough not to delay neighbours
constexpr size_t nobody = ~size_t(0);

// A place and the request in it. `feed` holds what is known to follow: the prompt and the draft, or the last
// token.
struct Place {
  int seq = -1;
  size_t request = nobody;
  std::vector<Token> feed;
  size_t fed = 0;           // of feed, already in the sequence
  size_t first_wanted = 0;  // index in feed from which logits are wanted
  size_t draft_from = 0;    // index in feed from which it is a guess (feed.size() if nothing is)
  size_t n_take = 0;        // rows in the pass being built
  std::vector<Token> next;  // of this pass: the choice after each wanted row
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
    for (const Place& p : places_) context_.drop(p.seq);
  }
  Run(const Run&) = delete;

  Result<std::vector<Completion>> run() {
    BW_CHECK(validate());
    if (requests_.empty()) return std::move(completions_);
    BW_CHECK(open_places());
    for (;;) {
      const bool busy =
          std::any_of(places_.begin(), places_.end(), [](const Place& p) { return p.request != nobody; });
      if (cancelled() && (busy || next_request_ < requests_.size())) return interrupted();
      for (Place& p : places_) refill(p);
      const std::vector<Place*> active = plan_pass();
      if (active.empty()) return std::move(completions_);
      BW_CHECK(pass(active));
    }
  }

 private:
  bool cancelled() const { return control_.cancel && control_.cancel->load(std::memory_order_relaxed); }
  static Error interrupted() { return failed("generation was interrupted", "what had finished is kept"); }
  uint64_t elapsed_ns() const {
    return uint64_t(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start_)
            .count());
  }

  Status validate() const {
    for (size_t i = 0; i < requests_.size(); ++i) {
      if (prefix_.empty() && requests_[i].prompt.empty())
        return bad_input(fmt::format("request {}: the prompt is empty; a model continues something", i));
      if (auto ok = check(requests_[i].sampler); !ok)
        return Error{ok.error().code, fmt::format("request {}: {}", i, ok.error().what), ok.error().next};
    }
    return {};
  }

  // The first place prefills the prefix, the others fork it. Running out of sequences only means fewer
  // places.
  Status open_places() {
    BW_TRY(const int first, context_.new_sequence());
    places_.emplace_back().seq = first;
    std::vector<Row> rows;
    for (size_t at = 0; at < prefix_.size(); at += rows.size()) {
      if (cancelled()) return interrupted();
      rows.clear();
      for (size_t i = at; i < std::min(at + max_rows, prefix_.size()); ++i)
        rows.push_back({first, prefix_[i], false});
      if (auto ok = context_.forward(rows, [](size_t, std::span<const float>) { return Status(); }); !ok)
        return Error{ok.error().code, fmt::format("shared prefix of all requests: {}", ok.error().what),
                     ok.error().next};
    }
    while (places_.size() < requests_.size()) {
      auto seq = prefix_.empty() ? context_.new_sequence() : context_.fork(first, uint32_t(prefix_.size()));
      if (!seq) break;
      places_.emplace_back().seq = *seq;
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

  void refill(Place& p) {
    while (p.request == nobody && next_request_ < requests_.size()) {
      if (!closed_ && control_.admit && !control_.admit(next_request_)) closed_ = true;
      Completion& c = completions_[next_request_];
      const Request& r = requests_[next_request_];
      c.n_prompt = uint32_t(prefix_.size() + r.prompt.size());
      if (closed_) {
        c.reason = Completion::Reason::not_run;
        ++next_request_;
        continue;
      }
      p.request = next_request_++;
      if (r.max_tokens == 0) {
        finish(p, Completion::Reason::length);
        continue;
      }
      // With nothing after the prefix, its last token is given again: somebody's logits must be wanted.
      const bool bare = r.prompt.empty();
      context_.truncate(p.seq, uint32_t(prefix_.size() - (bare ? 1 : 0)));
      p.feed = bare ? std::vector<Token>{prefix_.back()} : r.prompt;
      p.fed = 0;
      p.first_wanted = p.feed.size() - 1;
      p.draft_from = p.feed.size();
      const size_t n_draft =
          std::min<size_t>(r.draft.size(), r.max_tokens - 1);  // the last token is never fed
      p.feed.insert(p.feed.end(), r.draft.begin(), r.draft.begin() + long(n_draft));
    }
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
      for (size_t i = p->fed; i < p->fed + p->n_take; ++i) {
        rows.push_back({p->seq, p->feed[i], i >= p->first_wanted});
        owner.push_back(p);
      }
    }
    return context_.forward(rows, [&](size_t row, std::span<const float> logits) -> Status {
      Place& p = *owner[row];
      const size_t n_before = completions_[p.request].tokens.size() + p.next.size();
      const uint32_t position = uint32_t(completions_[p.request].n_prompt + n_before);
      p.next.push_back(sample(logits, requests_[p.request].sampler, position));
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
    return Error{ok.error().code, fmt::format("request {}: {}", p.request, ok.error().what), ok.error().next};
  }

  // Takes the choices of a pass as output, as far as the rows behind them were the right ones.
  void accept(Place& p) {
    const Request& r = requests_[p.request];
    Completion& c = completions_[p.request];
    size_t after = std::max(p.fed, p.first_wanted);  // index in feed of the row this choice follows
    p.fed += p.n_take;
    for (const Token token : p.next) {
      if (c.tokens.empty()) c.ns_first = elapsed_ns();
      if (std::find(r.stop.begin(), r.stop.end(), token) != r.stop.end())
        return finish(p, Completion::Reason::stop);
      c.tokens.push_back(token);
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
