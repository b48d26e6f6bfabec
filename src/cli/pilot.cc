// bitworth pilot: from the plan to the decision. new, check, start, event, status, card, decide.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "audit/log.h"
#include "base/clock.h"
#include "base/figure.h"
#include "base/file.h"
#include "base/markup.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/log_folder.h"
#include "cli/pilot_act.h"
#include "contract/contract.h"
#include "pilot/standing.h"
#include "report/report.h"

namespace bw::cli {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

struct Options {
  std::string file, log_dir, html, why, card, decision;
  bool force = false;
};

int64_t now() {
  return int64_t(ms_since_1970());
}
void print_json(const Json& j) {
  fmt::print("{}\n", j.dump(2, ' ', false, Json::error_handler_t::replace));
}

// What commands on a running pilot share.
struct Open {
  std::unique_ptr<pilot::Store> store;
  std::unique_ptr<FolderJournal> journal;
  std::unique_ptr<review::Queue> queue;  // null: there is none
  std::unique_ptr<audit::Texts> texts;   // likewise
};
Result<Open> open_folder(const std::string& folder) {
  Open o;
  BW_TRY(o.journal, FolderJournal::open(folder));
  BW_TRY(o.store, pilot::Store::open(pilot::store_path(folder)));
  std::error_code ec;
  if (fs::exists(review::queue_path(folder), ec)) {
    BW_TRY(o.queue, review::Queue::open(review::queue_path(folder)));
  }
  if (fs::exists(folder + "/texts.db", ec)) {
    BW_TRY(o.texts, audit::Texts::open(folder + "/texts.db"));
  }
  return o;
}

int new_file(const Options& o, const std::string& text, const char* next) {
  std::error_code ec;
  if (fs::exists(o.file, ec) && !o.force)
    return complain(bad_input(o.file + ": is there already", "another name, or --force"));
  if (const Status s = write_text(o.file, text); !s) return complain(s.error());
  fmt::print("{}: fill it, then {}\n", o.file, next);
  return 0;
}

// The plan's contract, beside it; an error is a warning here, as the plan may be written first.
std::optional<contract::Contract> contract_of(const pilot::Plan& p, std::vector<std::string>& warnings) {
  if (p.contract.empty()) return std::nullopt;
  const fs::path path = fs::path(p.path).parent_path() / p.contract;
  auto c = contract::load(path.string());
  if (c) return *std::move(c);
  warnings.push_back("candidate.contract: " + c.error().what);
  return std::nullopt;
}

int check(const Shared& shared, const Options& o) {
  auto plan = pilot::load(o.file);
  if (!plan) return complain(plan.error());
  const std::vector<std::string> lacks = pilot::missing(*plan);
  std::vector<std::string> warnings;
  const auto contract = contract_of(*plan, warnings);
  for (std::string& w : pilot::warnings(*plan, contract ? &*contract : nullptr))
    warnings.push_back(std::move(w));
  if (shared.json) {
    Json j{{"file", o.file},
           {"may_start", lacks.empty()},
           {"missing", lacks},
           {"warnings", warnings},
           {"expected_cases", pilot::expected_cases(*plan)}};
    for (const pilot::Measure& m : plan->measures)
      if (const auto n = pilot::planned_n(*plan, m)) j["planned_cases"][m.name] = *n;
    print_json(j);
    return lacks.empty() ? 0 : 2;
  }
  for (const pilot::Measure& m : plan->measures)
    if (const auto n = pilot::planned_n(*plan, m))
      fmt::print("  {:<20} needs {} cases for its margin of {} (alpha {}, power {})\n", m.name, *n,
                 pilot::amount(m.margin, m.unit), plan->alpha, plan->power);
  if (const int64_t n = pilot::expected_cases(*plan)) fmt::print("  the window brings about {} cases\n", n);
  for (const std::string& w : warnings) fmt::print("  warning: {}\n", terminal_text(w));
  if (!lacks.empty()) {
    for (const std::string& l : lacks) fmt::print("  missing: {}\n", l);
    return complain(bad_input(fmt::format("{}: {} thing{} missing, it cannot be started", o.file,
                                          lacks.size(), lacks.size() == 1 ? " is" : "s are"),
                              "fill what is named above"));
  }
  fmt::print("{}: may be started\n", o.file);
  return 0;
}

int start(const Shared& shared, const Options& o) {
  auto plan = pilot::load(o.file);
  if (!plan) return complain(plan.error());
  // A log is made by who serves or by `audit init`: a mistyped folder must not become one.
  auto open = open_folder(o.log_dir);
  if (!open) return complain(open.error());
  const auto started = pilot::start(*open->store, *open->journal, *plan, now());
  if (!started) return complain(started.error());
  if (shared.json)
    print_json({{"pilot", plan->name}, {"log_index", started->log_index}, {"plan_sha256", plan->sha256}});
  else
    fmt::print(
        "{}: started, log entry {}, signed\n  plan {}\n  what counts from now on: answers after that entry, "
        "from {} to {}\n",
        plan->name, started->log_index, plan->sha256, time_text(plan->start_ms, plan->offset_minutes),
        time_text(plan->end_ms, plan->offset_minutes));
  return 0;
}

// Looks at the triggers with everything known, and acts where a server is there to act on. False: a stop
// trigger fired.
Result<bool> look(const Options& o, Open& open, const pilot::Running& running,
                  const pilot::Gathered& gathered, std::vector<pilot::Fired>& fired) {
  BW_TRY(fired, pilot::watch(*open.store, *open.journal, running, gathered.events, now(),
                             server_has(o.log_dir) ? act_on(o.log_dir) : pilot::Act{}));
  BW_TRY(const auto kept, open.store->fired(running.started.id));
  bool quiet = true;
  for (const pilot::Kept& k : kept)
    for (const pilot::Trigger& t : running.plan.triggers) quiet &= !(t.name == k.trigger && t.stops());
  return quiet;
}

void print_fired(const std::vector<pilot::Fired>& fired, bool acted) {
  for (const pilot::Fired& f : fired) fmt::print("  FIRED {}\n", terminal_text(pilot::describe(f)));
  if (!fired.empty() && !acted)
    fmt::print(
        "  no server writes this log, so nothing was acted on; it will be once one does and `pilot status` "
        "is asked\n");
}

int event(const Shared& shared, const Options& o) {
  auto open = open_folder(o.log_dir);
  if (!open) return complain(open.error());
  auto running = pilot::running(*open->store);
  if (!running) return complain(running.error());
  const auto text = read_text(o.file, 64u << 20);
  if (!text) return complain(text.error());
  const auto report = pilot::take(*open->store, *open->journal, *running, *text, o.file, now());
  if (!report) return complain(report.error());
  const auto gathered = pilot::gather(*open->store, *open->journal, open->queue.get(), *running);
  if (!gathered) return complain(gathered.error());
  std::vector<pilot::Fired> fired;
  const auto quiet = look(o, *open, *running, *gathered, fired);
  if (!quiet) return complain(quiet.error());
  if (shared.json) {
    Json j{{"fresh", report->fresh},
           {"same", report->same},
           {"replaced", report->replaced},
           {"late", report->late},
           {"log_index", report->log_index}};
    j["fired"] = Json::array();
    for (const pilot::Fired& f : fired) j["fired"].push_back(f.trigger);
    print_json(j);
  } else {
    fmt::print("{}: {} new, {} known already, {} put right, {} late{}\n", o.file, report->fresh, report->same,
               report->replaced, report->late,
               report->log_index >= 0 ? fmt::format("; log entry {}", report->log_index) : "");
    print_fired(fired, server_has(o.log_dir));
  }
  return *quiet ? 0 : 3;
}

pilot::TextOf texts_of(const Open& open) {
  if (!open.texts) return {};
  return [&open](const std::string& sha256) -> std::optional<std::string> {
    auto text = open.texts->get(sha256);
    if (!text) return std::nullopt;
    return *std::move(text);
  };
}

// The running pilot of a folder, as it stands now; its triggers have been looked at.
struct Seen {
  Open open;
  pilot::Running running;
  pilot::Gathered gathered;
  std::vector<pilot::Kept> kept;
  bool quiet = true;  // no trigger fired just now
};

Result<Seen> see(const Options& o) {
  BW_TRY(Open open, open_folder(o.log_dir));
  BW_TRY(pilot::Running running, pilot::running(*open.store));
  BW_TRY(pilot::Gathered gathered, pilot::gather(*open.store, *open.journal, open.queue.get(), running));
  std::vector<pilot::Fired> fired;
  BW_TRY(const bool quiet, look(o, open, running, gathered, fired));
  BW_TRY(std::vector<pilot::Kept> kept, open.store->fired(running.started.id));
  return Seen{std::move(open), std::move(running), std::move(gathered), std::move(kept), quiet};
}

int status(const Shared& shared, const Options& o) {
  const auto seen = see(o);
  if (!seen) return complain(seen.error());
  const pilot::Standing s =
      pilot::standing(seen->running, seen->gathered, seen->kept, now(), texts_of(seen->open));
  const report::Document d = pilot::document(s);
  if (!o.html.empty())
    if (const Status w = write_text(o.html, report::html(d)); !w) return complain(w.error());
  if (shared.json)
    fmt::print("{}\n", pilot::standing_json(s));
  else
    fmt::print("{}", report::text(d, {.color = !shared.no_color}));
  return seen->quiet ? 0 : 3;
}

int decide(const Shared& shared, const Options& o) {
  const pilot::Decision decision = o.decision == "extend"     ? pilot::Decision::extend
                                   : o.decision == "simplify" ? pilot::Decision::simplify
                                                              : pilot::Decision::stop;
  const auto text = read_text(o.card, 1u << 20);
  if (!text) return complain(text.error());
  const auto card = pilot::read_card(*text, o.card);
  if (!card) return complain(card.error());
  auto seen = see(o);
  if (!seen) return complain(seen.error());
  const Open& open = seen->open;
  const pilot::Running& running = seen->running;
  const int64_t at = now();
  const pilot::Standing s = pilot::standing(running, seen->gathered, seen->kept, at, texts_of(open));
  const auto page = pilot::decide(*open.store, *open.journal, running, decision, o.why, *card, at,
                                  [&] { return report::html(pilot::document(s, decision, o.why, *card)); });
  if (!page) return complain(page.error());
  if (const Status w = write_text(o.html, *page); !w) return complain(w.error());
  if (shared.json)
    print_json({{"pilot", running.plan.name},
                {"decision", o.decision},
                {"html", o.html},
                {"log_entries", open.journal->size()}});
  else
    fmt::print("{}: {}; log entry {}, signed; {}\n", running.plan.name, o.decision, open.journal->size() - 1,
               o.html);
  return 0;
}

}  // namespace

