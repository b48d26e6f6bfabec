// What the command sees of the file system: a new root that holds what it may read, read only, and its own
// folder, bounded. In: a Plan, inside the sandbox's own user and mount namespaces. Out: done, or the step
// that failed, with errno. Sources: mount_setattr(2), move_mount(2), pivot_root(2), landlock(7).
#pragma once
#include <optional>

#include "sandbox/plan.h"

namespace bw::sandbox {

std::optional<Step> make_root(const Plan& plan);
// The same said again by Landlock, for whatever the mounts may have let through, and more: signals, abstract
// sockets and TCP where this kernel's ABI has them.
std::optional<Step> restrict_by_landlock(const Plan& plan);
// The kernel's ABI; 0: none.
int landlock_abi();

}  // namespace bw::sandbox
