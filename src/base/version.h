// The version, once: in --version, in every record, in every file we make.
#pragma once

namespace bw {
inline constexpr const char* version = "0.1.0";
inline constexpr const char* numerics = "BN1";  // the numeric contract, docs/bn1.md
}  // namespace bw
