// The parts of `bitworth audit` that read what a server logged: replay and why. In: the audit command. Out:
// its two subcommands.
#pragma once
#include "cli/cli.h"

namespace bw::cli {

void add_audit_replay(CLI::App& audit, Shared& shared);
void add_audit_why(CLI::App& audit, Shared& shared);

}  // namespace bw::cli
