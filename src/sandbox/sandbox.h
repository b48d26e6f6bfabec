// Runs one command that is not trusted with anything: own user, process, mount and network namespaces,
// Landlock, seccomp, rlimits, a private folder, a time limit. In: argv, standard input. Out: what it printed
// and how it ended. Where the kernel cannot enforce all of it the command is not run (fails closed). Sources:
// namespaces(7), seccomp(2), landlock(7), prctl(2), setrlimit(2). What it is and is not: docs/contract.md.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bw::sandbox {

struct Limits {
  uint64_t wall_ms = 5'000;
  uint64_t cpu_ms = 5'000;             // of each process, rounded up to a second
  uint64_t memory_bytes = 512u << 20;  // address space of each process
  uint64_t file_bytes = 16u << 20;     // of one file it writes
  uint64_t folder_bytes = 64u << 20;   // of all files it writes
  uint64_t output_bytes = 1u << 20;    // of stdout and of stderr; more is cut, and said
  uint32_t n_processes = 32;           // and threads, at one time
};

struct Outcome {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;      // SIGXCPU: cpu_ms; SIGKILL where timed_out
  bool timed_out = false;
  bool output_cut = false;
  std::string out, err;
  uint64_t ns_wall = 0;
};

// Whether this machine can enforce all of it, tried out; Error names what is missing (unsupported: the
// kernel, or who set it up, does not allow it).
Status available();

// `read_only`: files and folders (absolute paths) it may read and execute, besides /usr, /lib*, /bin and the
// dynamic linker's files; nothing else of this machine is there. argv[0]: an absolute path among those, or a
// name to look for in /usr/local/bin, /usr/bin, /bin. Its working directory is a private empty folder in
// memory, removed afterwards. Environment: PATH, HOME and TMPDIR (the private folder), LANG. Every process it
// started is dead when this returns. Error: the sandbox could not be set up, or the command not found; never
// the command's own failure. Any thread; blocks.
Result<Outcome> run(const std::vector<std::string>& argv, std::string_view input, const Limits& limits = {},
                    const std::vector<std::string>& read_only = {});

}  // namespace bw::sandbox
