// One child process with its input, its output and a line of progress, and why it ended.
// In: program, arguments, text for its standard input. Out: what it wrote, or an Error only where it could
// not be run. The child is killed when this process dies (prctl PR_SET_PDEATHSIG).
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bw::speed {

struct Ended {
  int exit_code = -1;          // where it ended by itself
  int signal = 0;              // where a signal ended it
  bool out_of_memory = false;  // the kernel counted a kill for lack of memory while it ran
  std::string output;          // standard output
  std::string last_words;      // end of its standard error
};

inline constexpr int child_progress_fd = 3;  // where the child writes progress lines

// Blocks until the child has ended. `line` gets each whole line the child writes to child_progress_fd.
Result<Ended> run_child(const std::string& program, const std::vector<std::string>& arguments,
                        const std::string& input, const std::function<void(std::string_view)>& line);

}  // namespace bw::speed