void add_pilot(CLI::App& app, Shared& shared) {
  auto* pilot =
      app.add_subcommand("pilot", "Try a deployment by a plan that says beforehand what would stop it");
  pilot->footer(
      "Example:\n"
      "  bitworth pilot new desk.toml\n"
      "  bitworth pilot check desk.toml\n"
      "  bitworth pilot start desk.toml --log-dir served\n"
      "  bitworth pilot status --log-dir served --html pilot.html\n"
      "  bitworth pilot decide stop --why 'too many wrong' --card card.toml --html decision.html --log-dir "
      "served\n"
      "\n"
      "Exit code 3 of event and status: a trigger that stops the pilot has fired.");
  pilot->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, const char* example, auto run) {
    auto* sub = pilot->add_subcommand(name, what);
    sub->footer(std::string("Example:\n  bitworth pilot ") + example);
    auto o = std::make_shared<Options>();
    sub->callback([&shared, o, run] { shared.chosen = [&shared, o, run] { return run(shared, *o); }; });
    return std::pair(sub, o);
  };
  const auto folder = [](CLI::App* sub, Options& o) {
    sub->add_option("--log-dir", o.log_dir, "The server's folder, which holds the log")->required();
  };
  {
    auto [sub, o] =
        add("new", "A commented plan to fill", "new desk.toml", [](const Shared&, const Options& options) {
          return new_file(options, pilot::new_plan(now()), "bitworth pilot check");
        });
    sub->add_option("FILE", o->file, "Where to write it")->required();
    sub->add_flag("--force", o->force, "Write over it");
  }
  {
    auto [sub, o] =
        add("check", "What a plan lacks, the cases it needs, what will not work", "check desk.toml", check);
    sub->add_option("FILE", o->file, "The plan")->required();
  }
  {
    auto [sub, o] =
        add("start", "Log and sign the plan, before any data", "start desk.toml --log-dir served", start);
    sub->add_option("FILE", o->file, "The plan")->required();
    folder(sub, *o);
  }
  {
    auto [sub, o] = add("event", "Take in what people report, JSON lines (docs/pilot.md)",
                        "event monday.jsonl --log-dir served", event);
    sub->add_option("FILE", o->file, "The lines")->required();
    folder(sub, *o);
  }
  {
    auto [sub, o] = add("status", "The four questions, failures, triggers, days left",
                        "status --log-dir served --html pilot.html", status);
    folder(sub, *o);
    sub->add_option("--html", o->html, "Write the page to this file");
  }
  {
    auto [sub, o] = add("card", "An empty decision card to fill", "card card.toml",
                        [](const Shared&, const Options& options) {
                          return new_file(options, pilot::new_card(), "bitworth pilot decide");
                        });
    sub->add_option("FILE", o->file, "Where to write it")->required();
    sub->add_flag("--force", o->force, "Write over it");
  }
  {
    auto [sub, o] =
        add("decide", "End the pilot with a decision, its reason and its card",
            "decide extend --why 'shown' --card card.toml --html decision.html --log-dir served", decide);
    sub->add_option("DECISION", o->decision, "extend, simplify or stop")
        ->required()
        ->check(CLI::IsMember({"extend", "simplify", "stop"}));
    sub->add_option("--why", o->why, "The reason")->required();
    sub->add_option("--card", o->card, "The filled card (bitworth pilot card FILE)")->required();
    sub->add_option("--html", o->html, "Where to write the decision's page")->required();
    folder(sub, *o);
  }
}

}  // namespace bw::cli
