// What the items of a run can show at all, told before anything is loaded.
#include <fmt/format.h>

#include <cmath>

#include "quality/degradation.h"
#include "stats/power.h"

namespace bw::quality {

Result<TaskPlan> plan_tasks(const tasks::Suite& suite, size_t n_items, const DecideOptions& o) {
  if (!(o.margin > 0 && o.margin < 1))
    return bad_input(fmt::format("margin: expected a share between 0 and 1, found {}", o.margin),
                     "declare the loss that would not matter, e.g. 0.05 for 5 in 100");
  TaskPlan plan;
  const auto& items = suite.items();
  plan.n_items = std::min(items.size(), n_items ? n_items : suite.default_items());
  for (size_t i = 0; i < items.size(); ++i) {
    CategoryPlan& c = plan.categories[items[i].category];
    ++c.n_available;
    c.n_items += i < plan.n_items;
  }
  const stats::Design design{o.alpha, o.power};
  for (auto& [name, c] : plan.categories) {
    const std::string how = fmt::format(
        "{} items, one-sided alpha {}, power {}, standard deviation of paired "
        "differences assumed {}",
        c.n_items, o.alpha, o.power, o.assumed_sd);
    BW_TRY(const int64_t needed, stats::n_for_equivalence(o.margin, o.assumed_sd, 0, design));
    c.items_for_margin = estimated(double(needed), "items", how);
    c.resolvable = double(c.n_items) >= c.items_for_margin.value;
    const auto effect = stats::detectable_mean_difference(int64_t(c.n_items), o.assumed_sd, design);
    c.minimum_detectable = effect ? estimated(*effect, "share", how) : unknown("share", effect.error().what);
    c.plain = effect ? fmt::format("{} items can show a difference of {:.3g} in 100", c.n_items,
                                   std::ceil(*effect * 1000) / 10)
                     : fmt::format("{} items can show no difference", c.n_items);
    c.plain += c.resolvable
                   ? fmt::format("; enough for the margin of {:.3g} in 100", o.margin * 100)
                   : fmt::format(
                         "; the margin of {:.3g} in 100 needs about {} where there is no difference, "
                         "at an assumed spread of {:.3g} in 100 (the suite has {})",
                         o.margin * 100, c.items_for_margin.value, o.assumed_sd * 100, c.n_available);
  }
  return plan;
}

}  // namespace bw::quality
