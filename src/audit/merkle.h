// The Merkle tree of RFC 6962 section 2: hashes of entries, roots, proofs that an entry is in a tree and that
// a tree only grew. In: entries' bytes or their leaf hashes. Out: 32-byte hashes. Verification follows RFC
// 9162 sections 2.1.3.2 and 2.1.4.2.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bw::audit {

using Hash = std::array<uint8_t, 32>;  // SHA-256

Hash leaf_hash(std::string_view entry);                  // SHA-256(0x00 || entry)
Hash node_hash(const Hash& left, const Hash& right);     // SHA-256(0x01 || left || right)
std::string hex(const Hash& hash);                       // 64 lower-case digits
std::optional<Hash> hash_of_hex(std::string_view text);  // those digits and nothing else

// A growing tree as the roots of its full subtrees, largest first: one for each bit set in its size.
class Frontier {
 public:
  void add(const Hash& leaf);
  uint64_t size() const { return size_; }
  Hash root() const;  // of an empty tree: SHA-256 of nothing

 private:
  uint64_t size_ = 0;
  std::vector<Hash> full_;
};

// Hashes from the leaf's sibling up; index < leaves.size().
std::vector<Hash> inclusion_proof(std::span<const Hash> leaves, uint64_t index);
bool verify_inclusion(const Hash& leaf, uint64_t index, uint64_t size, std::span<const Hash> proof,
                      const Hash& root);
// That the tree of the first `old_size` leaves is a prefix of the whole; 0 < old_size <= leaves.size().
std::vector<Hash> consistency_proof(std::span<const Hash> leaves, uint64_t old_size);
// An old size of 0 says nothing and is refused.
bool verify_consistency(uint64_t old_size, uint64_t size, std::span<const Hash> proof, const Hash& old_root,
                        const Hash& root);

}  // namespace bw::audit
