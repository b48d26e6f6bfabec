// Trims, gives bytes that nothing tells apart one column, and counts words.
#include "grammar/dfa.h"

#include <algorithm>
#include <map>

namespace bw::grammar {
namespace {
// Marks what `from` reaches along `edges`.
std::vector<uint8_t> reached(std::vector<int32_t> from, const std::vector<std::vector<int32_t>>& edges) {
  std::vector<uint8_t> seen(edges.size());
  for (const int32_t s : from) seen[size_t(s)] = 1;
  while (!from.empty()) {
    const int32_t s = from.back();
    from.pop_back();
    for (const int32_t to : edges[size_t(s)])
      if (!seen[size_t(to)]) {
        seen[size_t(to)] = 1;
        from.push_back(to);
      }
  }
  return seen;
}

// Words from each state: a state on a cycle, or before one, has endless ones (every state leads to an end).
std::vector<uint64_t> count_words(const Dfa& d) {
  const size_t n = d.n_states();
  std::vector<uint64_t> bytes_of_column(d.n_columns);
  for (const uint8_t c : d.column) ++bytes_of_column[c];
  std::vector<uint32_t> n_out(n);
  std::vector<std::vector<int32_t>> into(n);
  for (size_t s = 0; s < n; ++s)
    for (size_t c = 0; c < d.n_columns; ++c)
      if (const int32_t to = d.next[s * d.n_columns + c]; to >= 0) {
        ++n_out[s];
        into[size_t(to)].push_back(int32_t(s));
      }
  std::vector<uint64_t> words(n, endless);
  std::vector<size_t> ready;
  for (size_t s = 0; s < n; ++s)
    if (n_out[s] == 0) ready.push_back(s);
  while (!ready.empty()) {
    const size_t s = ready.back();
    ready.pop_back();
    unsigned __int128 sum = d.label[s] >= 0;
    for (size_t c = 0; c < d.n_columns; ++c)
      if (const int32_t to = d.next[s * d.n_columns + c]; to >= 0)
        sum = std::min<unsigned __int128>(sum + (unsigned __int128)bytes_of_column[c] * words[size_t(to)],
                                          endless);
    words[s] = uint64_t(sum);
    for (const int32_t from : into[s])
      if (--n_out[size_t(from)] == 0) ready.push_back(size_t(from));
  }
  return words;
}
}  // namespace

int32_t DfaBuilder::path(int32_t from, std::string_view bytes) {
  for (const char c : bytes) {
    int32_t to = nowhere;
    for (const Edge& e : states_[size_t(from)].edges)
      if (e.low <= uint8_t(c) && uint8_t(c) <= e.high) to = e.to;
    if (to < 0) {
      to = add();
      edge(from, c, to);
    }
    from = to;
  }
  return from;
}

Dfa DfaBuilder::finish() const {
  std::vector<std::vector<int32_t>> forward(states_.size()), backward(states_.size());
  std::vector<int32_t> accepting;
  for (size_t s = 0; s < states_.size(); ++s) {
    if (states_[s].label >= 0) accepting.push_back(int32_t(s));
    for (const Edge& e : states_[s].edges) {
      forward[s].push_back(e.to);
      backward[size_t(e.to)].push_back(int32_t(s));
    }
  }
  Dfa d;
  if (states_.empty()) return d;
  const std::vector<uint8_t> from_start = reached({0}, forward), to_end = reached(accepting, backward);
  if (!to_end[0]) return d;
  std::vector<int32_t> id(states_.size(), nowhere);
  std::vector<size_t> kept;
  for (size_t s = 0; s < states_.size(); ++s)
    if (from_start[s] && to_end[s]) {
      id[s] = int32_t(kept.size());
      kept.push_back(s);
    }

  // Bytes between two cuts have the same edges everywhere.
  std::array<bool, 257> cut{};
  for (const size_t s : kept)
    for (const Edge& e : states_[s].edges)
      if (id[size_t(e.to)] >= 0) cut[e.low] = cut[size_t(e.high) + 1] = true;
  uint32_t n_ranges = 0;
  std::array<uint32_t, 256> range{};
  for (size_t b = 0; b < 256; ++b) {
    if (b == 0 || cut[b]) ++n_ranges;
    range[b] = n_ranges - 1;
  }
  // Ranges with the same edges everywhere share a column. One range at a time: all of a large trie's would be
  // hundreds of megabytes.
  std::map<std::vector<int32_t>, uint8_t> columns;
  std::vector<const std::vector<int32_t>*> by_column;
  std::vector<uint8_t> column_of_range;
  for (uint32_t r = 0; r < n_ranges; ++r) {
    std::vector<int32_t> to(kept.size(), nowhere);
    for (size_t i = 0; i < kept.size(); ++i)
      for (const Edge& e : states_[kept[i]].edges)
        if (range[e.low] <= r && r <= range[e.high]) to[i] = std::max(to[i], id[size_t(e.to)]);
    const auto [at, is_new] = columns.emplace(std::move(to), uint8_t(columns.size()));
    if (is_new) by_column.push_back(&at->first);
    column_of_range.push_back(at->second);
  }
  for (size_t b = 0; b < 256; ++b) d.column[b] = column_of_range[range[b]];
  d.n_columns = uint32_t(by_column.size());
  d.next.resize(kept.size() * d.n_columns);
  for (size_t i = 0; i < kept.size(); ++i) {
    bool any = false;
    for (size_t c = 0; c < d.n_columns; ++c) {
      d.next[i * d.n_columns + c] = (*by_column[c])[i];
      any |= (*by_column[c])[i] >= 0;
    }
    d.label.push_back(states_[kept[i]].label);
    d.ends.push_back(!any);
    d.ends_itself &= !any || d.label.back() < 0;
  }
  d.words = count_words(d);
  return d;
}

Dfa words_dfa(std::span<const std::string> words) {
  DfaBuilder b;
  b.add();
  for (const std::string& w : words) b.accept(b.path(0, w), 0);
  return b.finish();
}

}  // namespace bw::grammar
