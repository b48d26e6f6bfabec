// bitworth report judgement.json: the terminal report and the page again, from a record.
#include "report/report.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/log_record.h"
#include "record/check.h"

namespace bw::cli {
namespace {

struct Options {
  std::string path, page, log;
};

int run(const Shared& shared, const Options& o) {
  const auto& [path, page, log] = o;
  auto record = read_text(path);
  if (!record) return complain(record.error());
  const auto named = [&](Error e) {
    e.what = path + ": " + e.what;
    return complain(e);
  };
  const auto check = record::check(*record);
  if (!check) return named(check.error());
  if (!check->ok())
    return named(bad_input(record::says(*check),
                           "the record as `bitworth judge --out` wrote it; nothing is shown of this one"));
  auto document = report::document(*record);
  if (!document) return named(document.error());
  if (!page.empty())
    if (const Status s = write_text(page, report::html(*document)); !s) return complain(s.error());
  if (!log.empty())
    if (const Status s = log_record(shared, path, *record, log); !s) return complain(s.error());
  if (shared.json)
    fmt::print("{}\n", *record);
  else
    fmt::print("{}", report::text(*document, {.color = !shared.no_color}));
  return 0;
}

}  // namespace

void add_report(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("report", "The terminal report and the page of a record");
  sub->footer("Example:\n  bitworth report judgement.json --html report.html");
  auto o = std::make_shared<Options>();
  sub->add_option("RECORD", o->path, "What `bitworth judge --out` wrote")->required();
  sub->add_option("--html", o->page, "Write the page to this file");
  sub->add_option("--log", o->log,
                  "Enter the judgement into the audit log of this folder, as judge --log does");
  sub->callback([&shared, o] { shared.chosen = [&shared, o] { return run(shared, *o); }; });
}

}  // namespace bw::cli
