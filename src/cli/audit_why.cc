// bitworth audit why FOLDER DEPLOYMENT: who decided that it serves, on what evidence, and what happened
// since.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/markup.h"
#include "cli/audit_serve.h"
#include "serve/why.h"

namespace bw::cli {

void add_audit_why(CLI::App& audit, Shared& shared) {
  auto* sub =
      audit.add_subcommand("why", "Why a deployment serves: who decided, on what evidence, what came of it");
  sub->footer(
      "Example:\n  bitworth audit why served/ small\n"
      "  bitworth audit why served/ small --at 2026-12-01T08:00:00Z");
  auto o = std::make_shared<serve::WhyOptions>();
  sub->add_option("FOLDER", o->folder, "The log's folder")->required();
  sub->add_option("DEPLOYMENT", o->deployment, "Its name in the contract")->required();
  sub->add_option("--at", o->at, "As known at that moment (RFC 3339); default: now");
  sub->callback([&shared, o] {
    shared.chosen = [&shared, o] {
      auto why = serve::why(*o);
      if (!why) return complain(why.error());
      if (shared.json)
        fmt::print("{}\n", why->dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
      else
        fmt::print("{}", terminal_text(serve::text_of_why(*why)));
      return 0;
    };
  });
}

}  // namespace bw::cli
