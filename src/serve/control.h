// Talking to a running server through the control socket in its log folder. In: folder, method, path, a JSON
// body. Out: the JSON it answers, or its error.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace bw::serve {

// "FOLDER/control.sock"
std::string control_socket(const std::string& folder);
// Error: no server runs there, or what the server said.
Result<nlohmann::json> control(const std::string& folder, const std::string& method, const std::string& path,
                               const nlohmann::json& body = nullptr);

}  // namespace bw::serve
