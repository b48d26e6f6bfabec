#include "serve/life.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/hash.h"
#include "serve/entries.h"

namespace bw::serve {
using backend::Failure;

namespace {

constexpr std::string_view kPerson = "person";
constexpr uint32_t kMostUnlessDeclared =
    1024;  // tokens of output, where neither caller nor class nor context says

std::string first_failed(const AttemptSeen& a) {
  for (const contract::CheckResult& c : a.checks)
    if (!c.passed) return fmt::format("{}: {}", c.name, c.reason);
  return a.error.empty() ? name(a.ending) : a.error;
}

}  // namespace

const char* name(AttemptSeen::Ending ending) {
  switch (ending) {
    case AttemptSeen::Ending::passed:
      return "passed";
    case AttemptSeen::Ending::failed_checks:
      return "failed_checks";
    case AttemptSeen::Ending::unknown:
      return "unknown";
    case AttemptSeen::Ending::cut:
      return "cut";
    case AttemptSeen::Ending::error:
      return "error";
  }
  return "";
}

const char* name(Final::What what) {
  switch (what) {
    case Final::What::answered:
      return "answered";
    case Final::What::abstained:
      return "abstained";
    case Final::What::person:
      return "person";
    case Final::What::refused:
      return "refused";
  }
  return "";
}

Life::Life(const Shared& shared, Wanted wanted) : shared_(shared), wanted_(std::move(wanted)) {
  final_.id = wanted_.id;
  final_.class_name = wanted_.of->name;
  began_ns_ = monotonic_ns();
  if (wanted_.of->deadline_ms) wanted_.ask.deadline_ns = began_ns_ + wanted_.of->deadline_ms * 1'000'000;
}

std::shared_ptr<Life> Life::start(const Shared& shared, Wanted wanted) {
  auto life = std::shared_ptr<Life>(new Life(shared, std::move(wanted)));
  shared.workers->post([life] { life->begin(); });
  return life;
}

void Life::cancel() {
  std::shared_ptr<const Live> live;
  backend::AskId id = 0;
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    live = live_;
    id = running_;
  }
  if (live && id) live->backend->cancel(id);
}

// ---- admission
// ------------------------------------------------------------------------------------------------
void Life::begin() {
  const uint64_t now = ms_since_1970();
  if (const auto spent = shared_.budgets->spent(now)) {
    refuse({Failure::Why::busy, bw::failed(spent->what, "try again after midnight, UTC"), 0, 0,
            spent->retry_after_ms});
    return;
  }
  const auto stopped = shared_.stops->stopped(wanted_.of->name);
  if (stopped && stopped->action == contract::StopTrigger::Action::refuse) {
    refuse(
        {Failure::Why::unavailable,
         bw::failed(fmt::format("class '{}' is stopped by its contract: {}", wanted_.of->name, stopped->what),
                    "its owner decides when it goes on"),
         0, 0, 0});
    return;
  }
  if (stopped && wanted_.of->chain.size() > 1) link_ = 1;
  if (!in_scope()) return;
  shared_.budgets->began(now);
  next();
}

// The contract's bounds, and where the caller named no max_tokens what they and the context leave. Counted
// once, by the first deployment; one with another tokenizer or less room says so itself (too_long).
bool Life::in_scope() {
  const contract::Class& c = *wanted_.of;
  backend::Ask& ask = wanted_.ask;
  if (wanted_.max_tokens_given && c.max_output_tokens && ask.max_tokens > c.max_output_tokens) {
    refuse({Failure::Why::bad_request,
            bad_input(fmt::format("max_tokens {}: the contract's class '{}' allows {}", ask.max_tokens,
                                  c.name, c.max_output_tokens)),
            0, 0, 0});
    return false;
  }
  const uint32_t most = c.max_output_tokens ? c.max_output_tokens : kMostUnlessDeclared;
  if (!wanted_.max_tokens_given) ask.max_tokens = most;
  const auto live = shared_.deployments->get(c.chain[link_]);  // none: the chain begins with the person
  if (!live || (wanted_.max_tokens_given && !c.max_prompt_tokens)) return true;
  const auto n = live->backend->count(ask);
  if (!n) {
    refuse({Failure::Why::bad_request, n.error(), 0, 0, 0});
    return false;
  }
  if (!*n) return true;  // an endpoint: only it knows
  const uint32_t n_prompt = **n, n_context = live->backend->info().n_context;
  if (c.max_prompt_tokens && n_prompt > c.max_prompt_tokens) {
    refuse({Failure::Why::too_long,
            bad_input(fmt::format("the prompt has {} tokens, class '{}' takes {}", n_prompt, c.name,
                                  c.max_prompt_tokens)),
            n_prompt, c.max_prompt_tokens, 0});
    return false;
  }
  if (!wanted_.max_tokens_given && n_context) {
    const uint32_t left =
        n_prompt < n_context ? n_context - n_prompt : 1;  // 1: refused there, with the counts
    ask.max_tokens = c.max_output_tokens ? std::min(left, most) : left;
  }
  return true;
}

