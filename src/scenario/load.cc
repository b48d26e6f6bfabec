// TOML -> Scenario, by toml_reader.h, which says every wrong thing with its place.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/data_dir.h"
#include "base/file.h"
#include "base/hash.h"
#include "scenario/quantity.h"
#include "scenario/scenario.h"
#include "scenario/toml_reader.h"

namespace bw::scenario {
namespace {

class Reader : public TomlReader {
 public:
  Reader(std::string label, Scenario& s, bool built_in)
      : TomlReader(std::move(label), built_in ? nullptr : &s.given), s_(s) {}

  Handler kv_type(kernels::KvType& into) {
    return [this, &into](const toml::node& node, const std::string& key) -> Status {
      std::vector<std::string> names;
      for (const kernels::KvType t : kernels::kv_types) names.emplace_back(kernels::name(t));
      size_t which = 0;
      BW_CHECK(one_of(which, names)(node, key));
      into = kernels::kv_types[which];
      return {};
    };
  }

  Handler criteria(Axis axis) {
    return table([this, axis](const toml::table& t, const std::string& prefix) -> Status {
      for (const auto& [key, node] : t) {
        const std::string full = prefix + "." + std::string(key.str());
        const KnownFigure* figure = find_figure(axis, key.str());
        if (!figure) {
          std::vector<std::string> names;
          for (const KnownFigure& f : known_figures())
            if (f.axis == axis) names.emplace_back(f.name);
          return unknown_key(key.source(), full, std::string(key.str()), names);
        }
        BW_TRY(Criterion c, criterion(node, full, *figure));
        auto& all = s_.criteria;
        all.erase(std::remove_if(all.begin(), all.end(),
                                 [&](const Criterion& o) { return o.axis == axis && o.figure == c.figure; }),
                  all.end());
        all.push_back(std::move(c));
        note(full);
      }
      return {};
    });
  }

  Status read(const toml::table& root);

 private:
  Result<Criterion> criterion(const toml::node& node, const std::string& full, const KnownFigure& figure) {
    Criterion c{figure.axis, std::string(figure.name), figure.bound, 1, std::string(figure.unit)};
    if (figure.unit == "yes") {
      const auto* v = node.as_boolean();
      if (!v) return wrong(node, full, "true");
      if (!v->get())
        return at(node.source(), fmt::format("{} = false: a criterion that cannot fail", full),
                  "leave it out");
      return c;
    }
    const std::string word = figure.bound == Bound::at_most ? "at_most" : "at_least";
    const toml::table* t = node.as_table();
    if (!t || t->empty()) return wrong(node, full, fmt::format("{{ {} = ... }} ({})", word, figure.unit));
    for (const auto& [key, bound] : *t) {
      if (key.str() != word) {
        if (key.str() == "at_most" || key.str() == "at_least")
          return at(key.source(), fmt::format("{}.{}: {} ({}) can only be bounded by {}", full, key.str(),
                                              figure.name, figure.says, word));
        return unknown_key(key.source(), full + "." + std::string(key.str()), std::string(key.str()), {word});
      }
      const bool part = figure.name == "share_of_limit" || figure.name == "on_label_share";
      const bool may_be_zero = figure.unit == "count" || figure.unit == "share";
      BW_TRY(c.value, value(bound, joined(full, word), figure.unit, 0, part ? 1 : INFINITY));
      if (c.value == 0 && !may_be_zero)
        return wrong(bound, joined(full, word), fmt::format("a number above 0 ({})", figure.unit));
      if (c.value == 0 && c.bound == Bound::at_least)
        return at(bound.source(), fmt::format("{}: at least 0 cannot fail", full), "leave it out");
    }
    return c;
  }

  // [tasks.CATEGORY] and [degradation.margin] are keyed by names of the user's.
  Status tasks(const toml::table& t, const std::string& prefix) {
    for (const auto& [key, node] : t) {
      const std::string category(key.str()), full = joined(prefix, category);
      if (!is_name(category))
        return at(key.source(), fmt::format("{}: a category is named in small letters, digits and _", full));
      const toml::table* inner = node.as_table();
      if (!inner || inner->empty()) return wrong(node, full, "a table with suite and items");
      Task& task = named(category);
      BW_CHECK(section(*inner, full, {{"suite", text(task.suite)}, {"items", whole(task.items, 2, 100000)}}));
    }
    return {};
  }
  Status margins(const toml::table& t, const std::string& prefix) {
    for (const auto& [key, node] : t) {
      const std::string category(key.str()), full = joined(prefix, category);
      std::vector<std::string> names;
      for (const Task& task : s_.tasks) names.push_back(task.category);
      if (std::find(names.begin(), names.end(), category) == names.end())
        return unknown_key(key.source(), full, category, names);
      double& margin = named(category).margin_points;
      BW_TRY(margin, value(node, full, "points in 100", 0, 100));
      if (margin == 0)
        return wrong(node, full, "a number above 0 (points in 100): no test can show a margin of 0");
      note(full);
    }
    return {};
  }
  Task& named(const std::string& category) {
    for (Task& t : s_.tasks)
      if (t.category == category) return t;
    s_.tasks.push_back({category, "", 0, 0});
    return s_.tasks.back();
  }

