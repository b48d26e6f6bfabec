// RoPE tables against values rounded from 400-bit arithmetic (data/vectors/rope), and the quick way against
// the slow.
#include "model/rope.h"

#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <sstream>
#include <string>

namespace {
using namespace bw;

uint64_t hex(const std::string& s) {
  return std::stoull(s, nullptr, 16);
}
std::vector<std::string> golden_lines(const char* file) {
  std::ifstream in(std::string(BITWORTH_SOURCE_DIR "/data/vectors/rope/") + file);
  std::vector<std::string> lines;
  for (std::string l; std::getline(in, l);) lines.push_back(l);
  return lines;
}

TEST(Rope, frequencies_and_angles_are_the_nearest_to_400_bit_arithmetic) {
  size_t n_inv = 0, n_cs = 0, n_angle = 0;
  for (const std::string& l : golden_lines("goldens.txt")) {
    std::istringstream in(l);
    std::string kind, a, b, c;
    in >> kind;
    if (kind == "angle") {
      in >> a >> b >> c;
      const double angle = std::bit_cast<double>(hex(a));
      for (const bool slow : {false, true}) {
        float co = 0, si = 0;
        const Status s = (slow ? model::rope_row_slow : model::rope_row)({{angle}}, 1, &co, &si);
        ASSERT_TRUE(s) << s.error().what;
        EXPECT_EQ(std::bit_cast<uint32_t>(co), hex(b)) << l;
        EXPECT_EQ(std::bit_cast<uint32_t>(si), hex(c)) << l;
      }
      ++n_angle;
      continue;
    }
    model::Rope r;
    r.scaling = model::RopeScaling::linear;
    uint32_t n_rot = 0, i = 0, pos = 0;
    in >> r.base >> n_rot >> r.factor >> i;
    const auto f = model::rope_frequencies(r, n_rot);
    ASSERT_TRUE(f) << f.error().what;
    if (kind == "inv") {
      in >> a;
      EXPECT_EQ(std::bit_cast<uint64_t>(f->inv[i]), hex(a)) << l;
      ++n_inv;
    } else {
      in >> pos >> b >> c;
      std::vector<float> co(n_rot / 2), si(n_rot / 2);
      const Status s = model::rope_row(*f, pos, co.data(), si.data());
      ASSERT_TRUE(s) << s.error().what;
      EXPECT_EQ(std::bit_cast<uint32_t>(co[i]), hex(b)) << l;
      EXPECT_EQ(std::bit_cast<uint32_t>(si[i]), hex(c)) << l;
      ++n_cs;
    }
  }
  EXPECT_GE(n_inv, 200u);
  EXPECT_GE(n_cs, 900u);
  EXPECT_GE(n_angle, 70u);
}

TEST(Rope, yarn_gives_the_frequencies_and_scaled_cosines_of_another_implementation_in_400_bits) {
  size_t n_inv = 0, n_cs = 0;
  for (const std::string& l : golden_lines("yarn.txt")) {
    std::istringstream in(l);
    std::string kind, a, b;
    model::Rope r;
    r.scaling = model::RopeScaling::yarn;
    uint32_t n_rot = 0, i = 0, pos = 0;
    in >> kind >> r.base >> n_rot >> r.factor >> r.n_ctx_orig >> r.attn_factor >> r.beta_fast >>
        r.beta_slow >> i;
    const auto f = model::rope_frequencies(r, n_rot);
    ASSERT_TRUE(f) << f.error().what;
    if (kind == "inv") {
      in >> a;
      EXPECT_EQ(std::bit_cast<uint64_t>(f->inv[i]), hex(a)) << l;
      ++n_inv;
      continue;
    }
    in >> pos >> a >> b;
    std::vector<float> co(n_rot / 2), si(n_rot / 2);
    for (const bool slow : {false, true}) {
      const Status s = (slow ? model::rope_row_slow : model::rope_row)(*f, pos, co.data(), si.data());
      ASSERT_TRUE(s) << s.error().what;
      EXPECT_EQ(std::bit_cast<uint32_t>(co[i]), hex(a)) << l;
      EXPECT_EQ(std::bit_cast<uint32_t>(si[i]), hex(b)) << l;
    }
    ++n_cs;
  }
  EXPECT_GE(n_inv, 100u);
  EXPECT_GE(n_cs, 300u);
}

TEST(Rope, factors_of_a_file_divide_each_frequency_by_its_own) {
  model::Rope r;
  const auto plain = model::rope_frequencies(r, 8);
  r.freq_factors = {1, 1.7f, 8, 0.5f};
  const auto divided = model::rope_frequencies(r, 8);
  ASSERT_TRUE(plain && divided);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(divided->inv[i], plain->inv[i] / double(r.freq_factors[i]));
}

TEST(Rope, the_quick_evaluation_gives_the_bits_of_the_slow_one) {
  model::Rope r;
  r.base = 1e6f;
  const auto inv = model::rope_frequencies(r, 64);
  ASSERT_TRUE(inv);
  std::vector<float> c(32), s(32), c2(32), s2(32);
  for (uint32_t pos = 0; pos < 200000; pos += 97) {
    ASSERT_TRUE(model::rope_row(*inv, pos, c.data(), s.data()));
    ASSERT_TRUE(model::rope_row_slow(*inv, pos, c2.data(), s2.data()));
    ASSERT_EQ(c, c2) << pos;
    ASSERT_EQ(s, s2) << pos;
  }
}

TEST(Rope, an_angle_out_of_range_is_an_error_and_not_a_guess) {
  float c = 0, s = 0;
  EXPECT_FALSE(model::rope_row({{double(model::rope_max_position) * 2}}, 1, &c, &s));
  EXPECT_TRUE(model::rope_row({{1.0}}, model::rope_max_position, &c, &s));
}

}  // namespace
