// Decoders and encoders against bytes that ggml's own Python package made; the table against itself.
// In: data/vectors/quant (dequantize.jsonl, quantize.jsonl: one JSON object a line, arrays in base64).
#include <gtest/gtest.h>
#include <sodium.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "quant/half.h"
#include "quant/types.h"

namespace {
using namespace bw::quant;

// The text of a string or number member; these files hold no escapes.
std::string field(const std::string& line, const std::string& key) {
  const std::string mark = "\"" + key + "\": ";
  const size_t at = line.find(mark);
  if (at == std::string::npos) return {};
  const size_t from = at + mark.size();
  if (line[from] == '"') return line.substr(from + 1, line.find('"', from + 1) - from - 1);
  return line.substr(from, line.find_first_of(",}", from) - from);
}

std::vector<std::byte> base64(const std::string& text) {
  std::vector<std::byte> out(text.size());
  size_t n = 0;
  EXPECT_EQ(0, sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                                 text.size(), nullptr, &n, nullptr, sodium_base64_VARIANT_ORIGINAL));
  out.resize(n);
  return out;
}

std::vector<float> floats(const std::vector<std::byte>& bytes) {
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

std::vector<std::string> lines(const char* name) {
  std::ifstream in(std::string(BITWORTH_SOURCE_DIR "/data/vectors/quant/") + name);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

TEST(Decode, every_vector_of_a_type_in_the_table_gives_the_same_bits) {
  std::set<std::string> seen;
  for (const std::string& line : lines("dequantize.jsonl")) {
    const TypeInfo* t = find(field(line, "type"));
    if (!t) continue;
    SCOPED_TRACE(std::string(t->name) + ": " + field(line, "case"));
    EXPECT_EQ(static_cast<uint32_t>(t->type), std::stoul(field(line, "ggml_type")));
    EXPECT_EQ(t->block, std::stoul(field(line, "block")));
    EXPECT_EQ(t->bytes, std::stoul(field(line, "block_bytes")));
    const auto bytes = base64(field(line, "bytes"));
    const auto expected = floats(base64(field(line, "floats_le")));
    ASSERT_EQ(bytes.size() / t->bytes * t->block, expected.size());
    ASSERT_FALSE(expected.empty());
    std::vector<float> out(expected.size());
    t->decode(bytes.data(), bytes.size() / t->bytes, out.data());
    for (size_t i = 0; i < out.size(); i++) {
      if (std::isnan(out[i]) && std::isnan(expected[i])) continue;  // a NaN may keep any payload
      ASSERT_EQ(std::bit_cast<uint32_t>(expected[i]), std::bit_cast<uint32_t>(out[i])) << "value " << i;
    }
    seen.insert(std::string(t->name));
  }
  // F32 and F16 have no vectors there: F32 is a copy, F16 is tested over all its values below.
  EXPECT_EQ(seen, (std::set<std::string>{"BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K",
                                         "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"}));
}

TEST(Encode, every_vector_gives_the_same_bytes) {
  std::set<std::string> seen;
  for (const std::string& line : lines("quantize.jsonl")) {
    const TypeInfo* t = find(field(line, "type"));
    ASSERT_NE(t, nullptr) << line.substr(0, 60);
    ASSERT_NE(t->encode, nullptr) << t->name;
    SCOPED_TRACE(std::string(t->name) + ": " + field(line, "case"));
    const auto x = floats(base64(field(line, "floats_le")));
    const auto expected = base64(field(line, "bytes"));
    std::vector<std::byte> out(x.size() / t->block * t->bytes);
    t->encode(x.data(), x.size() / t->block, out.data());
    EXPECT_EQ(expected, out);
    seen.insert(std::string(t->name));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"}));
}

TEST(Encode, a_block_of_zeros_has_the_scale_of_ggmls_c_code_whatever_their_signs) {
  // The peak starts at +0 there, so d = 0 / -8 = -0. gguf-py takes the first value, -0, and gets +0 instead;
  // that is the one case found where the two differ, and the vectors leave it out.
  const std::vector<float> x(32, -0.0f);
  std::vector<std::byte> q4(18), q5(22);
  info(Type::Q4_0).encode(x.data(), 1, q4.data());
  info(Type::Q5_0).encode(x.data(), 1, q5.data());
  EXPECT_EQ(q4[1], std::byte{0x80});
  EXPECT_EQ(q5[1], std::byte{0x80});
}

TEST(Encode, what_the_block_peak_allows_is_the_largest_error) {
  // From the layouts: half a step of d = peak/8, except the level +8 that Q4_0 lacks (a whole step), plus d's
  // rounding.
  std::vector<float> x(32 * 64), back(x.size());
  uint32_t state = 1;
  for (float& v : x)
    v = static_cast<float>(static_cast<int32_t>(state = state * 1664525u + 1013904223u)) * 0x1p-31f;
  for (const auto& [type, steps] : {std::pair{Type::Q4_0, 8.0f}, {Type::Q5_0, 16.0f}, {Type::Q8_0, 254.0f}}) {
    const TypeInfo& t = info(type);
    std::vector<std::byte> bytes(x.size() / 32 * t.bytes);
    t.encode(x.data(), x.size() / 32, bytes.data());
    t.decode(bytes.data(), x.size() / 32, back.data());
    for (size_t b = 0; b < x.size(); b += 32) {
      float peak = 0;
      for (size_t i = b; i < b + 32; i++) peak = std::max(peak, std::fabs(x[i]));
      for (size_t i = b; i < b + 32; i++)
        ASSERT_LE(std::fabs(x[i] - back[i]), peak * (1 / steps + 0x1p-10f)) << t.name << " value " << i;
    }
  }
}

TEST(Encode, blocks_too_small_to_scale_and_non_finite_values_stay_defined) {
  // 1/d overflows below 2^-126 and 0 * infinity is NaN: ggml leaves this undefined, here it must only be
  // repeatable.
  std::vector<float> x(32, 1e-44f);
  x[3] = 0;
  x[7] = std::numeric_limits<float>::quiet_NaN();
  x[9] = std::numeric_limits<float>::infinity();
  for (const TypeInfo& t : all_types()) {
    if (!t.encode) continue;
    std::vector<std::byte> a(32 / t.block * t.bytes), b(a.size());
    t.encode(x.data(), 32 / t.block, a.data());
    t.encode(x.data(), 32 / t.block, b.data());
    EXPECT_EQ(a, b) << t.name;
  }
}

#ifdef __FLT16_MAX__
TEST(Half, every_half_widens_and_every_stride_of_floats_narrows_as_the_compiler_does) {
  for (uint32_t h = 0; h < 65536; h++) {
    const float ours = half_to_float(static_cast<uint16_t>(h));
    const float theirs = static_cast<float>(std::bit_cast<_Float16>(static_cast<uint16_t>(h)));
    if (std::isnan(theirs)) {
      ASSERT_TRUE(std::isnan(ours)) << h;
      continue;
    }
    ASSERT_EQ(std::bit_cast<uint32_t>(theirs), std::bit_cast<uint32_t>(ours)) << h;
    ASSERT_EQ(h, float_to_half(ours));
  }
  for (uint64_t u = 0; u < 1ull << 32; u += 4099) {
    const float f = std::bit_cast<float>(static_cast<uint32_t>(u));
    if (std::isnan(f)) continue;
    ASSERT_EQ(std::bit_cast<uint16_t>(static_cast<_Float16>(f)), float_to_half(f)) << u;
  }
  for (uint32_t h = 0; h < 0x7C00; h++) {  // exactly between two halves, and one step to either side
    const float low = half_to_float(static_cast<uint16_t>(h)),
                high = half_to_float(static_cast<uint16_t>(h + 1));
    if (std::isinf(high)) continue;
    const float mid = low + (high - low) / 2;
    for (const float f : {mid, std::nextafterf(mid, 0), std::nextafterf(mid, high), -mid})
      ASSERT_EQ(std::bit_cast<uint16_t>(static_cast<_Float16>(f)), float_to_half(f)) << h;
  }
}
#endif

TEST(Table, names_and_ids_find_their_type_and_ggml_agrees_on_sizes) {
  for (const TypeInfo& t : all_types()) {
    EXPECT_EQ(&t, find(static_cast<uint32_t>(t.type)));
    EXPECT_EQ(&t, find(t.name));
    const KnownType k = known(static_cast<uint32_t>(t.type));
    EXPECT_EQ(k.name, t.name);
    EXPECT_EQ(k.block, t.block);
    EXPECT_EQ(k.bytes, t.bytes);
    EXPECT_NE(t.decode, nullptr);
  }
  EXPECT_EQ(find("q4_0"), find("Q4_0"));
  EXPECT_EQ(find("Q4_2"), nullptr);
  for (const uint32_t removed : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 4294967295u}) {
    EXPECT_TRUE(known(removed).name.empty());
    EXPECT_EQ(find(removed), nullptr);
  }
  std::set<std::string> sized;  // the vectors name block sizes of types not computed here too
  for (const std::string& line : lines("dequantize.jsonl")) {
    const KnownType k = known(static_cast<uint32_t>(std::stoul(field(line, "ggml_type"))));
    EXPECT_EQ(k.name, field(line, "type"));
    EXPECT_EQ(k.block, std::stoul(field(line, "block")));
    EXPECT_EQ(k.bytes, std::stoul(field(line, "block_bytes")));
    sized.insert(std::string(k.name));
  }
  EXPECT_EQ(sized.size(), 24u);
}

}  // namespace
