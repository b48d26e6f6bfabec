#include "engine/stop_strings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "text/utf8.h"

namespace bw::engine {

Result<StopStrings> StopStrings::make(std::vector<std::string> stop) {
  StopStrings made;
  for (std::string& text : stop) {
    const size_t index = made.stops_.size();
    if (text.empty()) return bad_input(fmt::format("stop string {}: is empty", index));
    if (const size_t at = text::find_invalid_utf8(text); at != std::string::npos)
      return bad_input(fmt::format("stop string {}: byte {} is not well-formed UTF-8", index, at));
    Stop s{std::move(text), {0}};
    for (size_t i = 1, k = 0; i < s.text.size(); ++i) {
      while (k > 0 && s.text[i] != s.text[k]) k = s.border[k - 1];
      if (s.text[i] == s.text[k]) ++k;
      s.border.push_back(k);
    }
    made.stops_.push_back(std::move(s));
  }
  return made;
}

std::string StopStrings::push(std::string_view text) {
  for (const char c : text) {
    if (stopped()) return {};
    held_ += c;
    size_t n_match = 0;  // of the longest stop string that ends here
    for (size_t i = 0; i < stops_.size(); ++i) {
      Stop& s = stops_[i];
      while (s.matched > 0 && s.text[s.matched] != c) s.matched = s.border[s.matched - 1];
      if (s.text[s.matched] == c) ++s.matched;
      if (s.matched < s.text.size()) continue;
      if (s.matched > n_match) {
        n_match = s.matched;
        which_ = int(i);
      }
    }
    if (stopped()) {
      held_.resize(held_.size() - n_match);
      return std::exchange(held_, {});
    }
  }
  size_t hold = 0;
  for (const Stop& s : stops_) hold = std::max(hold, s.matched);
  std::string out = held_.substr(0, held_.size() - hold);
  held_.erase(0, out.size());
  return out;
}

std::string StopStrings::finish() {
  return std::exchange(held_, {});
}

}  // namespace bw::engine
