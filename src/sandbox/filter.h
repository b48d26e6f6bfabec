// Which system calls a command may make: an allow list, by libseccomp. In: nothing. Out: the BPF program.
#pragma once
#include <string>

#include "base/result.h"

namespace bw::sandbox {

// struct sock_filter[] as bytes. Error names the rule that libseccomp or this kernel does not take.
Result<std::string> seccomp_filter();

}  // namespace bw::sandbox
