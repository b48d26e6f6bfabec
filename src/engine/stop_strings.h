// Stop strings in text as it comes: looked for across tokens, and nothing is released that may yet turn out
// to be part of one. In: text in whole characters (text::TextStream). Out: what can be shown, in whole
// characters, and which stop string ended it. The text is what lies before the stop string that is complete
// first (of several at once: the longest), however it was cut into pieces.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bw::engine {

class StopStrings {
 public:
  // Error: a stop string that is empty or not well-formed UTF-8.
  static Result<StopStrings> make(std::vector<std::string> stop);

  // Takes the next text; what can be released now. After a stop string everything is ignored.
  std::string push(std::string_view text);
  // The generation ended otherwise: what was held back.
  std::string finish();

  bool stopped() const { return which_ >= 0; }
  int which() const { return which_; }            // index of the stop string that ended it, or -1
  size_t n_held() const { return held_.size(); }  // bytes that wait

 private:
  struct Stop {
    std::string text;
    std::vector<size_t>
        border;          // [i]: longest proper border of the first i + 1 bytes (Knuth, Morris, Pratt 1977)
    size_t matched = 0;  // longest suffix of what came that is a prefix of text
  };
  std::vector<Stop> stops_;
  std::string held_;
  int which_ = -1;
};

}  // namespace bw::engine
