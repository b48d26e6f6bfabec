// bitworth report judgement.json: the terminal report and the page again, from a record.
#include "report/report.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/file.h"
#include "cli/cli.h"
#include "record/check.h"

namespace bw::cli {
namespace {

int run(const Shared& shared, const std::string& path, const std::string& page) {
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
  auto path = std::make_shared<std::string>(), page = std::make_shared<std::string>();
  sub->add_option("RECORD", *path, "What `bitworth judge --out` wrote")->required();
  sub->add_option("--html", *page, "Write the page to this file");
  sub->callback(
      [&shared, path, page] { shared.chosen = [&shared, path, page] { return run(shared, *path, *page); }; });
}

}  // namespace bw::cli
