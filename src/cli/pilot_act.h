// What a pilot's trigger does to a running server. In: the plan, the trigger that fired. Out: what was done,
// in words.
#pragma once
#include <string>

#include "pilot/run.h"

namespace bw::cli {

// undo: the deployment goes back (deploy undo); refuse: the classes in scope take no more; notify: nothing
// but words.
pilot::Act act_on(const std::string& log_dir);

}  // namespace bw::cli
