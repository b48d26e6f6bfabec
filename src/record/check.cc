#include "record/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/figure_json.h"
#include "base/hash.h"
#include "judge/evaluate.h"

namespace bw::record {
namespace {

using Json = nlohmann::ordered_json;
using Named = std::map<std::string, const Json*>;

constexpr const char* kEmpty = "\"digest\": \"\"";
constexpr double kSame = 1e-9;  // sums in another order

std::optional<double> number_of(const Json& j) {
  return j.is_number() ? std::optional(j.get<double>()) : std::nullopt;
}
class Checker {
 public:
  explicit Checker(const Json& record) : j_(record) {}

  Check run() {
    for (const Json& c : j_.at("candidates")) {
      who_ = c.at("name");
      axes(c);
      verdict(c);
      memory(c.at("axes").at("memory").at("figures"));
      for (const auto& [name, category] : c.at("categories").items()) cases(c, name, category);
    }
    who_ = "exit_code";
    exit_code();
    return std::move(out_);
  }

 private:
  void same(const std::string& what, const std::string& found, const std::string& expected) {
    ++out_.n_derived;
    if (found != expected)
      out_.disagreements.push_back(
          fmt::format("{}: {} is `{}`, the rest of the record gives `{}`", who_, what, found, expected));
  }
  void same(const std::string& what, double found, double expected) {
    ++out_.n_derived;
    if (!(std::fabs(found - expected) <= kSame * std::max({1.0, std::fabs(found), std::fabs(expected)})))
      out_.disagreements.push_back(
          fmt::format("{}: {} is {:.9g}, the rest of the record gives {:.9g}", who_, what, found, expected));
  }
  void same_figure(const std::string& what, const Json& figure, double expected) {
    if (const auto v = number_of(figure.at("value"))) same(what, *v, expected);
  }

  // A criterion's state from what was observed and what the scenario wants; an axis's from its criteria.
  void axes(const Json& c) {
    for (const auto& [name, axis] : c.at("axes").items()) {
      bool fails = false, open = axis.at("criteria").empty();
      for (const Json& r : axis.at("criteria")) {
        const std::string state = r.at("state");
        fails |= state == "fails";
        open |= state == "cannot tell";
        if (name != "degradation") criterion(name, r);
      }
      same(name + " axis", axis.at("state"), fails ? "fails" : open ? "cannot tell" : "holds");
    }
    for (const Json& r : c.at("axes").at("degradation").at("criteria")) {
      const std::string criterion = r.at("name"), category = criterion.substr(criterion.find(' ') + 1);
      if (!c.at("categories").contains(category)) continue;
      const std::string outcome = c.at("categories").at(category).at("outcome");
      const bool shown = c.at("axes").at("degradation").at("control_was_worse");
      const bool holds = outcome == "better" || (outcome == "equivalent" && shown);
      same(criterion, r.at("state"), holds ? "holds" : outcome == "worse" ? "fails" : "cannot tell");
    }
  }
  void criterion(const std::string& axis, const Json& r) {
    for (const Json& k : j_.at("scenario").at("criteria")) {
      if (k.at("axis") != axis || k.at("figure") != r.at("name")) continue;
      scenario::Criterion c;
      c.figure = k.at("figure");
      c.bound = k.at("bound") == "at_most" ? scenario::Bound::at_most : scenario::Bound::at_least;
      c.value = k.at("value");
      c.unit = k.at("unit");
      const auto observed = figure_of(r.at("observed"));
      same(axis + ", " + c.figure, r.at("state"),
           observed ? judge::name(judge::evaluate(c, *observed).state) : observed.error().what);
    }
  }

  // The precedence of docs/scenario.md. A run that judged nothing (exit code 5) says `cannot tell` of all.
  void verdict(const Json& c) {
    bool fails = c.at("smaller_than_reference") == false, open = false;
    for (const auto& [name, axis] : c.at("axes").items()) {
      fails |= axis.at("state") == "fails";
      open |= axis.at("state") == "cannot tell";
    }
    const Json& rule = c.at("rule");
    open |= rule.at("state") == "cannot tell" || rule.at("open") == true || c.at("role") == "control";
    const char* word = j_.at("exit_code") == 5       ? "cannot tell"
                       : fails                       ? "not worth it"
                       : rule.at("state") == "fired" ? "moved, not reduced"
                       : open                        ? "cannot tell"
                                                     : "worth it";
    same("the verdict", c.at("verdict").at("word"), word);
  }
  void exit_code() {
    if (j_.at("exit_code") == 5) return;
    const auto any = [&](const char* word) {
      return std::any_of(j_.at("candidates").begin(), j_.at("candidates").end(), [&](const Json& c) {
        return c.at("role") == "candidate" && c.at("verdict").at("word") == word;
      });
    };
    same("itself", j_.at("exit_code").get<double>(), any("worth it") ? 0 : any("cannot tell") ? 4 : 3);
  }

