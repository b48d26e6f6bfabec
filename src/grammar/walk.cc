// Down the trie with the stacks of each depth kept, so that what tokens have in common is read once.
#include "grammar/walk.h"

#include <algorithm>

namespace bw::grammar {

void Walk::put(uint32_t node, std::vector<uint64_t>& mask) const {
  for (uint32_t t = trie_.first[node]; t < trie_.first[node + 1]; ++t) {
    const auto token = size_t(trie_.tokens[t]);
    mask[token / 64] |= uint64_t(1) << (token % 64);
  }
}

// Nodes [begin, end), all below `depth`, whose stacks are the last of states_.
void Walk::walk(Automaton& a, uint32_t begin, uint32_t end, uint32_t depth, std::vector<uint64_t>& mask) {
  const size_t n_text = a.text.size() - depth;
  for (uint32_t i = begin; i < end;) {
    const Trie::Node& node = trie_.nodes[i];
    const uint32_t d = node.depth;
    // Back to the node above.
    if (from_.size() > d) {
      states_.resize(from_[d]);
      from_.resize(d);
      a.frames.release(marks_[d]);
      marks_.resize(d);
    }
    a.text.resize(n_text + d - 1);
    a.text.push_back(char(node.byte));
    marks_.push_back(a.frames.mark());
    from_.push_back(uint32_t(states_.size()));
    const uint32_t above = from_[d - 1], n = from_[d] - above;
    for (uint32_t s = 0; s < n; ++s) {
      const Frame* stack = states_[above + s];
      a.step(stack, states_);
    }
    if (states_.size() == from_[d]) {
      i = node.end;
      continue;
    }
    if (node.has_token) put(i, mask);
    ++i;
  }
}

void Walk::mask(Automaton& a, const Frame* stack, std::vector<uint64_t>& mask) {
  if (!stack) return;
  const size_t n_text = a.text.size(), n_used = a.used.size(), mark = a.frames.mark();
  a.no_name_from = n_text;
  if (stack->at == At::string && stack->a == 0) {
    inside(a, *stack, in_string_, mask);
  } else if (stack->at == At::other_name && stack->a == 0 && a.program().objects[stack->machine].any_name) {
    inside(a, *stack, in_name_, mask);
  } else {
    states_ = {stack};
    from_ = {0};
    marks_ = {mark};
    walk(a, 0, uint32_t(trie_.nodes.size()), 0, mask);
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
  for (const Inside::Quote& q : table.quotes()) {
    if (q.n_characters < min || q.n_characters > most) continue;
    const Trie::Node& node = trie_.nodes[q.node];
    Frame at = f;
    if (f.at == At::string) at.b += q.n_characters;
    const size_t mark = a.frames.mark();
    a.text.resize(n_text);
    a.text += q.before;
    a.text.push_back('"');
    states_.clear();
    a.step(a.frames.put(at), states_);
    if (!states_.empty()) {
      put(q.node, mask);
      if (node.end > q.node + 1) {
        from_.assign(node.depth, 0);
        marks_.assign(node.depth, a.frames.mark());
        from_.push_back(0);
        marks_.push_back(a.frames.mark());
        walk(a, q.node + 1, node.end, node.depth, mask);
      }
    }
    a.frames.release(mark);
  }
}

}  // namespace bw::grammar
