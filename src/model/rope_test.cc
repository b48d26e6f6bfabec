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
std::vector<std::string> golden_lines() {
  std::ifstream in(BITWORTH_SOURCE_DIR "/data/vectors/rope/goldens.txt");
  std::vector<std::string> lines;
  for (std::string l; std::getline(in, l);) lines.push_back(l);
  return lines;
}

TEST(Rope, frequencies_and_angles_are_the_nearest_to_400_bit_arithmetic) {
  size_t n_inv = 0, n_cs = 0, n_angle = 0;
  for (const std::string& l : golden_lines()) {
    std::istringstream in(l);
    std::string kind, a, b, c;
    in >> kind;
    if (kind == "angle") {
      in >> a >> b >> c;
      const double angle = std::bit_cast<double>(hex(a));
      for (const bool slow : {false, true}) {
        float co = 0, si = 0;
        const Status s = (slow ? model::rope_row_slow : model::rope_row)({angle}, 1, &co, &si);
        ASSERT_TRUE(s) << s.error().what;
        EXPECT_EQ(std::bit_cast<uint32_t>(co), hex(b)) << l;
        EXPECT_EQ(std::bit_cast<uint32_t>(si), hex(c)) << l;
      }
      ++n_angle;
      continue;
    }
    float base = 0;
    uint32_t n_rot = 0, i = 0, pos = 0;
    double factor = 0;
    in >> base >> n_rot >> factor >> i;
    const auto inv = model::rope_frequencies(base, n_rot, factor);
    ASSERT_TRUE(inv) << inv.error().what;
    if (kind == "inv") {
      in >> a;
      EXPECT_EQ(std::bit_cast<uint64_t>((*inv)[i]), hex(a)) << l;
      ++n_inv;
    } else {
      in >> pos >> b >> c;
      std::vector<float> co(n_rot / 2), si(n_rot / 2);
      const Status s = model::rope_row(*inv, pos, co.data(), si.data());
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

TEST(Rope, the_quick_evaluation_gives_the_bits_of_the_slow_one) {
  const auto inv = model::rope_frequencies(1e6f, 64, 1);
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
  EXPECT_FALSE(model::rope_row({double(model::rope_max_position) * 2}, 1, &c, &s));
  EXPECT_TRUE(model::rope_row({1.0}, model::rope_max_position, &c, &s));
}

}  // namespace
