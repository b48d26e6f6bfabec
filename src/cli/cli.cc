#include "cli/cli.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/version.h"
#include "cli/usage.h"

namespace bw::cli {
namespace {

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void on_signal(int signal) {
  if (interrupted().exchange(true)) ::_exit(128 + signal);  // asked twice: go at once
}

std::string own_path() {
  std::error_code ec;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", ec);
  return ec ? std::string{} : path.string();
}

constexpr const char* footer =
    "Example:\n"
    "  bitworth judge --scenario laptop --reference good.gguf small.gguf smaller.gguf \\\n"
    "      --budget 3m --out judgement.json --html report.html\n"
    "\n"
    "Exit codes: 0 done, and at least one candidate is worth it where some were judged; 1 failed;\n"
    "2 bad usage or input; 3 no candidate is worth it; 4 cannot tell; 5 the margin cannot be resolved.";

// Commands of the design that are not built yet answer by name, so that a script never mistakes silence for
// success.
constexpr const char* not_built[] = {"train", "calibrate", "chat"};

}  // namespace

std::atomic<bool>& interrupted() {
  static std::atomic<bool> flag{false};
  return flag;
}
void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int complain(const Error& error) {
  fmt::print(stderr, "bitworth: {}\n", error.what);
  if (!error.next.empty()) fmt::print(stderr, "  next: {}\n", error.next);
  return error.code == Code::failed ? 1 : 2;
}

Progress::Progress(const Shared& shared) : on_(!shared.quiet && ::isatty(2)), started_ns_(now_ns()) {}
Progress::~Progress() {
  clear();
}
void Progress::clear() {
  if (on_ && last_ns_) fmt::print(stderr, "\r\x1b[K");
}
void Progress::step(std::string_view what, double share) {
  if (!on_) return;
  const int64_t now = now_ns();
  if (what_ != what) {
    what_ = what;
    started_ns_ = now;
  } else if (now - last_ns_ < 100'000'000 && share < 1) {
    return;
  }
  last_ns_ = now;
  std::string line = what_;
  if (share >= 0) line += fmt::format("  {:3.0f} %", share * 100);
  const double spent = 1e-9 * double(now - started_ns_);
  if (share > 0.02 && share < 1) line += fmt::format("  {:.0f} s left", spent / share - spent);
  fmt::print(stderr, "\r\x1b[K{}", line.substr(0, 79));
  std::fflush(stderr);
}

std::string shell_word(const std::string& word) {
  constexpr const char* plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string bytes_text(double bytes) {
  if (std::fabs(bytes) >= 1024.0 * 1024 * 1024)
    return fmt::format("{:.2f} GiB", bytes / (1024.0 * 1024 * 1024));
  return fmt::format("{:.1f} MiB", mib(bytes));
}

int program(int argc, char** argv) {
  Shared shared;
  shared.program = own_path();
  if (argc > 0) shared.called = argv[0];
  shared.no_color = std::getenv("NO_COLOR") != nullptr || !::isatty(1);
  CLI::App app{"Is this quantized model worth it, in one declared scenario? Four axes, never one score.",
               "bitworth"};
  app.footer(footer);
  app.set_version_flag("--version", fmt::format("bitworth {} ({})", version, numerics));
  app.require_subcommand(1);
  app.fallthrough();
  app.add_flag("--json", shared.json, "Print the result as JSON on stdout");
  app.add_flag("--quiet", shared.quiet, "No progress on stderr");
  app.add_flag("--no-color", shared.no_color, "No colour (also NO_COLOR)");
#define BW_COMMAND(name) add_##name(app, shared);
#include "cli/commands.def"
#undef BW_COMMAND
  for (const char* name : not_built) {
    CLI::App* sub = app.add_subcommand(name, "(not built yet)");
    sub->group("");
    sub->fallthrough(false);  // whatever follows is not looked at
    sub->allow_extras();
    sub->callback([&shared, name] {
      shared.chosen = [name] {
        return complain(failed(fmt::format("{}: not built yet in this version", name),
                               "see README.md for what is built"));
      };
    });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    return complain(usage_error(app, e, {argv, argv + argc}));
  }
  try {
    return shared.chosen ? shared.chosen() : 2;
  } catch (const std::bad_alloc&) {
    return complain(
        failed("out of memory", "`bitworth plan FILE` shows what a file needs; a smaller --ctx needs less"));
  } catch (const std::exception& e) {  // third-party code; our own layers return errors
    return complain(failed(fmt::format("unexpected: {}", e.what())));
  }
}

}  // namespace bw::cli
