// What one key of a contract says of another: names that must exist, sizes that must fit.
#include <fmt/format.h>

#include <algorithm>

#include "contract/load.h"
#include "contract/words.h"
#include "scenario/quantity.h"

namespace bw::contract {

// What one key says of another.
Status check_names(const Contract& contract, const WrongAt& wrong_at) {
  const auto missing = [&](const char* what, const char* example) {
    return bad_input(fmt::format("{}: {} is missing", contract.path, what), fmt::format("add: {}", example));
  };
  if (contract.name.empty()) return missing("name", "name = \"extraction\"");
  if (contract.owner.empty()) return missing("owner", "owner = \"who answers for it\"");
  if (contract.deployments.empty())
    return missing("a deployment", "[deployments.small] with file = \"model.gguf\"");
  if (contract.classes.empty())
    return missing("a class", "[classes.default] with max_prompt_tokens, max_output_tokens and chain");
  std::vector<std::string> deployments{kPerson}, classes;
  for (const Deployment& d : contract.deployments) deployments.push_back(d.name);
  for (const Class& c : contract.classes) classes.push_back(c.name);
  const auto unknown = [&](const std::string& key, const std::string& name,
                           const std::vector<std::string>& names, const char* what) {
    const std::string near = scenario::nearest(name, names);
    std::string known;
    for (const std::string& n : names) known += (known.empty() ? "" : ", ") + n;
    return wrong_at(key,
                    fmt::format("no {} is called \"{}\"{}", what, name,
                                near.empty() ? "" : fmt::format("; the nearest is {}", near)),
                    "known: " + known);
  };
  const auto is_in = [](const std::vector<std::string>& names, const std::string& n) {
    return std::find(names.begin(), names.end(), n) != names.end();
  };
  if (!contract.default_class.empty() && !is_in(classes, contract.default_class))
    return unknown("default_class", contract.default_class, classes, "class");
  for (const Class& c : contract.classes) {
    const std::string key = "classes." + c.name;
    for (size_t i = 0; i < c.chain.size(); ++i) {
      const std::string here = fmt::format("{}.chain[{}]", key, i);
      if (!is_in(deployments, c.chain[i])) return unknown(here, c.chain[i], deployments, "deployment");
      if (std::find(c.chain.begin(), c.chain.begin() + static_cast<std::ptrdiff_t>(i), c.chain[i]) !=
          c.chain.begin() + static_cast<std::ptrdiff_t>(i))
        return wrong_at(here, fmt::format("\"{}\" was asked already", c.chain[i]),
                        "attempts = N asks it again");
      if (c.chain[i] == kPerson && i + 1 < c.chain.size())
        return wrong_at(here, "a person is the last of a chain: nothing comes after", "");
      const Deployment* d = contract.find_deployment(c.chain[i]);
      if (d && d->own() && uint64_t(c.max_prompt_tokens) + c.max_output_tokens > d->context)
        return wrong_at(key + ".max_prompt_tokens",
                        fmt::format("with max_output_tokens it makes {}, and deployments.{}.context is {}",
                                    uint64_t(c.max_prompt_tokens) + c.max_output_tokens, d->name, d->context),
                        "lower one, or raise context (`bitworth plan FILE --ctx N` shows its memory)");
    }
    if (c.chain[0] == kPerson) return wrong_at(key + ".chain[0]", "a chain begins with a deployment", "");
    size_t n_constraining = 0;
    for (size_t i = 0; i < c.checks.size(); ++i)
      if (c.checks[i].kind == Check::Kind::schema && c.checks[i].constrain && ++n_constraining > 1)
        return wrong_at(fmt::format("{}.checks[{}].schema", key, i),
                        "an answer can be decoded under one schema only", "constrain = false for the others");
  }
  for (size_t i = 0; i < contract.stops.size(); ++i) {
    const StopTrigger& s = contract.stops[i];
    const std::string key = fmt::format("stops[{}]", i);
    if (!s.class_name.empty() && !is_in(classes, s.class_name))
      return unknown(key + ".class", s.class_name, classes, "class");
    for (const Class& c : contract.classes)
      if (s.action == StopTrigger::Action::fallback && (s.class_name.empty() || s.class_name == c.name) &&
          c.chain.size() < 2)
        return wrong_at(key + ".action",
                        fmt::format("class {} has nothing to fall back to: its chain has one link", c.name),
                        "action = \"refuse\"");
  }
  return {};
}

}  // namespace bw::contract
