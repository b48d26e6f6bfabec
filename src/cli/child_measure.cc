// bitworth child-measure (hidden): the measured process. Holds one candidate, runs the load it reads on
// stdin.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>

#include "cli/cli.h"
#include "speed/speed.h"

namespace bw::cli {

void add_child_measure(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("child-measure", "(internal) measure one candidate in a process of its own");
  sub->group("");
  sub->callback([&shared] {
    shared.chosen = []() -> int {
      const std::string request{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
      auto result = speed::child_measure(request);
      if (!result) return complain(result.error());
      fmt::print("{}\n", *result);
      return 0;
    };
  });
}

}  // namespace bw::cli
