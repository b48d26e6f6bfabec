#include "serve/rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace bw::serve {
namespace {

constexpr uint64_t kDayMs = 86'400'000;

const char* word(contract::StopTrigger::Figure figure) {
  using Figure = contract::StopTrigger::Figure;
  switch (figure) {
    case Figure::abstained:
      return "abstained";
    case Figure::escalated:
      return "escalated";
    case Figure::failed_checks:
      return "failed checks";
    case Figure::errors:
      return "errors";
  }
  return "";
}

bool counts(const Ended& e, contract::StopTrigger::Figure figure) {
  using Figure = contract::StopTrigger::Figure;
  switch (figure) {
    case Figure::abstained:
      return e.abstained;
    case Figure::escalated:
      return e.escalated;
    case Figure::failed_checks:
      return e.failed_checks;
    case Figure::errors:
      return e.error;
  }
  return false;
}

}  // namespace

void Budgets::roll(uint64_t ms) {
  if (ms / kDayMs == day_) return;
  day_ = ms / kDayMs;
  n_requests_ = n_tokens_ = 0;
  person_seconds_ = 0;
}

std::optional<Budgets::Spent> Budgets::spent(uint64_t ms) {
  const std::lock_guard lock(mutex_);
  roll(ms);
  const uint64_t left = kDayMs - ms % kDayMs;
  if (budget_.requests_per_day && n_requests_ >= budget_.requests_per_day)
    return Spent{fmt::format("the contract's {} requests of today are used", budget_.requests_per_day), left};
  if (budget_.output_tokens_per_day && n_tokens_ >= budget_.output_tokens_per_day)
    return Spent{
        fmt::format("the contract's {} output tokens of today are used", budget_.output_tokens_per_day),
        left};
  return std::nullopt;
}

bool Budgets::person_spent(uint64_t ms) {
  const std::lock_guard lock(mutex_);
  roll(ms);
  return budget_.person_minutes_per_day > 0 && person_seconds_ >= 60 * budget_.person_minutes_per_day;
}

void Budgets::began(uint64_t ms) {
  const std::lock_guard lock(mutex_);
  roll(ms);
  ++n_requests_;
}

void Budgets::output(uint64_t n_tokens, uint64_t ms) {
  const std::lock_guard lock(mutex_);
  roll(ms);
  n_tokens_ += n_tokens;
}

void Budgets::reviewed(double seconds, uint64_t ms) {
  const std::lock_guard lock(mutex_);
  roll(ms);
  person_seconds_ += seconds;
}

std::vector<Fired> Stops::ended(const Ended& answer) {
  const std::lock_guard lock(mutex_);
  std::deque<Ended>& last = last_[answer.class_name];
  last.push_back(answer);
  size_t longest = 1;
  for (const contract::StopTrigger& t : triggers_) longest = std::max<size_t>(longest, t.over);
  while (last.size() > longest) last.pop_front();
  std::vector<Fired> out;
  for (const contract::StopTrigger& t : triggers_) {
    if (!t.class_name.empty() && t.class_name != answer.class_name) continue;
    if (last.size() < t.over) continue;
    std::vector<Fired>& fired = fired_[answer.class_name];
    const auto same = [&](const Fired& f) { return f.action == t.action; };
    if (std::any_of(fired.begin(), fired.end(), same)) continue;
    const auto n = std::count_if(last.end() - long(t.over), last.end(),
                                 [&](const Ended& e) { return counts(e, t.figure); });
    if (double(n) <= t.above * double(t.over)) continue;
    fired.push_back(
        {answer.class_name,
         fmt::format("{}: {} of the last {} answers, above {} %", word(t.figure), n, t.over, 100 * t.above),
         t.action});
    out.push_back(fired.back());
  }
  return out;
}

std::optional<Fired> Stops::stopped(const std::string& class_name) const {
  const std::lock_guard lock(mutex_);
  const auto at = fired_.find(class_name);
  if (at == fired_.end() || at->second.empty()) return std::nullopt;
  for (const Fired& f : at->second)
    if (f.action == contract::StopTrigger::Action::refuse) return f;
  return at->second.front();
}

void Stops::restore(const Fired& fired) {
  const std::lock_guard lock(mutex_);
  fired_[fired.class_name].push_back(fired);
}

bool Stops::resume(const std::string& class_name) {
  const std::lock_guard lock(mutex_);
  last_.erase(class_name);
  return fired_.erase(class_name) > 0;
}

}  // namespace bw::serve
