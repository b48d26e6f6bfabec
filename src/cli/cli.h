// What every command shares: options common to all, errors and figures on the terminal, progress,
// interruption. In: argc, argv. Out: an exit code (0 done, 1 failed, 2 bad usage or input, 3, 4, 5: see
// docs/commands.md).
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "base/model_path.h"
#include "base/result.h"
#include "report/figures.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace bw::cli {

struct Shared {
  bool json = false;                // the result as JSON on stdout
  bool quiet = false;               // no progress
  bool no_color = false;            // also NO_COLOR, and when stdout is no terminal
  std::function<int()> chosen;      // set by the command that was named
  std::string program;              // this binary, for child processes
  std::string called = "bitworth";  // as the person called it, for commands to copy
};

// One line in commands.def, one file: adds its subcommand to `app`.
#define BW_COMMAND(name) void add_##name(CLI::App& app, Shared& shared);
#include "cli/commands.def"
#undef BW_COMMAND

// The whole program; its exit code. Third-party exceptions that pass (bad_alloc) are main.cc's.
int program(int argc, char** argv);

// Prints "bitworth: WHAT" and "  next: NEXT" on stderr; returns the exit code of the error.
int complain(const Error& error);

// One line on stderr, rewritten in place, only on a terminal and unless quiet.
class Progress {
 public:
  explicit Progress(const Shared& shared);
  ~Progress();
  void step(std::string_view what, double share);  // share in [0, 1]; negative: unknown
  void clear();

 private:
  bool on_;
  int64_t started_ns_, last_ns_ = 0;
  std::string what_;
};

// Set by Ctrl-C or SIGTERM after catch_interrupts(); a second Ctrl-C ends the program at once.
std::atomic<bool>& interrupted();
void catch_interrupts();

// A word as a shell takes it: quoted where it must be.
std::string shell_word(const std::string& word);
// "412.5 MiB", "1.9 GiB"
std::string bytes_text(double bytes);
using report::show;  // a figure in a person's units, as the report has it

}  // namespace bw::cli
