// Byte pairs: GPT-2's printable alphabet for the 256 bytes, and the merging of one piece by rank.
// In: the merge list as ids. Out: the ids of a piece. Source: Sennrich et al. 2016; GPT-2's encoder.py.
// Cost: O(n log n) for a piece of n bytes, whatever it holds.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bw::text {

// The text that stands for a byte in a byte-level vocabulary (0x20 -> "Ġ", 'a' -> "a").
const std::array<std::string, 256>& byte_alphabet();
// The bytes a token text stands for. A character outside the alphabet stands for its own UTF-8.
std::string from_byte_alphabet(std::string_view text);
std::string to_byte_alphabet(std::string_view bytes);

class Merges {
 public:
  void reserve(size_t n);
  // Best first. A pair named twice keeps its first rank.
  void add(int32_t left, int32_t right, int32_t merged);
  // Merges `symbols` in place until no pair of the list stands side by side: lowest rank first, leftmost
  // first.
  void apply(std::vector<int32_t>& symbols) const;

 private:
  struct Slot {
    uint64_t pair = empty;
    int32_t rank = 0, merged = 0;
  };
  static constexpr uint64_t empty = ~uint64_t{0};  // ids are not negative, so no pair looks like this
  const Slot* find(int32_t left, int32_t right) const;
  void apply_short(std::vector<int32_t>& symbols) const;
  void apply_long(std::vector<int32_t>& symbols) const;
  size_t at(uint64_t pair) const;

  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  int32_t n_ = 0;
};

}  // namespace bw::text
