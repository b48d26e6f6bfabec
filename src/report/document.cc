// From the record to blocks: the first screen (verdicts, three answers), then the axes one by one, then the
// rest.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "record/check.h"
#include "report/figures.h"
#include "report/report.h"

namespace bw::report {
namespace {

using json = nlohmann::ordered_json;  // figures are shown in the order of the record

Tone tone_of(const std::string& word) {
  if (word == "worth it" || word == "holds" || word == "not fired" || word == "equivalent" ||
      word == "better")
    return Tone::good;
  if (word == "not worth it" || word == "fails" || word == "fired" || word == "worse" ||
      word == "moved, not reduced")
    return Tone::bad;
  return Tone::open;
}

std::string name_of(const json& candidate) {
  std::string name = candidate.at("name");
  if (const std::string kv = candidate.at("kv_type"); kv != "f16") name += ", KV cache " + kv;
  return candidate.at("role") == "control" ? name + " (control)" : name;
}

// The one figure of an axis a person asks for first, where it is known.
std::string headline(const json& axis, std::initializer_list<const char*> keys) {
  std::string out;
  for (const char* key : keys) {
    if (!axis.at("figures").contains(key)) continue;
    out +=
        fmt::format("{}{} {}", out.empty() ? "" : "; ", label(key), show_short(read(axis["figures"][key])));
  }
  return out;
}

std::string first_open(const json& axis) {
  for (const char* state : {"fails", "cannot tell"})
    for (const json& c : axis.at("criteria"))
      if (c.at("state") == state)
        return fmt::format("{}: expected {}, observed {} ({})", label(c.at("name")),
                           c.at("expected").get<std::string>(), show_short(read(c.at("observed"))),
                           c.at("evidence").get<std::string>());
  return {};
}

Line axis_line(const char* name, const json& axis, std::string text) {
  const std::string state = axis.at("state");
  if (state != "holds")
    if (std::string why = first_open(axis); !why.empty()) text = why;
  return {name, state, std::move(text), tone_of(state)};
}

// `quantize --control` labels its file, and the label is a finding of the format axis.
bool says_it_is_a_control(const json& c) {
  const json& findings = c.at("axes").at("format").at("findings");
  return findings.size() == 1 && findings[0].get<std::string>().rfind("bitworth.control:", 0) == 0;
}

void summary(Document& d, const json& c) {
  const json& verdict = c.at("verdict");
  const std::string word = verdict.at("word");
  d.blocks.push_back(Verdict{name_of(c), word, verdict.at("by_category"), tone_of(word)});
  const json& axes = c.at("axes");
  Lines lines;
  lines.lines.push_back(
      axis_line("format", axes.at("format"), headline(axes.at("format"), {"bits_per_weight", "file_bytes"})));
  if (says_it_is_a_control(c) && lines.lines.back().state != "holds")
    lines.lines.back().text += ". Expected: the finding is that the file says it is a control";
  lines.lines.push_back(
      axis_line("memory", axes.at("memory"), headline(axes.at("memory"), {"peak", "saved"})));
  lines.lines.push_back(axis_line("speed", axes.at("speed"),
                                  headline(axes.at("speed"), {"ttft_p95_ms", "decode_tokens_per_s"})));
  Line degradation{"degradation", axes.at("degradation").at("state"), "", Tone::open};
  degradation.tone = tone_of(degradation.state);
  for (const auto& [category, report] : c.at("categories").items())
    degradation.text +=
        fmt::format("{}{}: {}, {}", degradation.text.empty() ? "" : "; ", category,
                    report.at("outcome").get<std::string>(), report.at("plain").get<std::string>());
  if (degradation.text.empty()) degradation.text = first_open(axes.at("degradation"));
  lines.lines.push_back(degradation);
  for (const auto& [category, report] : c.at("categories").items())
    if (const std::string warning = report.at("warning"); !warning.empty())
      lines.lines.push_back({"warning", "", fmt::format("{}: {}", category, warning), Tone::open});
  const json& rule = c.at("rule");
  lines.lines.push_back({"practical rule", rule.at("state"), rule.at("why"), tone_of(rule.at("state"))});
  for (const json& why : verdict.at("why"))
    lines.lines.push_back({&why == &verdict.at("why").front() ? "because" : "", "", why, Tone::plain});
  if (const std::string fragile = verdict.at("fragile"); !fragile.empty())
    lines.lines.push_back({"how fragile", "", fragile, Tone::plain});
  d.blocks.push_back(lines);
}

// The candidate whose answers close the first screen: the first one that is worth it, else the first that is
// no control.
const json* chosen(const json& candidates) {
  const json* first = nullptr;
  for (const json& c : candidates) {
    if (c.at("role") == "control") continue;
    if (c.at("verdict").at("word") == "worth it") return &c;
    if (!first) first = &c;
  }
  return first;
}

void answers(Document& d, const json& c) {
  const json& a = c.at("answers");
  d.blocks.push_back(Heading{3, "Three answers, for " + name_of(c)});
  d.blocks.push_back(Lines{{{"what is gained", "", a.at("gained"), Tone::plain},
                            {"what needs control", "", a.at("control_needed"), Tone::plain}}});
  // A quotation only where there is something to quote: "none in 42 items" and "not known: no task was run"
  // are ours.
  const std::string failure = a.at("first_silent_failure");
  bool quoted = false;
  for (const auto& [category, r] : c.at("categories").items())
    quoted |= !r.at("first_silent_failure").get<std::string>().empty();
  if (quoted)
    d.blocks.push_back(Quote{"first silent failure: accepted, and not true", failure});
  else
    d.blocks.push_back(Paragraph{"first silent failure: " + failure});
  for (const json& r : c.at("run_without_bitworth"))
    d.blocks.push_back(
        Code{fmt::format("without bitworth, by {}", r.at("tool").get<std::string>()), r.at("text")});
}

void criteria(Document& d, const json& axis) {
  if (axis.at("criteria").empty()) return;
  Table t{{"criterion", "expected", "observed", "state"}, {}};
  for (const json& c : axis["criteria"])
    t.rows.push_back({label(c.at("name")), c.at("expected"), show(read(c.at("observed"))), c.at("state")});
  d.blocks.push_back(t);
}

void figures(Document& d, const json& figures) {
  Figures t;
  for (const auto& [key, json_figure] : figures.items()) {
    const Figure f = read(json_figure);
    std::string how = f.known() && f.birth != Birth::declared ? f.reason : "";
    if (f.n) how = fmt::format("n = {}{}{}", *f.n, how.empty() ? "" : "; ", how);
    t.rows.push_back({label(key), show(f), how});
  }
  if (!t.rows.empty()) d.blocks.push_back(t);
}

void types(Document& d, const json& axis) {
  Table t{{"type", "tensors", "MiB", "share"}, {}};
  for (const json& x : axis.at("types"))
    t.rows.push_back({x.at("type"), std::to_string(x.at("n_tensors").get<int64_t>()),
                      fmt::format("{:.1f}", x.at("n_bytes").get<double>() / 1048576.0),
                      fmt::format("{:.1f} %", 100 * x.at("share").get<double>())});
  if (!t.rows.empty()) d.blocks.push_back(t);
}

void flips(Document& d, const json& c, const json& reference) {
  if (reference.is_null() || !reference.contains("cases")) return;
  size_t shown = 0;
  for (const json& mine : c.at("cases")) {
    if (mine.at("truth") == true) continue;
    for (const json& theirs : reference.at("cases")) {
      if (theirs.at("id") != mine.at("id") || theirs.at("truth") != true) continue;
      if (++shown <= 3)
        d.blocks.push_back(Quote{
            fmt::format("{}: the reference was right, this one is not{}", mine.at("id").get<std::string>(),
                        mine.at("accepted") == true ? ", and it was accepted" : ""),
            mine.at("output")});
    }
  }
  if (shown > 3)
    d.blocks.push_back(Paragraph{fmt::format("{} more of that kind are in the record.", shown - 3)});
}

void detail(Document& d, const json& c, const json& reference) {
  d.blocks.push_back(Heading{2, name_of(c)});
  d.blocks.push_back(
      Paragraph{fmt::format("{}  SHA-256 {}, KV cache {}", c.at("path").get<std::string>(),
                            c.at("sha256").get<std::string>(), c.at("kv_type").get<std::string>())});
  const json& axes = c.at("axes");
  const json& format = axes.at("format");
  d.blocks.push_back(Heading{3, "Format: " + format.at("state").get<std::string>()});
  criteria(d, format);
  figures(d, format.at("figures"));
  types(d, format);
  if (!format.at("requirements").empty()) {
    d.blocks.push_back(Paragraph{"A runtime must support:"});
    d.blocks.push_back(Bullets{format.at("requirements").get<std::vector<std::string>>()});
  }
  if (!format.at("findings").empty()) {
    d.blocks.push_back(Paragraph{"Found in the file:"});
    d.blocks.push_back(Bullets{format.at("findings").get<std::vector<std::string>>()});
  }
  if (format.at("loads_here") == false)
    d.blocks.push_back(Paragraph{"Does not run here: " + format.at("why_not").get<std::string>()});
  for (const char* name : {"memory", "speed"}) {
    const json& axis = axes.at(name);
    std::string title = name;
    title[0] = char(title[0] - 'a' + 'A');
    d.blocks.push_back(Heading{3, title + ": " + axis.at("state").get<std::string>()});
    criteria(d, axis);
    figures(d, axis.at("figures"));
  }
  const json& degradation = axes.at("degradation");
  d.blocks.push_back(Heading{3, "Degradation: " + degradation.at("state").get<std::string>()});
  criteria(d, degradation);
  if (const std::string note = degradation.at("control_note"); !note.empty())
    d.blocks.push_back(Paragraph{note});
  d.blocks.push_back(Paragraph{"Divergence on the same tokens: an alarm and a map, never the verdict."});
  figures(d, degradation.at("figures"));
  for (const auto& [category, r] : c.at("categories").items()) {
    d.blocks.push_back(Heading{3, fmt::format("{}: {}", category, r.at("outcome").get<std::string>())});
    d.blocks.push_back(Paragraph{fmt::format(
        "{}. {} items; decided by {}; right to wrong {}, wrong to right {}.",
        r.at("plain").get<std::string>(), r.at("n_items").get<int64_t>(), r.at("deciding").get<std::string>(),
        r.at("flips_worse").get<int64_t>(), r.at("flips_better").get<int64_t>())});
    if (const std::string warning = r.at("warning"); !warning.empty())
      d.blocks.push_back(Paragraph{"Warning: " + warning + "."});
    json renamed = json::object();  // "difference" means another thing on the memory axis
    for (const auto& [key, f] : r.at("figures").items())
      renamed[key == "difference" ? "category_difference" : key] = f;
    figures(d, renamed);
  }
  flips(d, c, reference);
  const json& rule = c.at("rule");
  d.blocks.push_back(Heading{3, "The practical rule: " + rule.at("state").get<std::string>()});
  d.blocks.push_back(Paragraph{rule.at("why")});
  if (const std::string even = rule.value("break_even", ""); !even.empty())
    d.blocks.push_back(Paragraph{"Break-even: " + even});
  json renamed = json::object();  // here of what is delivered after all attempts, there of first answers
  for (const auto& [key, f] : rule.at("figures").items())
    renamed[key.rfind("silent_failures", 0) == 0 ? "delivered_" + key : key] = f;
  figures(d, renamed);
}

Document build(const json& j, const record::Check& check) {
  Document d;
  const json& scenario = j.at("scenario");
  d.title = fmt::format("Is it worth it? Scenario {}", scenario.at("name").get<std::string>());
  d.blocks.push_back(Heading{1, d.title});
  d.blocks.push_back(Paragraph{scenario.at("purpose")});
  std::string intro;
  if (!j.at("reference").is_null()) {
    const json& r = j["reference"];
    intro += fmt::format("Reference: {}, {} a weight, KV cache {}.", r.at("name").get<std::string>(),
                         show_short(read(r.at("bits_per_weight"))), r.at("kv_type").get<std::string>());
  } else {
    intro += "No reference: degradation is unknown.";
  }
  d.blocks.push_back(Paragraph{intro});
  if (!check.ok()) d.blocks.push_back(Paragraph{record::says(check)});
  for (const json& c : j.at("candidates")) summary(d, c);
  if (const json* c = chosen(j.at("candidates"))) answers(d, *c);
  for (const json& c : j.at("candidates")) detail(d, c, j.at("reference"));
  if (!j.at("limits_of_this_run").empty()) {
    d.blocks.push_back(Heading{2, "What this run could not show"});
    d.blocks.push_back(Bullets{j.at("limits_of_this_run").get<std::vector<std::string>>()});
  }
  if (const std::string go_on = j.at("go_on"); !go_on.empty())
    d.blocks.push_back(Code{"to go on where this run ended", go_on});
  d.blocks.push_back(Heading{2, "How it was made"});
  const json& host = j.at("host");
  d.blocks.push_back(
      Lines{{{"host", "",
              fmt::format("{}, {} threads, {}", host.at("cpu").get<std::string>(),
                          host.at("n_threads").get<int64_t>(), host.at("os").get<std::string>()),
              Tone::plain},
             {"kernels", "",
              fmt::format("{}, numerics {}", host.at("isa").get<std::string>(),
                          j.at("numerics").get<std::string>()),
              Tone::plain},
             {"memory limit", "", show(read(host.at("memory_limit"))), Tone::plain},
             {"made", "",
              fmt::format("{} by bitworth {}", j.at("created").get<std::string>(),
                          j.at("bitworth_version").get<std::string>()),
              Tone::plain},
             {"checked", "", record::says(check), check.ok() ? Tone::plain : Tone::bad}}});
  Table steps{{"step", "seconds", "reused", "note"}, {}};
  for (const json& s : j.at("steps"))
    steps.rows.push_back({s.at("name"), fmt::format("{:.1f}", s.at("seconds").get<double>()),
                          std::to_string(s.at("reused").get<int64_t>()), s.at("note")});
  d.blocks.push_back(steps);
  return d;
}

}  // namespace

Result<Document> document(const std::string& record_json) {
  BW_TRY(const record::Check check, record::check(record_json));
  try {
    return build(json::parse(record_json), check);
  } catch (const json::exception& e) {  // the library's way to say a key is missing or of another type
    return bad_input(fmt::format("the record does not follow its schema: {}", e.what()),
                     "validate it against data/schema/judgement.schema.json");
  }
}

}  // namespace bw::report
