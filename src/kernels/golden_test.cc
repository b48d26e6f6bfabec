// One SHA-256 an operation, over adversarial data from a fixed generator: the bits of BN1 cannot drift
// unseen, on this machine or another. The digests were taken when every table agreed with the naive oracles
// of the other tests.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "base/hash.h"
#include "kernels/testing.h"

namespace bw::kernels::testing {
namespace {

const std::map<std::string, std::string> golden = {
    {"act256", "a4dc6aad0455fdec7820b1058871cd5f0ba74ae47209c5f1292b2de95fc98800"},
    {"act32", "db7fdc6ad39266edda05632e536adda3bb25c3e18029b1b60d146de5d2bfc85c"},
    {"attend_f16", "733ae5a73df624d954dcdad90fa02d2bc8bbc9127c033a278610a834069bc4fd"},
    {"attend_q8", "2958c2e06ca133c82bb1d17b41f89428dd2e9cdbe2b1942e47c022e8d50d43ff"},
    {"chunks_q8", "24fdddacb69967098f467a338487fb1d38efc78a06a711c50f9904094ec0882e"},
    {"exp", "94c49751cd9051248e22939cb83da6ed5d592c7d91d6cb29b4a1b3c69c29f60b"},
    {"gelu", "27cc081ff12d66d654f46fbc388d9f07d88d5eeb1107e6bf6c7912a092ff70d2"},
    {"product BF16", "bd47361ef38b0491545a9dbbcd5a882398fc89edbc2dc65aaaff076863f22fb7"},
    {"product F16", "3a878d53aeed5256df1afc493b4c9e8622e416559d442749955c9a955b364933"},
    {"product F32", "8c50305ce0ee3e74a8f4d6868452329c28a1cdccf45ebaef90e62d6693dfdd84"},
    {"product IQ4_NL", "ec8c2a790f26d37fa14699e8bc8f57d7bbc8f7c408ed6d65d5235d9a9b6478e5"},
    {"product IQ4_XS", "43dacb4453fd76a5652bd77b62859eea721a95dc75aae7af2cfb625603f68972"},
    {"product Q2_K", "f177f386fe12cf05fc877fbf5e7e73481b3ce3b785142217d29ab63535ea3b4a"},
    {"product Q3_K", "998796c11255d851de093de114b1eac541e24b8787c33799c23a39e373a56c64"},
    {"product Q4_0", "6f4ebf011f5ffe39ef61d17224f6634d32eb7b7f678045f58fff4db72292091f"},
    {"product Q4_1", "aaee503c02c1c503cac0ab5ba92330e10fb270251c568bf37694ff6f78625378"},
    {"product Q4_K", "d09a210f2661a4112174fd2e6fd6dd418c7dba692e20a9b393ddf88ff9838fff"},
    {"product Q5_0", "649da427c54d5f4dd42c03877d6d78fe3a04099a78c354333b1adc22561ad2d1"},
    {"product Q5_1", "b3c2e0417a3ef69ff6fd93783351028c91ebfef0eeeee9f9a3d2d53883740afc"},
    {"product Q5_K", "0421d326355884e6147b4ad47b4fc33842ab057ab9bc79f213f4e732d965ec20"},
    {"product Q6_K", "4ce662c5b40158b962ba94acbaa3ed3ebc870f79ebd40b5e52cc4f9f44e894e8"},
    {"product Q8_0", "b2e835578a7ba4ac0845b68c52902c778cdebbb892ed176388ea7ff1b329127c"},
    {"rms_norm", "1ce310265fbd3e8274948c2f1ceeeaf9534a979502e06dfefd1802e350f5a182"},
    {"rope neox", "9d4e8916b2772e0c0dd7aaca13bc14433d770fb12c352a0127cd574edaeb144e"},
    {"rope normal", "ac828a09a9199fa00859792fe65fb38a69c5dd7b643a6d6f5d1468ddb823e2da"},
    {"silu", "15c5103f351ea1370bf0760ee1aa90b891846f6b2b34b487360140fc2a3985d3"},
    {"store_f16", "dee40d7a24ade542209efb8db07536bf095a30b612a4c26fb97f2b65e0ba03c8"},
};

class Digest {
 public:
  template <class T>
  void add(const std::vector<T>& v) {
    sha_.add(v.data(), v.size() * sizeof(T));
  }
  std::string hex() { return sha_.hex(); }

