#include "audit/merkle.h"

#include <sodium.h>

#include <algorithm>
#include <bit>

namespace bw::audit {
namespace {

struct Subtree {
  uint64_t begin, end;
};

Hash root_of(std::span<const Hash> leaves, Subtree s) {
  Frontier tree;
  for (uint64_t i = s.begin; i < s.end; ++i) tree.add(leaves[i]);
  return tree.root();
}

// Where RFC 6962 splits a tree of n > 1 leaves: the largest power of two below n.
uint64_t split(uint64_t n) {
  return std::bit_floor(n - 1);
}

// Collected from the root down; a proof goes from the leaf up.
std::vector<Hash> upward(std::span<const Hash> leaves, const std::vector<Subtree>& subtrees) {
  std::vector<Hash> out;
  for (auto s = subtrees.rbegin(); s != subtrees.rend(); ++s) out.push_back(root_of(leaves, *s));
  return out;
}

}  // namespace

Hash leaf_hash(std::string_view entry) {
  constexpr unsigned char prefix = 0;
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, &prefix, 1);
  crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(entry.data()), entry.size());
  Hash out;
  crypto_hash_sha256_final(&state, out.data());
  return out;
}

Hash node_hash(const Hash& left, const Hash& right) {
  std::array<unsigned char, 65> in;
  in[0] = 1;
  std::copy(left.begin(), left.end(), in.begin() + 1);
  std::copy(right.begin(), right.end(), in.begin() + 33);
  Hash out;
  crypto_hash_sha256(out.data(), in.data(), in.size());
  return out;
}

std::string hex(const Hash& hash) {
  char text[65];
  sodium_bin2hex(text, sizeof text, hash.data(), hash.size());
  return text;
}

std::optional<Hash> hash_of_hex(std::string_view text) {
  Hash out;
  size_t n = 0;
  if (text.size() != 64 ||
      sodium_hex2bin(out.data(), out.size(), text.data(), text.size(), nullptr, &n, nullptr) != 0 ||
      n != 32 || hex(out) != text)
    return std::nullopt;
  return out;
}

void Frontier::add(const Hash& leaf) {
  Hash node = leaf;
  for (uint64_t n = size_; n & 1; n >>= 1) {
    node = node_hash(full_.back(), node);
    full_.pop_back();
  }
  full_.push_back(node);
  ++size_;
}

Hash Frontier::root() const {
  if (full_.empty()) {
    Hash out;
    crypto_hash_sha256(out.data(), nullptr, 0);
    return out;
  }
  Hash node = full_.back();
  for (size_t i = full_.size() - 1; i-- > 0;) node = node_hash(full_[i], node);
  return node;
}

std::vector<Hash> inclusion_proof(std::span<const Hash> leaves, uint64_t index) {
  std::vector<Subtree> beside;
  Subtree at{0, leaves.size()};
  while (at.end - at.begin > 1) {
    const uint64_t middle = at.begin + split(at.end - at.begin);
    if (index < middle) {
      beside.push_back({middle, at.end});
      at.end = middle;
    } else {
      beside.push_back({at.begin, middle});
      at.begin = middle;
    }
  }
  return upward(leaves, beside);
}

bool verify_inclusion(const Hash& leaf, uint64_t index, uint64_t size, std::span<const Hash> proof,
                      const Hash& root) {
  if (index >= size) return false;
  uint64_t at = index, last = size - 1;
  Hash node = leaf;
  for (const Hash& beside : proof) {
    if (last == 0) return false;
    if ((at & 1) || at == last) {
      node = node_hash(beside, node);
      while (!(at & 1) && at != 0) at >>= 1, last >>= 1;
    } else {
      node = node_hash(node, beside);
    }
    at >>= 1, last >>= 1;
  }
  return last == 0 && node == root;
}

std::vector<Hash> consistency_proof(std::span<const Hash> leaves, uint64_t old_size) {
  std::vector<Subtree> parts;
  Subtree at{0, leaves.size()};
  bool known = true;  // `at` begins where the old tree does: whoever verifies has its root
  while (at.end != old_size) {
    const uint64_t middle = at.begin + split(at.end - at.begin);
    if (old_size <= middle) {
      parts.push_back({middle, at.end});
      at.end = middle;
    } else {
      parts.push_back({at.begin, middle});
      at.begin = middle;
      known = false;
    }
  }
  if (!known) parts.push_back(at);
  return upward(leaves, parts);
}

bool verify_consistency(uint64_t old_size, uint64_t size, std::span<const Hash> proof, const Hash& old_root,
                        const Hash& root) {
  if (old_size == 0 || old_size > size) return false;
  if (old_size == size) return proof.empty() && old_root == root;
  if (proof.empty()) return false;
  uint64_t at = old_size - 1, last = size - 1;
  while (at & 1) at >>= 1, last >>= 1;
  const bool full = std::has_single_bit(old_size);  // then its root is a node of the new tree, and left out
  Hash old_node = full ? old_root : proof[0], node = old_node;
  for (const Hash& beside : proof.subspan(full ? 0 : 1)) {
    if (last == 0) return false;
    if ((at & 1) || at == last) {
      old_node = node_hash(beside, old_node);
      node = node_hash(beside, node);
      while (!(at & 1) && at != 0) at >>= 1, last >>= 1;
    } else {
      node = node_hash(node, beside);
    }
    at >>= 1, last >>= 1;
  }
  return last == 0 && old_node == old_root && node == root;
}

}  // namespace bw::audit
