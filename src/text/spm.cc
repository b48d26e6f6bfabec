#include "text/spm.h"

#include <algorithm>
#include <queue>

#include "text/utf8.h"

namespace bw::text {

std::string to_spm_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (const char c : text)
    if (c == ' ')
      out += spm_space;
    else
      out += c;
  return out;
}

std::string from_spm_spaces(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t next = std::min(text.find(spm_space, at), text.size());
    out += text.substr(at, next - at);
    if (next < text.size()) out += ' ';
    at = next + spm_space.size();
  }
  return out;
}

void Spm::reserve(size_t n) {
  pieces_.reserve(n);
}

void Spm::add(std::string_view piece, int32_t token, float score, bool unused) {
  pieces_.emplace(piece, Piece{token, score, unused});
  longest_ = std::max(longest_, piece.size());
}

void Spm::set_bytes(const std::array<int32_t, 256>& of_byte, int32_t unknown) {
  of_byte_ = of_byte;
  unknown_ = unknown;
}

const Spm::Piece* Spm::find(std::string_view text) const {
  if (text.size() > longest_) return nullptr;  // keeps a look-up short however long the text is
  const auto found = pieces_.find(text);
  return found == pieces_.end() ? nullptr : &found->second;
}

void Spm::emit(std::string_view symbol, const Halves& halves, std::vector<int32_t>& out) const {
  const Piece* piece = find(symbol);
  if (piece && piece->unused)
    if (const auto half = halves.find(symbol); half != halves.end()) {
      emit(symbol.substr(0, half->second), halves, out);  // no deeper than the piece is long
      emit(symbol.substr(half->second), halves, out);
      return;
    }
  if (piece) {
    out.push_back(piece->token);
    return;
  }
  const auto has_token = [&](char b) { return of_byte_[static_cast<unsigned char>(b)] >= 0; };
  if (std::all_of(symbol.begin(), symbol.end(), has_token)) {
    for (const char b : symbol) out.push_back(of_byte_[static_cast<unsigned char>(b)]);
  } else if (unknown_ >= 0) {
    out.push_back(unknown_);
  }
}

void Spm::encode(std::string_view text, std::vector<int32_t>& out) const {
  // A doubly linked list over the symbols (views that grow), and a heap of pairs, checked against the list
  // when they come up: a pair is stale where one side is gone or has grown.
  struct Symbol {
    size_t begin, n_bytes;  // n_bytes 0: taken into its left neighbour
    int64_t previous, next;
  };
  struct Pair {
    float score;
    int64_t left, right;
    size_t n_bytes;
    bool operator<(const Pair& o) const { return score != o.score ? score < o.score : left > o.left; }
  };
  std::vector<Symbol> symbols;
  symbols.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t n = code_point(text, at).n_bytes;
    const auto i = static_cast<int64_t>(symbols.size());
    symbols.push_back({at, n, i - 1, at + n < text.size() ? i + 1 : -1});
    at += n;
  }
  const auto symbol = [&](int64_t i) -> Symbol& { return symbols[static_cast<size_t>(i)]; };
  const auto view = [&](const Symbol& s) { return text.substr(s.begin, s.n_bytes); };

  std::vector<Pair> room;
  room.reserve(symbols.size());
  std::priority_queue<Pair> heap({}, std::move(room));
  Halves halves;
  const auto push = [&](int64_t left, int64_t right) {
    if (left < 0 || right < 0) return;
    const Symbol& l = symbol(left);
    const std::string_view both = text.substr(l.begin, l.n_bytes + symbol(right).n_bytes);
    const Piece* piece = find(both);
    if (!piece) return;
    heap.push({piece->score, left, right, both.size()});
    if (piece->unused) halves[both] = l.n_bytes;
  };
  for (int64_t i = 0; i + 1 < static_cast<int64_t>(symbols.size()); ++i) push(i, i + 1);
  while (!heap.empty()) {
    const Pair p = heap.top();
    heap.pop();
    Symbol &l = symbol(p.left), &r = symbol(p.right);
    if (l.n_bytes == 0 || r.n_bytes == 0 || l.n_bytes + r.n_bytes != p.n_bytes) continue;
    l.n_bytes += r.n_bytes;
    r.n_bytes = 0;
    l.next = r.next;
    if (r.next >= 0) symbol(r.next).previous = p.left;
    push(l.previous, p.left);
    push(p.left, l.next);
  }
  if (!symbols.empty())
    for (int64_t i = 0; i >= 0; i = symbol(i).next) emit(view(symbol(i)), halves, out);
}

}  // namespace bw::text
