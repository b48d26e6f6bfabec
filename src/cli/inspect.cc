// bitworth inspect FILE: what the file really is and what it needs of a runtime.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/figure_json.h"
#include "cli/cli.h"
#include "cli/model_session.h"
#include "format/format.h"

namespace bw::cli {
namespace {

nlohmann::ordered_json to_json(const format::FormatReport& r) {
  nlohmann::ordered_json types = nlohmann::ordered_json::array();
  for (const auto& t : r.types)
    types.push_back({{"type", t.type},
                     {"tensors", t.n_tensors},
                     {"elements", t.n_elements},
                     {"bytes", t.n_bytes},
                     {"share", t.share},
                     {"computed_here", t.computed_here}});
  return {{"path", r.path},
          {"architecture", r.architecture},
          {"name", r.name},
          {"gguf_version", r.gguf_version},
          {"file_bytes", r.file_bytes},
          {"weight_bytes", r.weight_bytes},
          {"elements", r.n_elements},
          {"label", r.label},
          {"bits_per_weight", json_of(r.bits_per_weight)},
          {"on_label_share", json_of(r.on_label_share)},
          {"bytes_read_per_token", json_of(r.bytes_read_per_token)},
          {"types", types},
          {"requirements", r.requirements},
          {"findings", r.findings},
          {"loads_here", r.loads_here},
          {"why_not", r.why_not},
          {"tokenizer_digest", r.tokenizer_digest}};
}

void print(const format::FormatReport& r) {
  fmt::print("{}\n", r.path);
  fmt::print("  architecture         {}  {}\n", r.architecture, r.name);
  fmt::print("  GGUF version         {}, {} in {} weights\n", r.gguf_version,
             bytes_text(double(r.file_bytes)), r.n_elements);
  fmt::print("  label                {}\n", r.label.empty() ? "none" : r.label);
  fmt::print("  bits per weight      {}\n", show(r.bits_per_weight));
  fmt::print("  on the label         {}\n", show(r.on_label_share));
  fmt::print("  read per token       {}\n", show(r.bytes_read_per_token));
  fmt::print("  runs here            {}\n", r.loads_here ? "yes" : "no: " + r.why_not);
  fmt::print("\n  type      tensors       bytes   share\n");
  for (const auto& t : r.types)
    fmt::print("  {:<8} {:>8}  {:>10}  {:>5.1f} %{}\n", t.type, t.n_tensors, bytes_text(double(t.n_bytes)),
               t.share * 100, t.computed_here ? "" : "   not computed by bitworth");
  if (!r.requirements.empty()) fmt::print("\n  a runtime must support\n");
  for (const auto& s : r.requirements) fmt::print("    - {}\n", s);
  if (r.findings.empty())
    fmt::print("\n  findings: none in what was looked at (structure, sizes, vocabulary, template)\n");
  else
    fmt::print("\n  findings\n");
  for (const auto& s : r.findings) fmt::print("    - {}\n", s);
}

}  // namespace

void add_inspect(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand(
      "inspect", "What a file really is: types, bits per weight, what a runtime must support");
  sub->footer("Example:\n  bitworth inspect model.gguf");
  auto path = std::make_shared<std::string>();
  sub->add_option("FILE", *path, "GGUF file, or a name from `bitworth models`")->required();
  sub->callback([&shared, path] {
    shared.chosen = [&shared, path]() -> int {
      auto file = open_named(*path);
      if (!file) return complain(file.error());
      auto report = format::inspect(*file);
      if (!report) return complain(report.error());
      if (shared.json)
        fmt::print("{}\n", to_json(*report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
      else
        print(*report);
      return 0;
    };
  });
}

}  // namespace bw::cli
