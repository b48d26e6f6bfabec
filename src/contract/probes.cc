#include "contract/probes.h"

#include <algorithm>

namespace bw::contract {
namespace {

constexpr size_t most_text = 4096;  // bytes of one described text
constexpr size_t n_variants = 3;    // of alternatives and repeats
constexpr size_t most_depth = 50;

// Recursive descent over the part of pcre2pattern(3) that people write most.
class Describer {
 public:
  Describer(std::string_view pattern, size_t variant) : p_(pattern), variant_(variant) {}
  bool ok = true;

  std::string alternatives(size_t depth = 0) {
    std::vector<std::string> all;
    do all.push_back(sequence(depth));
    while (ok && take('|'));
    return all[variant_ % all.size()];
  }
  bool at_end() const { return at_ == p_.size(); }

 private:
  bool take(char c) {
    if (at_end() || p_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view s) {
    if (p_.substr(at_, s.size()) != s) return false;
    at_ += s.size();
    return true;
  }
  std::string give_up() {
    ok = false;
    return {};
  }

  std::string sequence(size_t depth) {
    std::string out;
    while (ok && !at_end() && p_[at_] != '|' && p_[at_] != ')') {
      const std::string one = atom(depth);
      const size_t n = repeats();
      for (size_t i = 0; ok && i < n; ++i) {
        out += one;
        if (out.size() > most_text) return give_up();
      }
    }
    return out;
  }

  // How often the atom before comes: the least, or once more.
  size_t repeats() {
    const size_t more = variant_ == 0 ? 0 : 1;
    size_t n = 1;
    if (take('*') || take('?'))
      n = more;
    else if (take('+'))
      n = 1 + more;
    else if (!at_end() && p_[at_] == '{' && at_ + 1 < p_.size() && p_[at_ + 1] >= '0' && p_[at_ + 1] <= '9') {
      ++at_;
      n = 0;
      while (!at_end() && p_[at_] >= '0' && p_[at_] <= '9' && n < most_text)
        n = n * 10 + size_t(p_[at_++] - '0');
      const size_t close = p_.find('}', at_);
      if (close == std::string_view::npos) {
        ok = false;
        return 0;
      }
      at_ = close + 1;
    } else {
      return 1;
    }
    if (!take('?')) take('+');  // lazy, possessive
    return n;
  }

  std::string atom(size_t depth) {
    if (depth > most_depth) return give_up();
    const char c = p_[at_++];
    switch (c) {
      case '^':
      case '$':
        return "";
      case '.':
        return "a";
      case '[':
        return one_of();
      case '(': {
        if (take("?:") || take("?i)") || take("?i:")) {
          if (p_[at_ - 1] == ')') return "";
        } else if (take("?<") || take("?P<")) {
          if (at_end() || p_[at_] == '=' || p_[at_] == '!') return give_up();
          const size_t end = p_.find('>', at_);
          if (end == std::string_view::npos) return give_up();
          at_ = end + 1;
        } else if (!at_end() && (p_[at_] == '?' || p_[at_] == '*')) {
          return give_up();  // look-around, conditions, verbs
        }
        std::string inner = alternatives(depth + 1);
        if (!take(')')) return give_up();
        return inner;
      }
      case '\\':
        return escape();
      case '*':
      case '+':
      case '?':
        return give_up();
      default:
        return std::string(1, c);
    }
  }

  std::string escape() {
    if (at_end()) return give_up();
    const char c = p_[at_++];
    switch (c) {
      case 'd':
        return "1";
      case 'w':
      case 'D':
      case 'S':
      case 'N':
        return "a";
      case 's':
      case 'h':
      case 'W':
        return " ";
      case 'n':
        return "\n";
      case 't':
        return "\t";
      case 'r':
        return "\r";
      case 'b':
      case 'A':
      case 'z':
      case 'Z':
        return "";
      default:
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return give_up();
        return std::string(1, c);
    }
  }

  // A class is copied and asked: the first of these that it holds.
  std::string one_of() {
    const size_t start = at_ - 1;
    if (!at_end() && p_[at_] == '^') ++at_;
    if (!at_end() && p_[at_] == ']') ++at_;
    while (!at_end() && p_[at_] != ']') {
      if (p_[at_] == '\\') ++at_;
      if (p_.substr(at_, 2) == "[:") {
        const size_t close = p_.find(":]", at_);
        if (close == std::string_view::npos) return give_up();
        at_ = close + 1;
      }
      ++at_;
    }
    if (at_ >= p_.size()) return give_up();
    ++at_;
    const auto regex = Regex::compile(std::string(p_.substr(start, at_ - start)));
    if (!regex) return give_up();
    for (char c = 'a'; c <= 'z'; ++c)
      if (regex->find({&c, 1}) == Regex::Match::yes) return std::string(1, c);
    for (char c = 0x20; c < 0x7f; ++c)
      if (regex->find({&c, 1}) == Regex::Match::yes) return std::string(1, c);
    return give_up();
  }

  std::string_view p_;
  const size_t variant_;
  size_t at_ = 0;
};

}  // namespace

const std::vector<std::string>& unlike_texts() {
  static const std::vector<std::string> texts{"",
                                              " ",
                                              "\n",
                                              "a",
                                              "0",
                                              "-1.5e3",
                                              "{}",
                                              "[]",
                                              "{\"a\": 1, \"b\": [true, null]}",
                                              "I do not know.",
                                              "The answer is 42.\nBecause of the above.",
                                              "```json\n{}\n```",
                                              "<p>x</p>",
                                              "\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80",
                                              std::string(1000, 'x'),
                                              "!?;:,.-_#+*~"};
  return texts;
}

bool matches_everything(const Regex& regex) {
  return std::all_of(unlike_texts().begin(), unlike_texts().end(),
                     [&](const std::string& t) { return regex.find(t) == Regex::Match::yes; });
}

std::vector<std::string> described_by(std::string_view pattern) {
  std::vector<std::string> texts;
  for (size_t v = 0; v < n_variants; ++v) {
    Describer d(pattern, v);
    std::string text = d.alternatives();
    if (!d.ok || !d.at_end()) return {};
    texts.push_back(std::move(text));
  }
  return texts;
}

bool matches_nothing(const Regex& regex) {
  const std::vector<std::string> described = described_by(regex.pattern());
  const auto matches = [&](const std::string& t) { return regex.find(t) == Regex::Match::yes; };
  return !described.empty() && std::none_of(described.begin(), described.end(), matches) &&
         std::none_of(unlike_texts().begin(), unlike_texts().end(), matches);
}

}  // namespace bw::contract
