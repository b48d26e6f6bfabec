// Packing loses nothing: a row unpacked from its panel is the row decoded from the file's bytes, for every
// type. Oracle: quant's decoders (checked against gguf-py's vectors in their own tests).
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <random>
#include <set>
#include <vector>

#include "kernels/kernels.h"
#include "quant/half.h"

namespace bw::kernels {
namespace {

using quant::Type;

bool is_finite_row(const std::vector<float>& row) {
  for (const float f : row)
    if ((std::bit_cast<uint32_t>(f) & 0x7F800000u) == 0x7F800000u) return false;
  return true;
}

// Random bytes whose dequantised rows are all finite.
std::vector<std::byte> random_rows(const quant::TypeInfo& t, uint32_t n_rows, uint32_t k, std::mt19937& rng) {
  std::vector<std::byte> rows(n_rows * quant::row_bytes(t, k));
  const size_t n_blocks = rows.size() / t.bytes;
  std::vector<float> values(t.block);
  for (size_t b = 0; b < n_blocks; ++b) {
    do {
      for (uint32_t i = 0; i < t.bytes; ++i) rows[b * t.bytes + i] = std::byte(rng());
      t.decode(&rows[b * t.bytes], 1, values.data());
    } while (!is_finite_row(values));
  }
  return rows;
}

TEST(Pack, an_unpacked_row_is_the_decoded_row_for_every_type) {
  std::mt19937 rng(2);
  for (const quant::TypeInfo& t : quant::all_types()) {
    for (const uint32_t blocks : {1u, 2u, 3u, 7u}) {
      for (const uint32_t n_rows : {1u, 5u, 16u}) {
        const uint32_t k = blocks * t.block;
        const auto rows = random_rows(t, n_rows, k, rng);
        std::vector<std::byte> panel(panel_bytes(t.type, k));
        EXPECT_EQ(panel.size() % 64, 0u);
        ASSERT_TRUE(pack_panel(t.type, rows.data(), n_rows, k, panel.data())) << t.name;
        std::vector<float> want(k), got(k);
        for (uint32_t r = 0; r < n_rows; ++r) {
          t.decode(rows.data() + r * quant::row_bytes(t, k), blocks, want.data());
          unpack_row(t.type, panel.data(), r, k, got.data());
          EXPECT_EQ(std::memcmp(want.data(), got.data(), k * 4), 0) << t.name << " row " << r << " k " << k;
        }
      }
    }
  }
}

TEST(Pack, a_panel_of_an_even_count_of_blocks_is_exactly_the_size_of_its_rows_in_the_file) {
  for (const quant::TypeInfo& t : quant::all_types()) {
    const uint32_t k = 4 * t.block;
    EXPECT_EQ(panel_bytes(t.type, k), 16 * quant::row_bytes(t, k)) << t.name;
  }
}

TEST(Pack, a_scale_or_minimum_or_float_weight_that_is_not_finite_is_refused) {
  struct Case {
    Type type;
    uint32_t at, n_bytes, bits;
  };
  const Case cases[] = {
      {Type::F32, 4, 4, 0x7F800000u}, {Type::F32, 8, 4, 0xFFC00001u}, {Type::F16, 2, 2, 0xFC00u},
      {Type::BF16, 6, 2, 0x7F81u},    {Type::Q4_0, 18, 2, 0x7C00u},   {Type::Q4_1, 20, 2, 0x7C00u},
      {Type::Q4_1, 22, 2, 0xFE00u},   {Type::Q5_0, 22, 2, 0x7C00u},   {Type::Q5_1, 26, 2, 0x7C01u},
      {Type::Q8_0, 34, 2, 0xFC00u},   {Type::Q4_K, 144, 2, 0x7C00u},  {Type::Q4_K, 146, 2, 0x7E00u},
      {Type::Q6_K, 418, 2, 0x7C00u},  {Type::Q5_K, 176, 2, 0x7C00u},  {Type::Q5_K, 178, 2, 0xFC01u},
      {Type::Q2_K, 164, 2, 0x7C00u},  {Type::Q2_K, 166, 2, 0x7E00u},  {Type::Q3_K, 218, 2, 0xFC00u},
      {Type::IQ4_NL, 18, 2, 0x7C00u}, {Type::IQ4_XS, 136, 2, 0x7C00u}};
  std::set<Type> seen;
  for (const Case& c : cases) {
    const quant::TypeInfo& t = quant::info(c.type);
    const uint32_t k = t.block * (t.block == 1 ? 32 : 2);
    seen.insert(c.type);
    std::vector<std::byte> rows(3 * quant::row_bytes(t, k)), panel(panel_bytes(c.type, k));
    EXPECT_TRUE(pack_panel(c.type, rows.data(), 3, k, panel.data())) << t.name;
    std::memcpy(rows.data() + 2 * quant::row_bytes(t, k) + c.at, &c.bits, c.n_bytes);
    auto status = pack_panel(c.type, rows.data(), 3, k, panel.data());
    ASSERT_FALSE(status) << t.name << " at " << c.at;
    EXPECT_EQ(status.error().code, Code::bad_input);
    EXPECT_NE(status.error().what.find("row 2"), std::string::npos) << status.error().what;
  }
  EXPECT_EQ(seen.size(), quant::all_types().size()) << "a type has no case here";
}

// The scales' high bits of IQ4_XS stand where other types have a second f16; all ones is a legal value there.
TEST(Pack, what_is_no_float_may_hold_any_bits) {
  const quant::TypeInfo& t = quant::info(Type::IQ4_XS);
  std::vector<std::byte> row(t.bytes), panel(panel_bytes(Type::IQ4_XS, 256));
  for (uint32_t i = 2; i < t.bytes; ++i) row[i] = std::byte{0xFF};
  EXPECT_TRUE(pack_panel(Type::IQ4_XS, row.data(), 1, 256, panel.data()));
}

TEST(Pack, a_row_that_is_not_whole_blocks_is_refused) {
  std::vector<std::byte> rows(4096), panel(65536);
  EXPECT_FALSE(pack_panel(Type::Q4_0, rows.data(), 1, 48, panel.data()));
  EXPECT_FALSE(pack_panel(Type::Q6_K, rows.data(), 1, 128, panel.data()));
  EXPECT_FALSE(pack_panel(Type::F32, rows.data(), 17, 32, panel.data()));
}

}  // namespace
}  // namespace bw::kernels