  Scenario& s_;
};

Status Reader::read(const toml::table& root) {
  std::string ignored;
  std::vector<Entry> costs{{"currency", text(s_.costs.currency)}};
  for (const CostName& c : cost_names())
    costs.push_back(
        {std::string(c.name), [this, &c](const toml::node& node, const std::string& key) -> Status {
           BW_TRY(s_.costs.values[std::string(c.name)],
                  value(node, key, money_unit(c.unit, s_.costs.currency), 0, INFINITY));
           return {};
         }});
  double watts = 0;
  // Tasks first: the margins name their categories, whatever the order in the file.
  if (const toml::node* t = root.get("tasks"))
    BW_CHECK(
        table([this](const toml::table& x, const std::string& key) { return tasks(x, key); })(*t, "tasks"));
  Load& l = s_.load;
  const std::vector<Entry> entries{
      {"name", text(s_.name)},
      {"purpose", text(s_.purpose)},
      {"extends", text(ignored)},
      {"load", inside({{"streams", whole(l.streams, 1, 256)},
                       {"prompt_tokens", whole(l.prompt_tokens, 1, 1 << 20)},
                       {"output_tokens", whole(l.output_tokens, 2, 1 << 20)},
                       {"context", whole(l.context, 3, 1 << 21)},
                       {"requests", whole(l.requests, 1, 100000)},
                       {"rounds", whole(l.rounds, 1, 100)},
                       {"first_token_probes", whole(l.first_token_probes, 0, 100000)},
                       {"threads", whole(l.threads, 0, 1024)},
                       {"kv", kv_type(l.kv)}})},
      {"format", criteria(Axis::format)},
      {"memory", criteria(Axis::memory)},
      {"speed", criteria(Axis::speed)},
      {"tasks", [](const toml::node&, const std::string&) { return Status{}; }},
      {"degradation", inside({{"alpha", number(s_.alpha, "probability", 0.0001, 0.2)},
                              {"margin", table([this](const toml::table& m, const std::string& key) {
                                 return margins(m, key);
                               })}})},
      {"rule", inside({{"attempts", whole(s_.rule.attempts, 1, 100)},
                       {"max_moved_share", number(s_.rule.max_moved_share, "share", 0, 1)}})},
      {"cost", inside(costs)},
      {"power", inside({{"watts", number(watts, "W", 0.01, 1e6)}})},
      {"budget", inside({{"time", number(s_.budget_s, "s", 1, 1e7)}})}};
  BW_CHECK(section(root, "", entries));
  if (watts > 0) s_.watts = watts;
  return {};
}

Result<Scenario> built_in(const std::string& which) {
  BW_TRY(const std::string dir, data_dir());
  BW_TRY(const std::string text, read_text(dir + "/scenarios/" + which + ".toml", 1 << 20));
  return parse(text, which + " (built-in)", true);
}

}  // namespace

const std::vector<std::string>& built_in_names() {
  static const std::vector<std::string> names{"laptop", "nas", "server"};
  return names;
}

Result<Scenario> parse(const std::string& text, const std::string& label, bool is_built_in) {
  BW_TRY(const toml::table root, parse_toml(text, label));
  Scenario s;
  if (const toml::node* base = root.get("extends")) {
    const auto* which = base->as_string();
    const auto& names = built_in_names();
    if (!which || std::find(names.begin(), names.end(), which->get()) == names.end()) {
      const Reader r(label, s, is_built_in);
      return r.wrong(*base, "extends", "laptop, nas or server");
    }
    BW_TRY(s, built_in(which->get()));
    s.given.clear();
  }
  s.source = is_built_in ? "built-in" : label;
  s.toml = text;
  s.sha256 = sha256_hex(text);
  BW_CHECK(Reader(label, s, is_built_in).read(root));
  BW_CHECK(check_complete(s, label));
  return s;
}

Result<Scenario> load(const std::string& which) {
  const auto& names = built_in_names();
  if (which.empty())
    return bad_input(
        "no scenario: there is no verdict without one. A file is not good or bad by itself; the same file is "
        "worth it "
        "on one machine, for one load and one task, and not on another",
        "--scenario laptop, nas or server (built in), or --scenario FILE.toml (docs/scenario.md)");
  if (std::find(names.begin(), names.end(), which) != names.end()) return built_in(which);
  const bool path = which.find('/') != std::string::npos || which.ends_with(".toml");
  if (!path) {
    const std::string near = nearest(which, names);
    return bad_input(fmt::format("scenario {}: no built-in of this name{}", which,
                                 near.empty() ? "" : fmt::format("; the nearest is {}", near)),
                     "built in: laptop, nas, server; a file ends in .toml");
  }
  BW_TRY(const std::string text, read_text(which, 1 << 20));
  return parse(text, which, false);
}

}  // namespace bw::scenario