  void memory(const Json& f) {
    double sum = 0;
    for (const char* part : {"weights", "kv", "work", "program"}) {
      const auto v = number_of(f.at(part).at("value"));
      if (!v) return;
      sum += *v;
    }
    same_figure("planned memory", f.at("planned"), sum);
    if (const auto peak = number_of(f.at("peak").at("value")))
      same_figure("memory, peak against plan", f.at("difference"), (*peak - sum) / sum);
  }

  // Counts and means of a category from the cases, paired with the reference's by id.
  void cases(const Json& c, const std::string& name, const Json& category) {
    Named theirs;
    const bool compared = !j_.at("reference").is_null();
    if (compared)
      for (const Json& x : j_["reference"].at("cases")) theirs[x.at("id")] = &x;
    double n = 0, right = 0, right_reference = 0, worse = 0, better = 0, silent = 0, difference = 0;
    for (const Json& x : c.at("cases")) {
      if (x.at("category") != name) continue;
      const auto other = theirs.find(x.at("id"));
      if (compared && other == theirs.end()) continue;
      const bool truth = x.at("truth");
      ++n;
      right += truth;
      silent += x.at("accepted") == true && !truth;
      if (!compared) continue;
      const bool its = other->second->at("truth");
      right_reference += its;
      worse += its && !truth;
      better += !its && truth;
      difference += x.at("score").get<double>() - other->second->at("score").get<double>();
    }
    const auto of = [&](const char* what) { return fmt::format("{}, {}", name, what); };
    same(of("items"), category.at("n_items").get<double>(), n);
    if (n == 0) return;
    const Json& f = category.at("figures");
    same_figure(of("exact"), f.at("candidate_truth"), right / n);
    same_figure(of("accepted, not true"), f.at("silent_failures"), silent / n);
    if (!compared) return;
    same(of("right to wrong"), category.at("flips_worse").get<double>(), worse);
    same(of("wrong to right"), category.at("flips_better").get<double>(), better);
    same_figure(of("exact, reference"), f.at("reference_truth"), right_reference / n);
    same_figure(of("candidate less reference"), f.at("difference"), difference / n);
  }

  const Json& j_;
  std::string who_;
  Check out_;
};

bool digest_agrees(std::string text, const std::string& digest) {
  const std::string filled = fmt::format("\"digest\": \"{}\"", digest);
  const size_t at = text.find(filled);
  if (at == std::string::npos) return false;
  text.replace(at, filled.size(), kEmpty);
  return sha256_hex(text) == digest;
}

}  // namespace

std::string sealed(std::string text) {
  const size_t at = text.find(kEmpty);
  const std::string digest = sha256_hex(text);
  if (at != std::string::npos)
    text.replace(at, std::string(kEmpty).size(), fmt::format("\"digest\": \"{}\"", digest));
  return text;
}

Result<Check> check(const std::string& text) {
  const Json j = Json::parse(text, nullptr, false);
  if (j.is_discarded())
    return bad_input("the record is not JSON", "give a file that `bitworth judge --out` wrote");
  if (!j.is_object() || !j.contains("schema") || j["schema"] != "bitworth.judgement/1")
    return bad_input(fmt::format("the record's schema: expected bitworth.judgement/1, found {}",
                                 j.is_object() && j.contains("schema") ? j["schema"].dump() : "none"),
                     "give a file that `bitworth judge --out` of this version wrote");
  try {
    Check c = Checker(j).run();
    c.digest_agrees = digest_agrees(text, j.at("digest"));
    return c;
  } catch (const Json::exception& e) {  // the library's way to say a key is missing or of another type
    return bad_input(fmt::format("the record does not follow its schema: {}", e.what()),
                     "validate it against data/schema/judgement.schema.json");
  }
}

std::string says(const Check& c) {
  std::string out = c.digest_agrees
                        ? "the record's digest agrees"
                        : "THE RECORD'S DIGEST DOES NOT AGREE: it was changed after it was written";
  if (c.disagreements.empty())
    out += fmt::format("; {} states, counts and figures worked out again from its criteria and cases agree",
                       c.n_derived);
  else
    out += fmt::format("; {} OF {} THINGS WORKED OUT AGAIN DO NOT AGREE, the first: {}",
                       c.disagreements.size(), c.n_derived, c.disagreements[0]);
  return out +
         ". Not checked, for nobody signed it: who made it, whether it was measured as it says, the "
         "intervals, "
         "the costs";
}

}  // namespace bw::record