// ---- attempts
// ---------------------------------------------------------------------------------------------------
void Life::next() {
  {
    const std::lock_guard lock(mutex_);
    live_ = nullptr;
    running_ = 0;
    if (cancelled_) {
      last_failure_ = Failure{Failure::Why::cancelled, bw::failed("cancelled: the caller is gone"), 0, 0, 0};
    }
  }
  if (last_failure_ && last_failure_->why == Failure::Why::cancelled) return refuse(*last_failure_);
  if (wanted_.ask.deadline_ns && monotonic_ns() >= wanted_.ask.deadline_ns)
    return give_up(fmt::format("the deadline of {} ms passed", wanted_.of->deadline_ms));
  const contract::Class& c = *wanted_.of;
  if (attempt_ >= c.attempts) {
    ++link_;
    attempt_ = 0;
  }
  if (link_ >= c.chain.size()) {
    const bool failed_checks = !final_.attempts.empty();
    return give_up(failed_checks ? "no attempt passed: " + first_failed(final_.attempts.back())
                                 : "no deployment could be asked");
  }
  if (c.chain[link_] == kPerson) return hand_over("no attempt passed");
  if (link_ > 0 && !final_.attempts.empty()) final_.escalated = true;
  const std::shared_ptr<const Live> live = shared_.deployments->get(c.chain[link_]);
  ask(live);
}

void Life::ask(const std::shared_ptr<const Live>& live) {
  backend::Ask ask = wanted_.ask;
  const auto n_before = uint64_t(final_.attempts.size());
  ask.sampler.seed += n_before;
  if (n_before > 0)
    ask.sampler.temperature = std::max(ask.sampler.temperature, float(wanted_.of->retry_temperature));
  const auto grammar = shared_.grammars.find(wanted_.of->name);
  if (!ask.grammar && grammar != shared_.grammars.end()) {
    ask.grammar = grammar->second.grammar;
    ask.schema = grammar->second.schema;
  }
  // A pass over the vocabulary a token: only where somebody looks at it.
  for (const contract::Check& c : wanted_.of->checks)
    ask.mean_log_prob = ask.mean_log_prob || c.kind == contract::Check::Kind::mean_log_prob;
  AttemptSeen seen;
  seen.deployment = live->spec.name;
  seen.model_sha256 = live->backend->info().model_sha256;
  seen.description = live->backend->info().description;
  if (live->spec.own()) seen.kv = name(live->spec.kv);
  seen.max_tokens = ask.max_tokens;
  seen.seed = ask.sampler.seed;
  seen.temperature = ask.sampler.temperature;
  asked_ = ask_json(ask);
  seen.ask_sha256 = sha256_hex(asked_);
  final_.attempts.push_back(std::move(seen));
  const auto self = shared_from_this();
  backend::Events events;
  if (wanted_.on_text) events.on_text = wanted_.on_text;
  events.on_done = [self](backend::Ended&& ended) {
    auto box = std::make_shared<backend::Ended>(std::move(ended));
    self->shared_.workers->post([self, box] { self->ended(std::move(*box)); });
  };
  const std::lock_guard lock(mutex_);
  live_ = live;
  running_ = live->backend->submit(std::move(ask), std::move(events));
  if (cancelled_) live->backend->cancel(running_);
}

void Life::ended(backend::Ended&& ended) {
  if (auto* failure = std::get_if<Failure>(&ended))
    failed(std::move(*failure));
  else
    replied(std::move(std::get<backend::Reply>(ended)));
}

void Life::replied(backend::Reply&& reply) {
  AttemptSeen& a = final_.attempts.back();
  any_reply_ = true;
  a.text = reply.text;
  a.output_sha256 = sha256_hex(reply.text);
  a.n_prompt = reply.n_prompt;
  a.n_output = reply.n_output;
  a.n_reused = reply.n_reused;
  a.ns_queued = reply.ns_queued;
  a.ns_first = reply.ns_first;
  a.ns_total = reply.ns_total;
  shared_.budgets->output(reply.n_output, ms_since_1970());
  keep(a, asked_);
  const auto found = shared_.checks.find(wanted_.of->name);
  const contract::Checks* checks = found == shared_.checks.end() ? nullptr : found->second.get();
  const bool cut = reply.finish == backend::Reply::Finish::length;
  using Ending = AttemptSeen::Ending;
  a.ending = Ending::passed;
  if (checks && checks->says_unknown(reply.text)) {
    a.ending = Ending::unknown;
    attempt_ = wanted_.of->attempts;  // another seed of the same model is not asked
    return next();
  }
  if (checks && !wanted_.of->checks.empty()) {
    a.checks = checks->run({reply.text, reply.mean_log_prob, cut});
    for (const contract::CheckResult& c : a.checks)
      if (!c.passed) a.ending = Ending::failed_checks;
    if (cut) a.ending = Ending::cut;
  }
  if (a.ending != Ending::passed) {
    ++attempt_;
    return next();
  }
  final_.reply = std::move(reply);
  final_.deployment = a.deployment;
  final_.model_sha256 = a.model_sha256;
  finish(Final::What::answered);
}

