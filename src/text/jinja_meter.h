// What a template may spend: steps (time), bytes made (space) and nesting (stack). Every loop and copy asks
// here. In: limits. Out: Ok, or the Error that ends the rendering.
#pragma once
#include <string>

#include "base/result.h"

namespace bw::text::jinja {

class Meter {
 public:
  Meter(size_t max_steps, size_t max_bytes, size_t max_calls)
      : steps_left_(max_steps),
        bytes_left_(max_bytes),
        max_steps_(max_steps),
        max_bytes_(max_bytes),
        max_calls_(max_calls) {}

  Status spend(size_t steps = 1) {
    if (steps > steps_left_) {
      steps_left_ = 0;
      return bad_input("the template takes more than " + std::to_string(max_steps_) + " steps");
    }
    steps_left_ -= steps;
    return {};
  }
  // Bytes of text and lists made, freed or not: it bounds time as well as memory.
  Status allocate(size_t bytes) {
    if (bytes > bytes_left_) {
      bytes_left_ = 0;
      return bad_input("the template makes more than " + std::to_string(max_bytes_) + " bytes of values");
    }
    bytes_left_ -= bytes;
    return {};
  }
  // Reading n bytes costs a step per 64, so that searching long texts is bounded too.
  Status read(size_t bytes) { return spend(1 + bytes / 64); }

 private:
  friend class Deeper;
  size_t steps_left_, bytes_left_, max_steps_, max_bytes_, max_calls_;
  size_t levels_ = 0, calls_ = 0;
};

// One level of nesting for as long as it lives. Calls (macros, filters, loop()) are what a template nests at
// will; statements and expressions nest only as deep as the parser let them, so they get more room together.
class Deeper {
 public:
  enum class What { statement, call };
  static constexpr size_t levels_per_call = 8;
  explicit Deeper(Meter& meter, What what = What::statement)
      : meter_(meter), call_(what == What::call ? 1 : 0) {
    ++meter_.levels_;
    meter_.calls_ += call_;
  }
  ~Deeper() {
    --meter_.levels_;
    meter_.calls_ -= call_;
  }
  Deeper(const Deeper&) = delete;
  Status check() const {
    if (meter_.calls_ <= meter_.max_calls_ && meter_.levels_ <= meter_.max_calls_ * levels_per_call)
      return {};
    return bad_input("the template nests deeper than " + std::to_string(meter_.max_calls_) + " calls");
  }

 private:
  Meter& meter_;
  size_t call_;
};

}  // namespace bw::text::jinja
