#include "text/jinja_letters.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>

#include "text/utf8.h"

namespace bw::text::jinja {

namespace {
utf8proc_int32_t cp(char32_t c) {
  return static_cast<utf8proc_int32_t>(c);
}
bool letter(char32_t c) {
  const auto k = utf8proc_category(cp(c));
  return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}
bool cased(char32_t c) {
  const auto k = utf8proc_category(cp(c));
  return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT;
}
}  // namespace

MarkedText recased(const MarkedText& text, Letters change) {
  const std::string& s = text.bytes();
  MarkedText out;
  bool inside = false;  // of a word
  for (size_t at = 0; at < s.size();) {
    const CodePoint c = code_point(s, at);
    const bool upper = change == Letters::upper || (change != Letters::lower && !inside);
    std::string to;
    if (!c.valid)
      to = s.substr(at, 1);
    else if (c.value == 0xDF && upper)
      to = change == Letters::upper ? "SS" : "Ss";  // the one letter of common use whose upper case is two
    else if (upper && change == Letters::upper)
      append_utf8(to, static_cast<char32_t>(utf8proc_toupper(cp(c.value))));
    else if (upper)
      append_utf8(to, static_cast<char32_t>(utf8proc_totitle(cp(c.value))));
    else
      append_utf8(to, static_cast<char32_t>(utf8proc_tolower(cp(c.value))));
    out.append(to, text.trusted_at(at));
    if (change == Letters::capitalize)
      inside = true;
    else if (change == Letters::title)
      inside = cased(c.value);
    else if (change == Letters::words)
      inside =
          !is_space(c.value, true) && !(c.value < 0x80 && std::strchr("-([{<", static_cast<char>(c.value)));
    at += c.n_bytes;
  }
  return out;
}

bool all_letters(std::string_view s, LetterTest test) {
  bool any_cased = false;
  for (size_t at = 0; at < s.size();) {
    const CodePoint c = code_point(s, at);
    at += c.n_bytes;
    const auto k = utf8proc_category(cp(c.value));
    const bool decimal = k == UTF8PROC_CATEGORY_ND;
    switch (test) {
      case LetterTest::alpha:
        if (!letter(c.value)) return false;
        break;
      case LetterTest::alnum:
        if (!letter(c.value) && !decimal && k != UTF8PROC_CATEGORY_NL && k != UTF8PROC_CATEGORY_NO)
          return false;
        break;
      case LetterTest::decimal:
        if (!decimal) return false;
        break;
      case LetterTest::digit:  // also superscripts and the like
        if (!decimal &&
            !(c.value == 0xB2 || c.value == 0xB3 || c.value == 0xB9 || c.value == 0x2070 ||
              (c.value >= 0x2074 && c.value <= 0x2079) || (c.value >= 0x2080 && c.value <= 0x2089)))
          return false;
        break;
      case LetterTest::space:
        if (!is_space(c.value, true)) return false;
        break;
      case LetterTest::lower:
      case LetterTest::upper:
        if (k == UTF8PROC_CATEGORY_LT ||
            k == (test == LetterTest::lower ? UTF8PROC_CATEGORY_LU : UTF8PROC_CATEGORY_LL))
          return false;
        any_cased = any_cased || cased(c.value);
        break;
    }
  }
  return test == LetterTest::lower || test == LetterTest::upper ? any_cased : !s.empty();
}

MarkedText stripped(const MarkedText& text, const std::string* letters, bool left, bool right) {
  const std::string& s = text.bytes();
  std::vector<char32_t> set;
  if (letters)
    for (size_t at = 0; at < letters->size();) {
      const CodePoint c = code_point(*letters, at);
      set.push_back(c.value);
      at += c.n_bytes;
    }
  const auto goes = [&](char32_t c) {
    return letters ? std::find(set.begin(), set.end(), c) != set.end() : is_space(c, true);
  };
  size_t begin = 0;
  while (left && begin < s.size()) {
    const CodePoint c = code_point(s, begin);
    if (!goes(c.value)) break;
    begin += c.n_bytes;
  }
  size_t end = s.size();
  while (right && end > begin) {
    size_t last = end - 1;  // the start of the code point before `end`
    while (last > begin && end - last < 4 && (static_cast<unsigned char>(s[last]) & 0xC0) == 0x80) --last;
    if (last + code_point(s, last).n_bytes != end) last = end - 1;
    if (!goes(code_point(s, last).value)) break;
    end = last;
  }
  return text.slice(begin, end);
}

size_t find_first(std::string_view text, std::string_view part, size_t from) {
  if (from > text.size()) return std::string::npos;
  const void* at = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return at ? static_cast<size_t>(static_cast<const char*>(at) - text.data()) : std::string::npos;
}

size_t find_last(std::string_view text, std::string_view part) {
  // Backwards by searching the mirrored text, so that this is linear too.
  const std::string mirrored(text.rbegin(), text.rend()), wanted(part.rbegin(), part.rend());
  const size_t at = find_first(mirrored, wanted, 0);
  return at == std::string::npos ? at : text.size() - at - part.size();
}

std::vector<std::pair<size_t, size_t>> split_ranges(std::string_view s, const std::string* by, size_t most,
                                                    bool from_right) {
  std::vector<std::pair<size_t, size_t>> out;
  if (!by) {  // words
    for (size_t at = 0; at < s.size();) {
      const CodePoint c = code_point(s, at);
      if (is_space(c.value, true)) {
        at += c.n_bytes;
        continue;
      }
      const size_t begin = at;
      while (at < s.size() && !is_space(code_point(s, at).value, true)) at += code_point(s, at).n_bytes;
      out.emplace_back(begin, at);
    }
    if (out.size() > most) {  // the rest, with the white space inside it, is one part
      if (from_right) {
        const size_t n = out.size() - most;
        const size_t end = out[n - 1].second;
        out.erase(out.begin() + 1, out.begin() + static_cast<std::ptrdiff_t>(n));
        out[0] = {0, end};
      } else {
        out[most].second = s.size();
        out.resize(most + 1);
      }
    }
    return out;
  }
  std::vector<size_t> cuts;
  if (from_right) {
    const std::string mirrored(s.rbegin(), s.rend()), wanted(by->rbegin(), by->rend());
    for (size_t at = find_first(mirrored, wanted, 0); at != std::string::npos && cuts.size() < most;
         at = find_first(mirrored, wanted, at + by->size()))
      cuts.push_back(s.size() - at - by->size());
    std::reverse(cuts.begin(), cuts.end());
  } else {
    for (size_t at = find_first(s, *by, 0); at != std::string::npos && cuts.size() < most;
         at = find_first(s, *by, at + by->size()))
      cuts.push_back(at);
  }
  size_t begin = 0;
  for (const size_t cut : cuts) {
    out.emplace_back(begin, cut);
    begin = cut + by->size();
  }
  out.emplace_back(begin, s.size());
  return out;
}

Result<MarkedText> replaced(Meter& m, const MarkedText& text, const MarkedText& old, const MarkedText& with,
                            size_t most) {
  const std::string& s = text.bytes();
  BW_CHECK(m.read(s.size()));
  MarkedText out;
  size_t done = 0;
  for (size_t n = 0, at = 0; n < most; ++n) {
    if (old.empty()) {  // before every character and at the end
      if (at > s.size()) break;
    } else {
      at = find_first(s, old.bytes(), done);
      if (at == std::string::npos) break;
    }
    BW_CHECK(m.spend());
    BW_CHECK(m.allocate(at - done + with.size()));
    out.append(text.slice(done, at));
    out.append(with);
    done = at + old.size();
    if (old.empty()) at += at < s.size() ? code_point(s, at).n_bytes : 1;
  }
  BW_CHECK(m.allocate(s.size() - done));
  out.append(text.slice(done, s.size()));
  return out;
}

}  // namespace bw::text::jinja
