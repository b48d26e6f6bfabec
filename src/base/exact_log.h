// log, the binary64 nearest to the true value, the same bits on every machine (docs/bn1.md section 5).
// libm's log is within one unit but not always nearest and differs between libraries; this is integer-exact
// software arithmetic of 113 bits. Some microseconds a call: once a probability, not once a vocabulary entry.
#pragma once

namespace bw {

// x finite and > 0; anything else gives NaN.
double exact_log(double x);

}  // namespace bw
