#include "scenario/toml_text.h"

#include <fmt/format.h>

#include "base/markup.h"

namespace bw::scenario {
namespace {

class Scan {
 public:
  explicit Scan(std::string_view text) : s_(text) {}

  // The first character that toml++ must not see there; npos: none.
  size_t offence() {
    if (s_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    while (at_ < s_.size()) {
      const char c = s_[at_];
      if (c == '#') {
        while (at_ < s_.size() && s_[at_] != '\n') ++at_;
        continue;
      }
      if ((c == '"' || c == '\'') && may_begin()) {
        if (!quoted(c)) return at_;
        token_ = true;  // what follows without a space is part of it, as far as quotes go
        continue;
      }
      if (beyond_ascii(at_)) return at_;
      plain(c);
      ++at_;
    }
    return std::string_view::npos;
  }

 private:
  // Only to tell where a string may begin: in what it takes for a number toml++ reads on over quotes, = and
  // brackets.
  void plain(char c) {
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (c == '\n' && open_.empty()) value_ = false;
    if (space || c == ',' || c == ']' || c == '}') {
      token_ = false;
      if (c == ',') value_ = !open_.empty() && open_.back() == '[';
      if ((c == ']' || c == '}') && !open_.empty()) {
        open_.pop_back();
        value_ = true;
      }
    } else if (value_ && !token_ && (c == '[' || c == '{')) {
      open_ += c;
      value_ = c == '[';
    } else if (!value_ && c == '=') {
      value_ = true;
      token_ = false;
    } else {
      token_ = value_ || (c != '.' && c != '[' && c != '{');
    }
  }
  bool may_begin() const { return !token_; }
  bool beyond_ascii(size_t i) const { return i < s_.size() && static_cast<unsigned char>(s_[i]) >= 0x80; }

  // Past a string; false: stopped at an offence. One that does not end is toml++'s to refuse.
  bool quoted(char quote) {
    const std::string three(3, quote);
    const bool lines = s_.substr(at_, 3) == three;
    at_ += lines ? 3 : 1;
    while (at_ < s_.size()) {
      if (quote == '"' && s_[at_] == '\\') {
        ++at_;
        if (lines)
          while (at_ < s_.size() && (s_[at_] == ' ' || s_[at_] == '\t' || s_[at_] == '\n' || s_[at_] == '\r'))
            ++at_;
        if (beyond_ascii(at_)) return false;
        // The character escaped; after white space it is an ordinary one, and may end the string.
        if (at_ < s_.size() && (at_ == 0 || s_[at_ - 1] == '\\')) ++at_;
      } else if (lines ? s_.substr(at_, 3) == three : s_[at_] == quote) {
        at_ += lines ? 3 : 1;
        for (int i = 0; lines && i < 2 && at_ < s_.size() && s_[at_] == quote; ++i)
          ++at_;  // two may be its last
        return true;
      } else if (!lines && s_[at_] == '\n') {
        return true;
      } else {
        ++at_;
      }
    }
    return true;
  }

  std::string_view s_;
  size_t at_ = 0;
  bool value_ = false,
       token_ = false;  // right of an = or in a list; in the middle of something that is no string
  std::string open_;    // brackets of values
};

}  // namespace

Status check_toml_text(const std::string& text, const std::string& label) {
  if (!is_utf8(text)) return bad_input(label + ": not TOML: not UTF-8");
  const size_t at = Scan(text).offence();
  if (at == std::string_view::npos) return {};
  size_t line = 1, begin = 0;
  for (size_t i = 0; i < at; ++i)
    if (text[i] == '\n') {
      ++line;
      begin = i + 1;
    }
  return bad_input(fmt::format("{}:{}:{}: not TOML: a letter beyond ASCII outside quotes, or after a \\",
                               label, line, at - begin + 1),
                   "put it in quotes");
}

}  // namespace bw::scenario
