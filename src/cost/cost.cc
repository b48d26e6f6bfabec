#include "cost/cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "stats/proportions.h"

namespace bw::cost {
namespace {

const char* const kDefault = "default, not yours";
constexpr double kAlpha = 0.10;  // the interval of the share: each bound holds with 95 %

// A price or amount that went into a figure, with the name a person knows it by.
struct Input {
  const char* name;
  const Figure* figure;
};

// Value born of its inputs: unknown if one is, estimated if one is, else derived; defaults among them are
// named.
Figure born(double value, std::string unit, const std::vector<Input>& inputs) {
  std::string defaults;
  bool guess = false;
  for (const Input& i : inputs) {
    if (!i.figure->known()) return unknown(std::move(unit), std::string(i.name) + ": " + i.figure->reason);
    guess |= i.figure->birth == Birth::estimated;
    if (is_default(*i.figure)) defaults += (defaults.empty() ? "" : ", ") + std::string(i.name);
  }
  const std::string how = defaults.empty() ? "" : "from defaults, not yours: " + defaults;
  return guess ? estimated(value, std::move(unit), how) : derived(value, std::move(unit), how);
}

// What attempts look like for one deployment over all items.
struct Attempts {
  double mean = 0;       // machine and review pay these
  double hand_over = 0;  // share of items
  double silent = 0;     // share of items delivered but not true
};

double share_accepted(const std::vector<Outcome>& first) {
  double n = 0;
  for (const Outcome& o : first) n += o.accepted;
  return n / static_cast<double>(first.size());
}

Attempts estimate(const std::vector<Outcome>& first, uint32_t k) {
  double silent = 0;
  for (const Outcome& o : first) silent += o.accepted && !o.truth;
  silent /= static_cast<double>(first.size());
  const double q = share_accepted(first), a = expected_attempts(q, k);
  // Each attempt that is reached ends in a silent failure with the same chance, so the chances add up.
  return {a, hand_over_share(q, k), silent * a};
}

Attempts count(const std::vector<Retried>& retried) {
  Attempts a;
  for (const Retried& r : retried) {
    a.mean += r.attempts;
    a.hand_over += r.handed_over;
    a.silent += !r.handed_over && !r.truth;
  }
  const double n = static_cast<double>(retried.size());
  return {a.mean / n, a.hand_over / n, a.silent / n};
}

int counted(const Retried& r, uint32_t k) {
  return static_cast<int>(r.handed_over ? k + 1 : r.attempts);
}

// P(attempts = i), i = 1 .. K + 1 (hand-over), given how the first attempt went.
std::vector<double> distribution(bool first, double q, uint32_t k) {
  std::vector<double> p(k + 2, 0.0);
  if (first) {
    p[1] = 1;
    return p;
  }
  double left = 1;
  for (uint32_t i = 2; i <= k; ++i) {
    p[i] = left * q;
    left *= 1 - q;
  }
  p[k + 1] = left;
  return p;
}

Status check_lists(const Deployment& r, const Deployment& c, uint32_t k) {
  const size_t n = r.first.size();
  if (n == 0)
    return bad_input("the practical rule needs at least one item, found none", "judge a task suite");
  if (c.first.size() != n)
    return bad_input(
        fmt::format("outcomes: {} items of the reference, {} of the candidate", n, c.first.size()));
  for (const Deployment* d : {&r, &c}) {
    if (!d->retried.empty() && d->retried.size() != n)
      return bad_input(fmt::format("retries: expected {} items, found {}", n, d->retried.size()));
    for (const Retried& x : d->retried)
      if (x.attempts < 1 || x.attempts > k)
        return bad_input(fmt::format("retries: expected 1 to {} attempts, found {}", k, x.attempts));
  }
  return {};
}

// Everything money touches, after attempts and shares are known.
void add_money(CostReport& out, const Deployment& r, const Deployment& c, const Attempts& ar,
               const Attempts& ac, const DeclaredCosts& d) {
  const std::string per_output = d.currency + "/output", per_month = d.currency + "/month";
  const double person = d.person_per_hour.value / 3600;  // currency/s
  const double review = d.review_seconds.value * person;
  const double hand_over = d.hand_over_minutes.value * 60 * person;
  const auto machine = [&](const Deployment& x) {
    return x.seconds_per_attempt.value * d.machine_per_hour.value / 3600;
  };
  // All but the reviews, which the break-even solves for.
  const auto rest = [&](const Deployment& x, const Attempts& a) {
    return machine(x) * a.mean + hand_over * a.hand_over + d.wrong_answer.value * a.silent;
  };
  const Figure attempts = out.attempts_candidate;  // estimated or measured, the same for both deployments
  const std::vector<Input> shared{{"attempts", &attempts},
                                  {"machine_per_hour", &d.machine_per_hour},
                                  {"person_per_hour", &d.person_per_hour},
                                  {"hand_over_minutes", &d.hand_over_minutes},
                                  {"wrong_answer", &d.wrong_answer}};
  const auto with = [](std::vector<Input> inputs, std::initializer_list<Input> more) {
    inputs.insert(inputs.end(), more);
    return inputs;
  };
  const Input review_in{"review_seconds", &d.review_seconds},
      month_in{"outputs_per_month", &d.outputs_per_month};
  const Input gib_in{"value_per_gib_month", &d.value_per_gib_month};
  const Input time_r{"seconds per attempt of the reference", &r.seconds_per_attempt};
  const Input time_c{"seconds per attempt of the candidate", &c.seconds_per_attempt};

  const double cost_r = rest(r, ar) + review * ar.mean, cost_c = rest(c, ac) + review * ac.mean;
  out.cost_reference = born(cost_r, per_output, with(shared, {review_in, time_r}));
  out.cost_candidate = born(cost_c, per_output, with(shared, {review_in, time_c}));
  const double added = cost_c - cost_r, outputs = d.outputs_per_month.value;
  out.added_cost_per_output = born(added, per_output, with(shared, {review_in, time_r, time_c}));
  const std::vector<Input> monthly = with(shared, {review_in, time_r, time_c, month_in});
  out.added_cost_per_month = born(added * outputs, per_month, monthly);

  const double saved = r.memory_gib.value - c.memory_gib.value;
  const Input mem_r{"memory of the reference", &r.memory_gib},
      mem_c{"memory of the candidate", &c.memory_gib};
  out.saved_gib = born(saved, "GiB", {mem_r, mem_c});
  out.saved_value_per_month = born(saved * d.value_per_gib_month.value, per_month, {mem_r, mem_c, gib_in});

  const std::string review_unit = d.currency + "/review", gib_unit = d.currency + "/(GiB month)";
  const double more = ac.mean - ar.mean;
  const double room = saved * d.value_per_gib_month.value / outputs - (rest(c, ac) - rest(r, ar));
  out.review_below =
      born(room / more, review_unit, with(shared, {time_r, time_c, month_in, mem_r, mem_c, gib_in}));
  if (out.review_below.known() || outputs == 0 || more == 0) {
    if (more <= 0)
      out.review_below = unknown(review_unit, "the candidate needs no more attempts than the reference");
    else if (outputs == 0)
      out.review_below = unknown(review_unit, "no outputs a month are declared");
    else if (room < 0)
      out.review_below = unknown(
          review_unit, "even free reviews would not pay for hand-overs, wrong answers and machine time");
  }
  std::vector<Input> gib_inputs = with(monthly, {mem_r, mem_c});
  out.gib_above = born(std::max(0.0, added * outputs / saved), gib_unit, gib_inputs);
  if (out.saved_gib.known() && saved <= 0) out.gib_above = unknown(gib_unit, "the candidate saves no memory");

  out.money_judged = out.added_cost_per_month.known() && out.saved_value_per_month.known() &&
                     !is_default(d.value_per_gib_month);
  for (const Input& i : monthly) out.money_judged &= !is_default(*i.figure);
}

std::string break_even_sentence(const CostReport& r) {
  std::vector<std::string> parts;
  if (r.review_below.known())
    parts.push_back(
        fmt::format("a review costs under {} {}", number(r.review_below.value), r.review_below.unit));
  if (r.gib_above.known() && r.gib_above.value > 0)
    parts.push_back(fmt::format("a GiB is worth over {} {}", number(r.gib_above.value), r.gib_above.unit));
  if (!parts.empty()) return "worth it if " + fmt::format("{}", fmt::join(parts, ", or "));
  if (r.gib_above.known()) return "the candidate costs no more per output, so any saving is kept";
  return "no price changes the answer: " + r.gib_above.reason;
}

}  // namespace

const char* name(Rule rule) {
  switch (rule) {
    case Rule::moved:
      return "moved, not reduced";
    case Rule::not_moved:
      return "not moved";
    case Rule::cannot_tell:
      return "cannot tell";
  }
  return "cannot tell";
}

bool is_default(const Figure& f) {
  return f.birth == Birth::declared && f.reason == kDefault;
}

DeclaredCosts default_costs(const std::string& currency) {
  DeclaredCosts c;
  c.currency = currency;
  const auto say = [](double value, std::string unit) { return declared(value, std::move(unit), kDefault); };
  c.max_moved_share = say(0.05, "share");
  c.machine_per_hour = say(0.10, currency + "/h");  // a small rented server
  c.person_per_hour = say(30, currency + "/h");     // an office hour with its overhead
  c.review_seconds = say(10, "s");                  // a glance at a short record
  c.hand_over_minutes = say(3, "min");              // typing the same record by hand
  c.wrong_answer = say(1, currency);                // a record that is found and mended later
  c.outputs_per_month = say(10000, "outputs/month");
  c.value_per_gib_month = say(3, currency + "/(GiB month)");  // the price of a rented GiB of memory
  return c;
}

Status validate(const DeclaredCosts& c) {
  if (c.max_attempts < 1 || c.max_attempts > 100)
    return bad_input(fmt::format("max_attempts: expected 1 to 100, found {}", c.max_attempts));
  for (const Input& i :
       {Input{"max_moved_share", &c.max_moved_share}, Input{"machine_per_hour", &c.machine_per_hour},
        Input{"person_per_hour", &c.person_per_hour}, Input{"review_seconds", &c.review_seconds},
        Input{"hand_over_minutes", &c.hand_over_minutes}, Input{"wrong_answer", &c.wrong_answer},
        Input{"outputs_per_month", &c.outputs_per_month},
        Input{"value_per_gib_month", &c.value_per_gib_month}})
    if (!i.figure->known() || !(i.figure->value >= 0) || std::isinf(i.figure->value))
      return bad_input(
          fmt::format("{}: expected a number that is not negative, found {}", i.name, describe(*i.figure)),
          "declare it in the scenario's [cost] table, or leave it out for the default");
  if (c.max_moved_share.value > 1)
    return bad_input(
        fmt::format("max_moved_share: expected a share between 0 and 1, found {}", c.max_moved_share.value),
        "5 % is written 0.05");
  return {};
}

double expected_attempts(double q, uint32_t k) {
  // The closed form loses digits near q = 0; the sum of (1-q)^i, i = 0 .. K-1, is the same and does not.
  double sum = 0, left = 1;
  for (uint32_t i = 0; i < k; ++i, left *= 1 - q) sum += left;
  return sum;
}

double hand_over_share(double q, uint32_t k) {
  return std::pow(1 - q, k);
}

double chance_of_two_extra(bool candidate_first, bool reference_first, double q_c, double q_r, uint32_t k) {
  const std::vector<double> c = distribution(candidate_first, q_c, k),
                            r = distribution(reference_first, q_r, k);
  double p = 0, at = 0, end_c = c[1], end_r = r[1];
  for (uint32_t a = 1, b = 1; a <= k + 1 && b <= k + 1;) {
    const double next = std::min(end_c, end_r);
    if (a >= b + 2) p += std::max(0.0, next - at);
    at = next;
    // Sums of probabilities end a rounding error short of 1; the last step of either walk is the end.
    if (end_c <= end_r)
      end_c += ++a <= k + 1 ? c[a] : 0;
    else
      end_r += ++b <= k + 1 ? r[b] : 0;
  }
  return p;
}

Result<CostReport> price(const Deployment& r, const Deployment& c, const DeclaredCosts& costs) {
  BW_CHECK(validate(costs));
  const uint32_t k = costs.max_attempts;
  BW_CHECK(check_lists(r, c, k));
  const size_t n = r.first.size();
  const double items = static_cast<double>(n);
  const bool real = !r.retried.empty() && !c.retried.empty();
  const std::string how = real ? fmt::format("seeded retries up to {}", k)
                               : fmt::format("from the share accepted at first, up to {} attempts", k);
  const auto tag = [&](double value, const char* unit) {
    return real ? measured(value, unit, how) : estimated(value, unit, how);
  };

  const double q_r = share_accepted(r.first), q_c = share_accepted(c.first);
  const Attempts ar = real ? count(r.retried) : estimate(r.first, k);
  const Attempts ac = real ? count(c.retried) : estimate(c.first, k);
  double two_extra = 0;
  for (size_t i = 0; i < n; ++i)
    two_extra += real ? counted(c.retried[i], k) - counted(r.retried[i], k) >= 2
                      : chance_of_two_extra(c.first[i].accepted, r.first[i].accepted, q_c, q_r, k);

  CostReport out;
  out.attempts_reference = tag(ar.mean, "attempts");
  out.attempts_candidate = tag(ac.mean, "attempts");
  out.hand_over_reference = tag(ar.hand_over, "share");
  out.hand_over_candidate = tag(ac.hand_over, "share");
  out.extra_attempts = tag((ac.mean - ar.mean) + (ac.hand_over - ar.hand_over), "attempts");
  out.silent_failures_reference = tag(ar.silent, "share");
  out.silent_failures_candidate = tag(ac.silent, "share");
  // An expected count is no whole number; rounding it outward keeps the interval on the safe side.
  const auto whole = [&](double x) {
    return std::clamp<int64_t>(static_cast<int64_t>(x), 0, static_cast<int64_t>(n));
  };
  const double low = stats::wilson(whole(std::floor(two_extra)), static_cast<int64_t>(n), kAlpha).low;
  const double high = stats::wilson(whole(std::ceil(two_extra)), static_cast<int64_t>(n), kAlpha).high;
  out.two_extra_share = with_interval(tag(two_extra / items, "share"), low, high, static_cast<int64_t>(n));

  add_money(out, r, c, ar, ac, costs);
  out.break_even = break_even_sentence(out);

  const double limit = costs.max_moved_share.value, share = out.two_extra_share.value;
  out.open = low <= limit && limit < high;
  const std::string shares = fmt::format(
      "{:.1f} in 100 items need 2 or more extra attempts, the limit is {:.1f}", 100 * share, 100 * limit);
  const bool first_accepted = q_r > 0 || (real && ar.hand_over < 1);
  if (!first_accepted) {
    out.rule = Rule::cannot_tell;
    out.why = "the reference is accepted on no item, so there is nothing that could move";
  } else if (share > limit && low > limit) {
    out.rule = Rule::moved;
    out.why = shares;
  } else if (out.money_judged && out.added_cost_per_month.value > out.saved_value_per_month.value) {
    out.rule = Rule::moved;
    out.why =
        fmt::format("{} {} more a month are paid for {} {} saved", number(out.added_cost_per_month.value),
                    costs.currency, number(out.saved_value_per_month.value), costs.currency);
  } else if (share > limit) {  // seen above the limit, and chance alone could have put it there
    out.rule = Rule::cannot_tell;
    out.why =
        fmt::format("{}; {} items leave it anywhere from {:.1f} to {:.1f}", shares, n, 100 * low, 100 * high);
  } else {
    out.rule = Rule::not_moved;
    out.why = shares;
    if (k < 2) out.why += " (with one attempt only, no item can need 2 more)";
    if (!out.money_judged) out.why += "; money is not judged, because costs are unknown or not yours";
  }
  return out;
}

}  // namespace bw::cost
