// How a value that is not finite ends a request: BN1 section 1 says where it is tested, these say what was
// found. In: the site of the graph. Out: the Error, the same from every Op.
#pragma once
#include <string>

#include "base/result.h"

namespace bw::engine {

// What was tested, in the order a layer tests it.
enum class Fault { norm, query_norm, key_norm, input, key, value, score, logit };

// site: "blk.3.attn_q", "output_norm", ...
Error non_finite(Fault fault, const std::string& site);

}  // namespace bw::engine