void Life::failed(Failure&& failure) {
  using Why = Failure::Why;
  if (!final_.attempts.empty() && final_.attempts.back().error.empty() && !final_.attempts.back().n_output)
    final_.attempts.back().error = failure.error.what;
  last_failure_ = failure;
  switch (failure.why) {
    case Why::cancelled:
    case Why::bad_request:
      return refuse(std::move(failure));
    case Why::busy:
      // Overload is not escalated: it would only move it.
      if (final_.attempts.size() <= 1) return refuse(std::move(failure));
      break;
    case Why::deadline:
      return give_up(fmt::format("the deadline of {} ms passed", wanted_.of->deadline_ms));
    case Why::too_long:
      if (!too_long_) too_long_ = failure;
      break;
    case Why::unavailable:
    case Why::failed:
      break;
  }
  // The same deployment would fail again; the next one may not.
  attempt_ = wanted_.of->attempts;
  next();
}

// ---- ends
// ---------------------------------------------------------------------------------------------------------
void Life::give_up(const std::string& why) {
  // Where a person is in the chain nothing is lost without one, but for what is out of scope.
  if (!too_long_ && !wanted_.of->chain.empty() && wanted_.of->chain.back() == kPerson &&
      (link_ >= wanted_.of->chain.size() || wanted_.of->chain[link_] != kPerson))
    return hand_over(why);
  if (!any_reply_) {
    if (too_long_) return refuse(std::move(*too_long_));
    if (last_failure_) return refuse(std::move(*last_failure_));
    return refuse({Failure::Why::deadline, bw::failed(why), 0, 0, 0});
  }
  final_.reason = why;
  finish(Final::What::abstained);
}

void Life::hand_over(const std::string& why) {
  if (too_long_ && !any_reply_) return refuse(std::move(*too_long_));
  final_.reason = final_.attempts.empty() ? why : why + ": " + first_failed(final_.attempts.back());
  if (shared_.budgets->person_spent(ms_since_1970())) {
    final_.reason += "; the person's minutes of today are used";
    return finish(Final::What::abstained);
  }
  review::Item item;
  item.answer_id = final_.id;
  item.class_name = final_.class_name;
  item.messages_json =
      wanted_.ask.messages_json.empty()
          ? line_of(nlohmann::json::array({{{"role", "user"}, {"content", wanted_.ask.prompt}}}))
          : wanted_.ask.messages_json;
  item.why = final_.reason;
  item.created_ms = ms_since_1970();
  for (const AttemptSeen& a : final_.attempts) {
    review::Attempt seen{a.deployment, a.text, {}};
    for (const contract::CheckResult& c : a.checks)
      if (!c.passed) seen.failed.emplace_back(c.name, c.reason);
    if (a.ending != AttemptSeen::Ending::failed_checks)
      seen.failed.emplace_back(name(a.ending), a.error.empty() ? "" : a.error);
    item.attempts.push_back(std::move(seen));
  }
  auto id = shared_.reviews->add(item);
  if (!id) return refuse({Failure::Why::failed, id.error(), 0, 0, 0});
  final_.review = *id;
  finish(Final::What::person);
}

void Life::refuse(Failure failure) {
  final_.failure = std::move(failure);
  finish(Final::What::refused);
}

void Life::finish(Final::What what) {
  {
    const std::lock_guard lock(mutex_);
    live_ = nullptr;
    running_ = 0;
  }
  final_.what = what;
  final_.ns_total = monotonic_ns() - began_ns_;
  const auto done = std::move(wanted_.on_done);
  wanted_.on_done = nullptr;
  wanted_.on_text = nullptr;
  done(std::move(final_));
}

void Life::keep(AttemptSeen& attempt, const std::string& ask) {
  if (!shared_.texts) return;
  // A text that cannot be kept loses the replay of this answer, never the answer: the log holds its digest,
  // and that it is not kept.
  attempt.kept = bool(shared_.texts->put(ask)) && bool(shared_.texts->put(attempt.text));
}

}  // namespace bw::serve
