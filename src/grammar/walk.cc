// Down the trie with the stacks of each depth kept, so that what tokens have in common is read once. Where
// one stack stands inside of a string or of what one automaton reads, only a state goes down.
#include "grammar/walk.h"

#include <algorithm>

#include "grammar/strings.h"

namespace bw::grammar {
namespace {
constexpr uint32_t worth_local = 8;  // nodes below, from which on a walk of its own is quicker
}

void Walk::put(uint32_t node, std::vector<uint64_t>& mask) const {
  for (uint32_t t = trie_.first[node]; t < trie_.first[node + 1]; ++t) {
    const auto token = size_t(trie_.tokens[t]);
    mask[token / 64] |= uint64_t(1) << (token % 64);
  }
}

namespace {
const Dfa& dfa_of(const Automaton& a, const Frame& f) {
  if (f.at == At::string) return any_string_inside();
  return f.at == At::dfa ? a.program().dfas[f.machine] : *a.program().objects[f.machine].names;
}
bool is_open(const Dfa& dfa, uint32_t state) {
  return !dfa.open.empty() && dfa.open[state] && dfa.words[state] == endless;
}
}  // namespace

bool Walk::is_local(const Automaton& a, const Frame* f) {
  if (!f) return false;
  if (f->at == At::string) return true;
  if (f->at == At::other_name) return dfa_of(a, *f).words[f->a] == endless;
  return f->at == At::dfa && dfa_of(a, *f).ends_itself;
}

void Walk::walk(Automaton& a, const Stacks& stacks, uint32_t begin, uint32_t end, uint32_t depth,
                std::vector<uint64_t>& mask) {
  if (stacks.size() == 1 && is_local(a, stacks[0])) {
    walk_local(a, *stacks[0], begin, end, depth, mask);
    return;
  }
  if (levels_.size() == n_walks_) levels_.emplace_back();
  Levels& l = levels_[n_walks_++];
  l.states = stacks;
  l.from.assign(depth + size_t{1}, 0);
  l.marks.assign(depth + size_t{1}, a.frames.mark());
  const size_t n_text = a.text.size() - depth;
  for (uint32_t i = begin; i < end;) {
    const Trie::Node& node = trie_.nodes[i];
    const uint32_t d = node.depth;
    if (l.from.size() > d) {  // back to the node above
      l.states.resize(l.from[d]);
      l.from.resize(d);
      a.frames.release(l.marks[d]);
      l.marks.resize(d);
    }
    a.text.resize(n_text + d - 1);
    a.text.push_back(char(node.byte));
    l.marks.push_back(a.frames.mark());
    l.from.push_back(uint32_t(l.states.size()));
    const uint32_t above = l.from[d - 1], n = l.from[d] - above;
    for (uint32_t s = 0; s < n; ++s) {
      const Frame* stack = l.states[above + s];
      a.step(stack, l.states);
    }
    if (l.states.size() == l.from[d]) {
      i = node.end;
      continue;
    }
    if (node.has_token) put(i, mask);
    const Frame* first = l.states[l.from[d]];
    if (l.states.size() == l.from[d] + 1 && node.end - i > worth_local && is_local(a, first)) {
      walk_local(a, *first, i + 1, node.end, d, mask);
      i = node.end;
    } else {
      ++i;
    }
  }
  a.frames.release(l.marks[0]);
  --n_walks_;
}

void Walk::walk_local(Automaton& a, const Frame& f, uint32_t begin, uint32_t end, uint32_t depth,
                      std::vector<uint64_t>& mask) {
  const bool string = f.at == At::string, name = f.at == At::other_name;
  const Dfa& dfa = dfa_of(a, f);
  const Program::String limits = string ? a.program().strings[f.machine] : Program::String{};
  std::vector<Local> at(size_t(trie_.n_most) + 1);
  at[depth] = {int32_t(f.a), f.b};
  const size_t n_text = a.text.size() - depth, mark = a.frames.mark();
  Stacks after;
  for (uint32_t i = begin; i < end;) {
    const Trie::Node& node = trie_.nodes[i];
    const Local from = at[node.depth - 1u];
    const int32_t to = dfa.step(from.state, node.byte);
    const uint32_t n = string ? from.n + (from.state == 0) : 0;
    // What was read matters in a name alone, else only how much it was.
    a.text.resize(n_text + node.depth - 1, ' ');
    a.text.push_back(char(node.byte));
    if (to < 0) {
      i = node.end;
    } else if (dfa.ends[size_t(to)] || (name && dfa.words[size_t(to)] != endless)) {
      Frame here = f;
      here.a = uint32_t(from.state);
      if (string) here.b = from.n;
      after.clear();
      a.step(a.frames.put(here), after);
      if (!after.empty()) {
        put(i, mask);
        go_on(a, after, i, mask);
      }
      a.frames.release(mark);
      i = node.end;
    } else if (string && n > limits.max) {
      i = node.end;
    } else {
      at[node.depth] = {to, n};
      if (node.has_token) put(i, mask);
      ++i;
    }
  }
  a.text.resize(n_text + depth);
}

void Walk::go_on(Automaton& a, const Stacks& stacks, uint32_t node, std::vector<uint64_t>& mask) {
  const Trie::Node& n = trie_.nodes[node];
  if (n.end > node + 1) walk(a, stacks, node + 1, n.end, n.depth, mask);
}

void Walk::mask(Automaton& a, const Frame* stack, std::vector<uint64_t>& mask) {
  if (!stack) return;
  const size_t n_text = a.text.size(), n_used = a.used.size(), mark = a.frames.mark();
  a.no_name_from = n_text;
  if (stack->at == At::string && stack->a == 0) {
    inside(a, *stack, in_string_, mask);
  } else if ((stack->at == At::other_name || stack->at == At::dfa) && is_open(dfa_of(a, *stack), stack->a)) {
    inside(a, *stack, in_name_, mask);
  } else {
    walk(a, {stack}, 0, uint32_t(trie_.nodes.size()), 0, mask);
  }
  a.no_name_from = ~size_t(0);
  a.text.resize(n_text);
  a.used.resize(n_used);
  a.frames.release(mark);
}

// What stays inside is known; what closes the string is taken from there on through what lies above.
void Walk::inside(Automaton& a, const Frame& f, const Inside& table, std::vector<uint64_t>& mask) {
  uint32_t min = 0, most = no_limit;
  if (f.at == At::string) {
    const Program::String& s = a.program().strings[f.machine];
    min = s.min > f.b ? s.min - f.b : 0;
    if (s.max != no_limit) most = s.max - f.b;
  }
  table.stay(most, mask);
  const size_t n_text = a.text.size();
  Stacks after;
  for (const Inside::Quote& q : table.quotes()) {
    if (q.n_characters < min || q.n_characters > most) continue;
    Frame at = f;
    if (f.at == At::string)
      at.b += q.n_characters;
    else
      at.a = uint32_t(dfa_of(a, f).walk(int32_t(f.a), q.before));
    const size_t mark = a.frames.mark();
    a.text.resize(n_text);
    a.text += q.before;
    a.text.push_back('"');
    after.clear();
    a.step(a.frames.put(at), after);
    if (!after.empty()) {
      put(q.node, mask);
      go_on(a, after, q.node, mask);
    }
    a.frames.release(mark);
  }
}

}  // namespace bw::grammar
