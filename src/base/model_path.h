// Where a model is: a path, or the name of a file in the own cache ("qwen2.5-coder-0.5b"). In: what a person
// wrote. Out: the path, or an Error that says which names there are.
#pragma once
#include <string>

#include "base/result.h"

namespace bw {

// `beside`: a folder that a relative path may also be relative to (of the file it stands in); empty: none.
Result<std::string> resolve_model(const std::string& path_or_name, const std::string& beside = {});

}  // namespace bw
