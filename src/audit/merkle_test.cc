// Hashes, roots and proofs of the tree. Oracles: the roots that certificate-transparency publishes, the
// proofs of transparency-dev/merkle (data/vectors/merkle), and RFC 6962's recursive definitions, written here
// as they stand.
#include "audit/merkle.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

namespace bw::audit {
namespace {

using Leaves = std::vector<Hash>;

std::string of_hex(const std::string& digits) {
  std::string out;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) out += char(std::stoi(digits.substr(i, 2), nullptr, 16));
  return out;
}
// The leaves of certificate-transparency's tests (merkle_tree_test.cc) and the roots of the first 0 to 8.
const std::vector<std::string> kInputs{
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
const std::vector<std::string> kRoots{"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                                      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

// RFC 6962 section 2.1, as it stands: k is the largest power of two smaller than n.
uint64_t k_of(uint64_t n) {
  uint64_t k = 1;
  while (2 * k < n) k *= 2;
  return k;
}
Hash mth(const Leaves& d) {
  if (d.empty()) return *hash_of_hex(kRoots[0]);
  if (d.size() == 1) return d[0];
  const auto k = std::ptrdiff_t(k_of(d.size()));
  return node_hash(mth({d.begin(), d.begin() + k}), mth({d.begin() + k, d.end()}));
}
Leaves path(uint64_t m, const Leaves& d) {  // 2.1.1
  if (d.size() <= 1) return {};
  const auto k = std::ptrdiff_t(k_of(d.size()));
  const Leaves left(d.begin(), d.begin() + k), right(d.begin() + k, d.end());
  Leaves out = m < uint64_t(k) ? path(m, left) : path(m - uint64_t(k), right);
  out.push_back(m < uint64_t(k) ? mth(right) : mth(left));
  return out;
}
Leaves subproof(uint64_t m, const Leaves& d, bool b) {  // 2.1.2
  if (m == d.size()) return b ? Leaves{} : Leaves{mth(d)};
  const auto k = std::ptrdiff_t(k_of(d.size()));
  const Leaves left(d.begin(), d.begin() + k), right(d.begin() + k, d.end());
  Leaves out = m <= uint64_t(k) ? subproof(m, left, b) : subproof(m - uint64_t(k), right, false);
  out.push_back(m <= uint64_t(k) ? mth(right) : mth(left));
  return out;
}

Leaves some_leaves(size_t n) {
  Leaves out;
  for (size_t i = 0; i < n; ++i) out.push_back(leaf_hash("leaf " + std::to_string(i)));
  return out;
}
Hash root_of(const Leaves& d, size_t n) {
  Frontier tree;
  for (size_t i = 0; i < n; ++i) tree.add(d[i]);
  return tree.root();
}

TEST(Merkle, roots_of_zero_to_eight_leaves_are_the_published_ones) {
  Frontier tree;
  EXPECT_EQ(hex(tree.root()), kRoots[0]);
  for (size_t i = 0; i < kInputs.size(); ++i) {
    tree.add(leaf_hash(of_hex(kInputs[i])));
    EXPECT_EQ(hex(tree.root()), kRoots[i + 1]);
    EXPECT_EQ(tree.size(), i + 1);
  }
}

TEST(Merkle, roots_and_proofs_of_every_tree_up_to_40_leaves_are_the_rfcs_recursive_ones) {
  const Leaves all = some_leaves(40);
  for (size_t n = 1; n <= all.size(); ++n) {
    const Leaves d(all.begin(), all.begin() + std::ptrdiff_t(n));
    const Hash root = mth(d);
    ASSERT_EQ(root_of(d, n), root);
    for (size_t m = 0; m < n; ++m) {
      const Leaves proof = inclusion_proof(d, m);
      ASSERT_EQ(proof, path(m, d)) << m << " of " << n;
      ASSERT_TRUE(verify_inclusion(d[m], m, n, proof, root)) << m << " of " << n;
    }
    for (size_t m = 1; m <= n; ++m) {
      const Leaves proof = consistency_proof(d, m);
      ASSERT_EQ(proof, subproof(m, d, true)) << m << " of " << n;
      ASSERT_TRUE(verify_consistency(m, n, proof, root_of(d, m), root)) << m << " of " << n;
    }
  }
}

TEST(Merkle, proofs_of_random_larger_trees_hold_and_nothing_near_them_does) {
  std::mt19937_64 random(7);
  const Leaves all = some_leaves(700);
  for (int round = 0; round < 200; ++round) {
    const size_t n = 2 + random() % 698, m = 1 + random() % (n - 1);
    const Leaves d(all.begin(), all.begin() + std::ptrdiff_t(n));
    const Hash root = root_of(d, n), old = root_of(d, m);
    const Leaves in = inclusion_proof(d, m), grown = consistency_proof(d, m);
    ASSERT_EQ(in, path(m, d));
    ASSERT_EQ(grown, subproof(m, d, true));
    ASSERT_TRUE(verify_inclusion(d[m], m, n, in, root));
    ASSERT_TRUE(verify_consistency(m, n, grown, old, root));
    EXPECT_FALSE(verify_inclusion(d[m - 1], m, n, in, root));
    EXPECT_FALSE(verify_inclusion(d[m], m - 1, n, in, root));
    EXPECT_FALSE(verify_inclusion(d[m], m, n, in, old));
    EXPECT_FALSE(verify_consistency(m, n, grown, root, root));
    for (const auto* proof : {&in, &grown})
      for (size_t i = 0; i < proof->size(); ++i) {
        Leaves bent = *proof;
        bent[i][random() % 32] ^= uint8_t(1u << random() % 8);
        EXPECT_FALSE(proof == &in ? verify_inclusion(d[m], m, n, bent, root)
                                  : verify_consistency(m, n, bent, old, root));
        Leaves shorter = *proof;
        shorter.erase(shorter.begin() + std::ptrdiff_t(i));
        EXPECT_FALSE(proof == &in ? verify_inclusion(d[m], m, n, shorter, root)
                                  : verify_consistency(m, n, shorter, old, root));
      }
  }
}

// ---- vectors ----
std::optional<Hash> of_base64(const nlohmann::json& j) {
  const std::string text = j.get<std::string>();
  Hash out{};
  size_t n = 0;
  if (sodium_base642bin(out.data(), 32, text.data(), text.size(), nullptr, &n, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      n != 32)
    return std::nullopt;  // some vectors are no hashes at all
  return out;
}
struct Vector {
  nlohmann::json j;
  Leaves proof;
  bool hashes = true;
  std::optional<Hash> hash(const char* key) const { return of_base64(j.at(key)); }
};
std::vector<Vector> vectors(const std::string& name) {
  std::ifstream in(BITWORTH_SOURCE_DIR "/data/vectors/merkle/" + name);
  std::vector<Vector> out;
  for (std::string line; std::getline(in, line);) {
    Vector v{nlohmann::json::parse(line), {}, true};
    if (!v.j.at("proof").is_null())
      for (const auto& p : v.j.at("proof")) {
        const auto hash = of_base64(p);
        v.hashes &= hash.has_value();
        v.proof.push_back(hash.value_or(Hash{}));
      }
    out.push_back(std::move(v));
  }
  return out;
}

TEST(Merkle, transparency_devs_inclusion_proofs_are_taken_and_refused_as_there) {
  size_t taken = 0, refused = 0;
  for (const Vector& v : vectors("inclusion.jsonl")) {
    const auto leaf = v.hash("leafHash"), root = v.hash("root");
    const bool ok = v.hashes && leaf && root &&
                    verify_inclusion(*leaf, v.j.at("leafIdx"), v.j.at("treeSize"), v.proof, *root);
    EXPECT_EQ(ok, !v.j.at("wantErr").get<bool>()) << v.j.at("file");
    (ok ? taken : refused)++;
  }
  EXPECT_EQ(taken, 6u);
  EXPECT_EQ(refused, 92u);
}

TEST(Merkle, transparency_devs_consistency_proofs_are_taken_and_refused_as_there) {
  size_t taken = 0, refused = 0;
  for (const Vector& v : vectors("consistency.jsonl")) {
    const auto old = v.hash("root1"), root = v.hash("root2");
    // "ZG9uJ3QgY2FyZSAy" says "don't care": it stands for a root where only sizes matter.
    const bool ok =
        v.hashes && verify_consistency(v.j.at("size1"), v.j.at("size2"), v.proof, old.value_or(Hash{1}),
                                       root.value_or(v.j.at("root1") == v.j.at("root2") ? Hash{1} : Hash{2}));
    EXPECT_EQ(ok, !v.j.at("wantErr").get<bool>()) << v.j.at("file");
    (ok ? taken : refused)++;
  }
  EXPECT_EQ(taken, 6u);
  EXPECT_EQ(refused, 92u);
}

TEST(Merkle, hexadecimal_digits_are_taken_in_one_form_only) {
  EXPECT_EQ(hex(*hash_of_hex(kRoots[3])), kRoots[3]);
  EXPECT_FALSE(hash_of_hex(kRoots[3].substr(1)));
  EXPECT_FALSE(hash_of_hex("A" + kRoots[3].substr(1)));
  EXPECT_FALSE(hash_of_hex(kRoots[3] + "0"));
}

}  // namespace
}  // namespace bw::audit