 private:
  Sha256 sha_;
};

void expect_golden(const Table& table, const std::string& operation, Digest& digest) {
  const auto found = golden.find(operation);
  const std::string hex = digest.hex();
  ASSERT_NE(found, golden.end()) << "no golden digest of " << operation << ": " << hex;
  EXPECT_EQ(found->second, hex) << table.name << ' ' << operation;
}

TEST(Golden, the_product_of_every_type_has_its_digest) {
  for (const quant::TypeInfo& t : quant::all_types()) {
    const uint32_t k = t.block == 1 ? 300 : 5 * t.block, n_out = 41, n = 11;
    Random rng;
    const auto rows = weights(t.type, n_out, k, rng);
    const auto x = inputs(n, k, rng);
    const auto a = quantise(t.family, x, n, k);
    const auto packed = pack(t.type, rows, n_out, k);
    for (const Table* table : runnable_tables()) {
      std::vector<float> y(size_t(n) * n_out);
      table->product(packed.packed, 0, packed.packed.n_panels(), acts(n, k, x, a), y.data(), n_out);
      Digest digest;
      digest.add(y);
      expect_golden(*table, "product " + std::string(t.name), digest);
    }
  }
}

TEST(Golden, every_function_has_its_digest) {
  const uint32_t n = 8192 + 7;
  Random rng;
  std::vector<float> x = inputs(1, n, rng), other = inputs(1, n, rng), wide(n);
  for (float& v : wide) v = rng.unit() * 95.0f;
  for (const Table* table : runnable_tables()) {
    std::vector<float> y(n), d(n / 32);
    std::vector<int8_t> q(8192);
    std::vector<int32_t> sums(512);
    const auto digest_of_y = [&](const char* operation) {
      Digest digest;
      digest.add(y);
      expect_golden(*table, operation, digest);
    };
    for (const bool b32 : {true, false}) {
      (b32 ? table->act32 : table->act256)(x.data(), 8192, q.data(), d.data(), sums.data());
      Digest digest;
      digest.add(q);
      digest.add(d);
      digest.add(sums);
      expect_golden(*table, b32 ? "act32" : "act256", digest);
    }
    table->exp(wide.data(), n, y.data());
    digest_of_y("exp");
    table->glu(Glu::silu, wide.data(), other.data(), n, y.data());
    digest_of_y("silu");
    table->glu(Glu::gelu, wide.data(), other.data(), n, y.data());
    digest_of_y("gelu");
    ASSERT_TRUE(table->rms_norm(x.data(), other.data(), n, 1e-5f, y.data()));
    digest_of_y("rms_norm");
    for (const bool neox : {true, false}) {
      y = wide;
      table->rope(y.data(), x.data(), other.data(), 4094, neox);
      digest_of_y(neox ? "rope neox" : "rope normal");
    }
    std::vector<uint16_t> half(n);
    ASSERT_TRUE(table->kv(KvType::f16).store_v(wide.data(), n, 0, reinterpret_cast<std::byte*>(half.data())));
    Digest digest;
    digest.add(half);
    expect_golden(*table, "store_f16", digest);

    for (const KvType type : kv_types) {
      const KvKernels& kv = table->kv(type);
      constexpr uint32_t head_dim = 80, n_rep = 9, n_valid = 401;
      const size_t bytes = kv_chunk_bytes(type, head_dim);
      std::vector<float> memory(4 * bytes / 4), scratch(attend_scratch(n_rep, head_dim)),
          out(n_rep * head_dim);
      std::byte* chunks[4];  // K, K, V, V
      for (size_t i = 0; i < 4; ++i) chunks[i] = reinterpret_cast<std::byte*>(memory.data()) + i * bytes;
      for (uint32_t j = 0; j < n_valid; ++j) {
        const float* row = wide.data() + j * 19;
        ASSERT_TRUE(kv.store_k(row, head_dim, j % kv_chunk, chunks[j / kv_chunk]));
        ASSERT_TRUE(kv.store_v(row + 11, head_dim, j % kv_chunk, chunks[2 + j / kv_chunk]));
      }
      Attend a;
      a.q = wide.data() + 100, a.out = out.data(), a.ld = out.size(), a.n_rep = n_rep, a.head_dim = head_dim;
      a.k_chunks = chunks, a.v_chunks = chunks + 2, a.n_valid = n_valid, a.scale = 0x1p-12f;
      a.scratch = scratch.data();
      ASSERT_TRUE(kv.attend(a));
      Digest attended;
      attended.add(out);
      expect_golden(*table, "attend_" + std::string(name(type)), attended);
      if (type == KvType::f16) continue;
      Digest held;  // the bytes of a chunk are one for every instruction set
      held.add(memory);
      expect_golden(*table, "chunks_q8", held);
    }
  }
}

}  // namespace
}  // namespace bw::kernels::testing
