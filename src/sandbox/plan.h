// What the parent tells the sandbox's own processes, and what they tell it: bytes of a memory file one way,
// fixed records through a pipe the other. In: Plan. Out: bytes, and the Plan again; Report.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/sandbox.h"

namespace bw::sandbox {

inline constexpr const char* kFolder = "/sandbox";  // the private folder, as the command sees it
inline constexpr uint32_t kNobody = 65534;          // who the command is where the parent is root

// A path of this machine that the command sees under the same name.
struct Visible {
  enum class Kind : uint32_t { folder, file, device, link } kind = Kind::folder;
  std::string path;
  std::string target;  // link: what it says
};

struct Plan {
  int32_t parent = 0;         // process id; another parent means that it has died
  uint64_t deadline_ns = 0;   // monotonic
  uint32_t uid = 0, gid = 0;  // effective, of the parent
  Limits limits;
  int32_t landlock_abi = 0;
  bool probe = false;  // everything but the exec
  std::string program;
  std::vector<std::string> argv;
  std::vector<Visible> visible;
  std::string filter;  // struct sock_filter[]
};
std::string pack(const Plan& plan);
std::optional<Plan> unpack(std::string_view bytes);

// What can fail before the command runs, in the words of an error message.
#define BW_SANDBOX_STEPS(X)                                               \
  X(plan, "reading the plan")                                             \
  X(oom, "oom_score_adj")                                                 \
  X(namespaces, "own user, process, mount and network namespaces")        \
  X(id_map, "uid_map and gid_map of the user namespace")                  \
  X(host_name, "sethostname")                                             \
  X(private_mounts, "making mounts private")                              \
  X(open_tree, "open_tree")                                               \
  X(read_only, "mount_setattr (read only, nosuid, nodev)")                \
  X(root, "the tmpfs that becomes the root")                              \
  X(skeleton, "folders of the new root")                                  \
  X(move_mount, "move_mount")                                             \
  X(folder, "the tmpfs of the private folder")                            \
  X(pivot, "pivot_root")                                                  \
  X(ids, "giving up user and groups")                                     \
  X(capabilities, "giving up capabilities")                               \
  X(privileges, "PR_SET_NO_NEW_PRIVS, PR_SET_DUMPABLE, PR_SET_PDEATHSIG") \
  X(landlock, "Landlock")                                                 \
  X(seccomp, "seccomp")                                                   \
  X(fork, "fork")                                                         \
  X(rlimits, "setrlimit")                                                 \
  X(exec, "execve")

enum class Step : uint32_t {
#define BW_STEP(name, words) name,
  BW_SANDBOX_STEPS(BW_STEP)
#undef BW_STEP
};
const char* words(Step step);

// One record, written at once.
struct Report {
  enum class Kind : uint32_t {
    failed,    // value: Step; error: errno
    ended,     // value: the command's wait status
    timed_out  // the wall clock's limit came first
  } kind = Kind::failed;
  int32_t value = 0, error = 0;
};

// argv[0] by which a program that holds this library knows that it was started as the sandbox's keeper. Its
// constructor (keeper.cc) then never lets main() begin.
const char* keeper_name();
inline constexpr int kPlanFd = 3, kReportFd = 4;

}  // namespace bw::sandbox
