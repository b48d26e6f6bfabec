// The sixteen levels of IQ4_NL and IQ4_XS: what a nibble means.
// Source: kvalues_iq4nl of ggml (ggml-common.h).
#pragma once
#include <cstdint>

namespace bw::quant {

inline constexpr int8_t iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

}  // namespace bw::quant
