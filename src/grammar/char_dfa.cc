// Products of automata over characters, by walking the pairs that are reached.
#include "grammar/char_dfa.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "text/utf8.h"

namespace bw::grammar {
namespace {
// Drops states that lead to no accepting one; keeps the order.
CharDfa trimmed(CharDfa d) {
  const size_t n = d.n_states(), cells = d.cuts.size();
  std::vector<std::vector<size_t>> into(n);
  std::vector<size_t> pending;
  std::vector<uint8_t> live(n);
  for (size_t s = 0; s < n; ++s) {
    if (d.accepted[s]) {
      live[s] = 1;
      pending.push_back(s);
    }
    for (size_t c = 0; c < cells; ++c)
      if (const int32_t to = d.next[s * cells + c]; to >= 0) into[size_t(to)].push_back(s);
  }
  while (!pending.empty()) {
    const size_t s = pending.back();
    pending.pop_back();
    for (const size_t from : into[s])
      if (!live[from]) {
        live[from] = 1;
        pending.push_back(from);
      }
  }
  if (n == 0 || !live[0]) return {{0}, {}, {}};
  std::vector<int32_t> id(n, nowhere);
  CharDfa out{d.cuts, {}, {}};
  for (size_t s = 0; s < n; ++s)
    if (live[s]) {
      id[s] = int32_t(out.accepted.size());
      out.accepted.push_back(d.accepted[s]);
    }
  for (size_t s = 0; s < n; ++s)
    for (size_t c = 0; live[s] && c < cells; ++c) {
      const int32_t to = d.next[s * cells + c];
      out.next.push_back(to < 0 ? nowhere : id[size_t(to)]);
    }
  return out;
}

std::vector<char32_t> all_cuts(const std::vector<const CharDfa*>& dfas) {
  std::vector<char32_t> cuts{0};
  for (const CharDfa* d : dfas) cuts.insert(cuts.end(), d->cuts.begin(), d->cuts.end());
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  return cuts;
}

// Walks what `step` reaches from `start`. step(state, cut): false where nothing follows. bits(state):
// accepted.
template <class State, class Step, class Bits>
Result<CharDfa> walked(std::vector<char32_t> cuts, State start, size_t max_states, Step step, Bits bits) {
  CharDfa out{std::move(cuts), {}, {}};
  std::map<State, int32_t> ids{{start, 0}};
  std::vector<State> states{start};
  for (size_t i = 0; i < states.size(); ++i) {
    if (states.size() > max_states) return bad_input(fmt::format("more than {} states", max_states));
    out.accepted.push_back(bits(states[i]));
    for (size_t c = 0; c < out.cuts.size(); ++c) {
      State to = states[i];
      if (!step(to, out.cuts[c])) {
        out.next.push_back(nowhere);
        continue;
      }
      const auto [at, is_new] = ids.emplace(to, int32_t(states.size()));
      if (is_new) states.push_back(to);
      out.next.push_back(at->second);
    }
  }
  return trimmed(std::move(out));
}
}  // namespace

CharSet tidy(CharSet ranges) {
  std::sort(ranges.begin(), ranges.end());
  CharSet out;
  for (const auto& [low, high] : ranges) {
    if (!out.empty() && low <= out.back().second + 1)
      out.back().second = std::max(out.back().second, high);
    else
      out.emplace_back(low, high);
  }
  return out;
}
CharSet complement(const CharSet& set) {
  CharSet out;
  char32_t from = 0;
  for (const auto& [low, high] : set) {
    if (low > from) out.emplace_back(from, low - 1);
    from = high + 1;
  }
  if (from <= last_char) out.emplace_back(from, last_char);
  return out;
}

bool CharDfa::empty() const {
  return n_states() == 0;
}
size_t CharDfa::cell(char32_t c) const {
  return size_t(std::upper_bound(cuts.begin(), cuts.end(), c) - cuts.begin()) - 1;
}
bool CharDfa::accepts(std::string_view utf8) const {
  if (empty()) return false;
  int32_t state = 0;
  for (size_t at = 0; at < utf8.size() && state >= 0;) {
    const text::CodePoint c = text::code_point(utf8, at);
    if (!c.valid) return false;
    state = step(state, c.value);
    at += c.n_bytes;
  }
  return state >= 0 && accepted[size_t(state)] != 0;
}

CharDfa any_string() {
  return {{0}, {0}, {1}};
}

Result<CharDfa> both(const CharDfa& a, const CharDfa& b, size_t max_states) {
  if (a.empty()) return a;
  if (b.empty()) return b;
  using Pair = std::pair<int32_t, int32_t>;
  return walked(
      all_cuts({&a, &b}), Pair(0, 0), max_states,
      [&](Pair& s, char32_t c) {
        s = {a.step(s.first, c), b.step(s.second, c)};
        return s.first >= 0 && s.second >= 0;
      },
      [&](const Pair& s) { return uint32_t(a.accepted[size_t(s.first)] && b.accepted[size_t(s.second)]); });
}

Result<CharDfa> of_length(const CharDfa& a, uint64_t min, uint64_t max, size_t max_states) {
  if (a.empty() || (min == 0 && max == endless)) return a;
  using Counted = std::pair<int32_t, uint64_t>;
  return walked(
      a.cuts, Counted(0, 0), max_states,
      [&](Counted& s, char32_t c) {
        s.first = a.step(s.first, c);
        if (s.first < 0 || s.second == max) return false;
        if (max != endless || s.second < min) ++s.second;
        return true;
      },
      [&](const Counted& s) { return uint32_t(a.accepted[size_t(s.first)] && s.second >= min); });
}

Result<CharDfa> told_apart(const std::vector<CharDfa>& dfas, size_t max_states) {
  std::vector<const CharDfa*> pointers;
  std::vector<int32_t> start;
  for (const CharDfa& d : dfas) {
    pointers.push_back(&d);
    start.push_back(d.empty() ? nowhere : 0);
  }
  constexpr uint32_t none = uint32_t(1) << 31;  // every string is accepted, as one that no automaton accepts
  return walked(
      all_cuts(pointers), start, max_states,
      [&](std::vector<int32_t>& s, char32_t c) {
        for (size_t i = 0; i < s.size(); ++i)
          if (s[i] >= 0) s[i] = dfas[i].step(s[i], c);
        return true;
      },
      [&](const std::vector<int32_t>& s) {
        uint32_t bits = none;
        for (size_t i = 0; i < s.size(); ++i)
          if (s[i] >= 0 && dfas[i].accepted[size_t(s[i])]) bits |= uint32_t(1) << i;
        return bits;
      });
}

}  // namespace bw::grammar
