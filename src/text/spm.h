// SentencePiece's byte-pair encoding: characters merged by the score of what they make, bytes for the rest.
// In: a vocabulary's pieces with their scores, then text. Out: ids. Source: Kudo and Richardson 2018
// (SentencePiece, model type BPE with byte fallback). Cost: O(n log n) for n bytes, whatever they hold.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bw::text {

// U+2581, which stands for a space in the pieces.
inline constexpr std::string_view spm_space = "\xE2\x96\x81";

std::string to_spm_spaces(std::string_view text);    // " " -> "▁"
std::string from_spm_spaces(std::string_view text);  // "▁" -> " "

class Spm {
 public:
  void reserve(size_t n);
  // A piece that text may become; `piece` outlives this object. An unused one takes part in merging and is
  // cut into what it was merged from at the end.
  void add(std::string_view piece, int32_t token, float score, bool unused);
  // What a byte of a character without a piece becomes. Where a byte has none (-1), the whole character is
  // `unknown`; -1 there too gives nothing.
  void set_bytes(const std::array<int32_t, 256>& of_byte, int32_t unknown);
  // `text` has its spaces written as "▁". Highest score first, of equal ones the left one. Bytes that are no
  // UTF-8 are characters of one byte each.
  void encode(std::string_view text, std::vector<int32_t>& out) const;

 private:
  struct Piece {
    int32_t token;
    float score;
    bool unused;
  };
  using Halves = std::unordered_map<std::string_view, size_t>;  // of an unused piece: bytes of its left half
  const Piece* find(std::string_view text) const;
  void emit(std::string_view symbol, const Halves& halves, std::vector<int32_t>& out) const;

  std::unordered_map<std::string_view, Piece> pieces_;
  std::array<int32_t, 256> of_byte_{};
  int32_t unknown_ = -1;
  size_t longest_ = 0;  // bytes of the longest piece
};

}  // namespace bw::text
