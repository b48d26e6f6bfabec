// Thompson's construction and the subset construction (Aho, Sethi, Ullman). An anchor is an edge that may be
// taken only at the beginning, or only at the end.
#include "grammar/regex.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "grammar/regex_ast.h"

namespace bw::grammar {
namespace {
using regex::Ast;

class Nfa {
 public:
  explicit Nfa(size_t max_states) : max_states_(max_states) {}

  // anything, `a`, anything; false: too large.
  bool build(const Ast& a) {
    const CharSet any{{0, last_char}};
    start_ = add();
    const int32_t before = add(), begin = add();
    states_[size_t(start_)].free = {begin};
    read(start_, any, before);
    read(before, any, before);
    states_[size_t(before)].free.push_back(begin);
    final_ = add();
    const int32_t end = emit(a, begin);
    if (end < 0) return false;
    states_[size_t(end)].free.push_back(final_);
    read(final_, any, final_);
    return states_.size() <= max_states_;
  }

  Result<CharDfa> determinised(size_t max_states) const {
    CharDfa out;
    out.cuts = {0};
    for (const State& s : states_)
      for (const auto& [low, high] : s.set) {
        out.cuts.push_back(low);
        if (high < last_char) out.cuts.push_back(high + 1);
      }
    std::sort(out.cuts.begin(), out.cuts.end());
    out.cuts.erase(std::unique(out.cuts.begin(), out.cuts.end()), out.cuts.end());

    std::map<std::vector<int32_t>, int32_t> ids;
    std::vector<std::vector<int32_t>> sets;
    const auto id_of = [&](std::vector<int32_t> set) {
      const auto [at, is_new] = ids.emplace(std::move(set), int32_t(sets.size()));
      if (is_new) sets.push_back(at->first);
      return at->second;
    };
    id_of(closure({start_}, true, false));
    const CharSet surrogates{{0xD800, 0xDFFF}};
    for (size_t i = 0; i < sets.size(); ++i) {
      if (sets.size() > max_states || work_ > max_work)
        return bad_input(fmt::format("more than {} states", max_states));
      const std::vector<int32_t> set = sets[i];
      const std::vector<int32_t> at_end = closure(set, i == 0, true);
      out.accepted.push_back(std::binary_search(at_end.begin(), at_end.end(), final_));
      for (const char32_t c : out.cuts) {
        std::vector<int32_t> to;
        for (const int32_t s : set)
          if (states_[size_t(s)].to >= 0 && holds(states_[size_t(s)].set, c))
            to.push_back(states_[size_t(s)].to);
        out.next.push_back(to.empty() ? nowhere : id_of(closure(std::move(to), false, false)));
      }
    }
    return both(out, any_string(), max_states);  // trims
  }

  size_t work() const { return work_; }

 private:
  struct State {
    std::vector<int32_t> free, at_begin, at_end;  // edges that read nothing
    CharSet set;                                  // one that reads one of these
    int32_t to = nowhere;
  };
  int32_t add() {
    states_.emplace_back();
    return int32_t(states_.size() - 1);
  }
  void read(int32_t from, const CharSet& set, int32_t to) {
    states_[size_t(from)].set = set;
    states_[size_t(from)].to = to;
  }
  static bool holds(const CharSet& set, char32_t c) {
    const auto after = std::upper_bound(set.begin(), set.end(), c,
                                        [](char32_t x, const auto& range) { return x < range.first; });
    return after != set.begin() && c <= std::prev(after)->second;
  }

  // States that read `a` from `from` on; its end, or nowhere: too large.
  int32_t emit(const Ast& a, int32_t from) {
    if (states_.size() > max_states_) return nowhere;
    switch (a.kind) {
      case Ast::Kind::nothing:
        return from;
      case Ast::Kind::set: {
        const int32_t reader = add(), to = add();
        states_[size_t(from)].free.push_back(reader);
        read(reader, a.set, to);
        return to;
      }
      case Ast::Kind::begin: {
        const int32_t to = add();
        states_[size_t(from)].at_begin.push_back(to);
        return to;
      }
      case Ast::Kind::end: {
        const int32_t to = add();
        states_[size_t(from)].at_end.push_back(to);
        return to;
      }
      case Ast::Kind::sequence:
        for (const Ast& part : a.parts) {
          from = emit(part, from);
          if (from < 0) return nowhere;
        }
        return from;
      case Ast::Kind::choice: {
        const int32_t to = add();
        for (const Ast& part : a.parts) {
          const int32_t end = emit(part, from);
          if (end < 0) return nowhere;
          states_[size_t(end)].free.push_back(to);
        }
        return to;
      }
      case Ast::Kind::repeat:
        return emit_repeat(a, from);
    }
    return nowhere;
  }
  int32_t emit_repeat(const Ast& a, int32_t from) {
    for (uint32_t i = 0; i < a.min; ++i) {
      from = emit(a.parts[0], from);
      if (from < 0) return nowhere;
    }
    const int32_t to = add();
    if (a.max == regex::no_most) {
      const int32_t loop = add();
      states_[size_t(from)].free.push_back(loop);
      const int32_t end = emit(a.parts[0], loop);
      if (end < 0) return nowhere;
      states_[size_t(end)].free.push_back(loop);
      states_[size_t(loop)].free.push_back(to);
      return to;
    }
    for (uint32_t i = a.min; i < a.max; ++i) {
      states_[size_t(from)].free.push_back(to);
      from = emit(a.parts[0], from);
      if (from < 0) return nowhere;
    }
    states_[size_t(from)].free.push_back(to);
    return to;
  }

  std::vector<int32_t> closure(std::vector<int32_t> pending, bool at_begin, bool at_end) const {
    std::vector<int32_t> out;
    std::vector<uint8_t> seen(states_.size());
    while (!pending.empty()) {
      const int32_t s = pending.back();
      pending.pop_back();
      if (seen[size_t(s)]) continue;
      seen[size_t(s)] = 1;
      out.push_back(s);
      const State& state = states_[size_t(s)];
      pending.insert(pending.end(), state.free.begin(), state.free.end());
      if (at_begin) pending.insert(pending.end(), state.at_begin.begin(), state.at_begin.end());
      if (at_end) pending.insert(pending.end(), state.at_end.begin(), state.at_end.end());
    }
    std::sort(out.begin(), out.end());
    work_ += out.size();
    return out;
  }

  static constexpr size_t max_work = 20'000'000;  // states looked at: under a second
  const size_t max_states_;
  mutable size_t work_ = 0;
  std::vector<State> states_;
  int32_t start_ = 0, final_ = 0;
};
}  // namespace

Result<CharDfa> pattern_dfa(std::string_view pattern, size_t max_states, size_t* work) {
  BW_TRY(const Ast ast, regex::parse(pattern));
  const auto too_large = [&] {
    return bad_input(
        fmt::format("pattern \"{}\": its automaton has more than {} states", pattern, max_states),
        "anchor it with ^ and $, or make its counts smaller");
  };
  Nfa nfa(max_states);
  if (!nfa.build(ast)) return too_large();
  auto dfa = nfa.determinised(max_states);
  if (work) *work += nfa.work();
  if (!dfa) return too_large();
  return dfa;
}

}  // namespace bw::grammar
