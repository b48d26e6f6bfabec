// A re-encoded file holds what ggml's own Python encoder makes of the same weights, whoever and however many
// work on it, and a run that fails or is stopped leaves nothing.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include "base/file.h"
#include "base/hash.h"
#include "gguf/writer.h"
#include "quant/half.h"
#include "quantize/quantize.h"

namespace {
using namespace bw;
namespace fs = std::filesystem;
using quant::Type;

const std::string baby = BITWORTH_SOURCE_DIR "/data/vectors/bn1/baby-F16.gguf";

class Quantize : public testing::Test {
 protected:
  Quantize() : dir_(fs::temp_directory_path() / ("bw_quantize_" + std::to_string(::getpid()))) {
    fs::create_directories(dir_);
  }
  ~Quantize() override { fs::remove_all(dir_); }
  std::string path(const std::string& file) const { return dir_ / file; }
  size_t n_files() const { return static_cast<size_t>(std::distance(fs::directory_iterator(dir_), {})); }

  gguf::File open(const std::string& file) {
    auto f = gguf::open(file);
    EXPECT_TRUE(f) << f.error().what;
    return *std::move(f);
  }
  std::vector<std::byte> bytes(const gguf::File& f, const gguf::TensorInfo& t) {
    std::vector<std::byte> out(t.n_bytes);
    EXPECT_TRUE(f.read(t, 0, out));
    return out;
  }
  std::vector<float> values(const gguf::File& f, const gguf::TensorInfo& t) {
    std::vector<float> out(t.n_elements());
    EXPECT_TRUE(f.read_rows_f32(t, 0, t.n_rows(), out.data()));
    return out;
  }
  // One matrix "w.weight" [ne0, rows] of F32.
  std::string matrix(const std::vector<float>& x, uint64_t ne0, const char* name = "w.weight") {
    const std::string file = path("source.gguf");
    auto w = gguf::Writer::create(file, {{"general.architecture", gguf::string_value("llama")}},
                                  {{name, 2, {ne0, x.size() / ne0, 1, 1}, Type::F32}});
    EXPECT_TRUE(w);
    EXPECT_TRUE(w->append(std::as_bytes(std::span(x))));
    EXPECT_TRUE(w->commit());
    return file;
  }
  fs::path dir_;
};

TEST_F(Quantize, every_type_gives_the_bytes_of_ggufs_own_encoder) {
  // SHA-256 over all weight tensors in file order, by gguf-py 0.19.0's quantize() of the same file.
  const std::map<Type, const char*> golden = {
      {Type::F32, "a35da8fec5d0bdb6bf334310a244ff5652e5ed451d0288cd1d400b249de74823"},
      {Type::F16, "c130fe878a1619b309bc2b48064037db4602237c9e3b00f2da95ed4fb3663b76"},
      {Type::BF16, "69423755753bc6c60bb1188e998a175fff90a33650eea158ee176d85c0d7c85a"},
      {Type::Q4_0, "40679b056ea1f18336db17bc5bc93ba7743f4991472ae5018a8d36691853a44e"},
      {Type::Q4_1, "695d87c5a9304490958c465e14a023267d2643688adc3e91cf27390899ed8987"},
      {Type::Q5_0, "20069c3c6018596ddc237aa61b7707bac2ed09aedc60e70a87898ad8c0bd747f"},
      {Type::Q5_1, "2b671e2cc4766e249d582063c8d5e13ad907ad9de8b849e51c3abf5b6223a834"},
      {Type::Q8_0, "0cd379a381e97f6f32a9d9fe77a8dd45012a58a3d1daf0e03a816fedce47f385"}};
  const gguf::File in = open(baby);
  for (const quant::TypeInfo& t : quant::all_types()) {
    SCOPED_TRACE(std::string(t.name));
    auto s = quantize::make(in, path("out.gguf"), {t.type, false});
    if (!t.encode) {
      ASSERT_FALSE(s);
      EXPECT_EQ(s.error().code, Code::bad_input);
      continue;
    }
    ASSERT_TRUE(s) << s.error().what;
    const gguf::File out = open(path("out.gguf"));
    Sha256 digest;
    for (const gguf::TensorInfo& w : out.tensors) {
      const gguf::TensorInfo& source = *in.tensor(w.name);
      EXPECT_EQ(w.ne, source.ne);
      if (w.n_dims < 2) {
        EXPECT_EQ(bytes(out, w), bytes(in, source)) << w.name;
        EXPECT_EQ(w.ggml_type, source.ggml_type);
        continue;
      }
      EXPECT_EQ(w.ggml_type, static_cast<uint32_t>(t.type)) << w.name;
      const auto b = bytes(out, w);
      digest.add(b.data(), b.size());
    }
    EXPECT_EQ(digest.hex(), golden.at(t.type));
    EXPECT_EQ(s->already, t.type == Type::F16);
    EXPECT_EQ(s->n_bytes_out, fs::file_size(path("out.gguf")));
  }
}

TEST_F(Quantize, the_bytes_do_not_depend_on_the_number_of_threads) {
  std::vector<float> x(64 * 50'000);  // several bands for one thread, an uneven share for others
  uint32_t state = 7;
  for (float& v : x)
    v = static_cast<float>(static_cast<int32_t>(state = state * 1664525u + 1013904223u)) * 0x1p-33f;
  const gguf::File in = open(matrix(x, 64, "blk.1.ffn_up.weight"));
  std::vector<std::byte> expected(x.size() / 32 * 18);
  quant::info(Type::Q4_0).encode(x.data(), x.size() / 32, expected.data());
  for (const bool control : {false, true}) {
    std::set<std::string> digests;
    for (const int n_threads : {1, 2, 3, 7}) {
      auto s = quantize::make(in, path("out.gguf"), {Type::Q4_0, control}, {}, {n_threads, {}});
      ASSERT_TRUE(s) << s.error().what;
      digests.insert(*sha256_file(path("out.gguf")));
      const gguf::File out = open(path("out.gguf"));
      EXPECT_EQ(bytes(out, out.tensors[0]) == expected, !control);
    }
    EXPECT_EQ(digests.size(), 1u);
  }
}

TEST_F(Quantize, keys_are_carried_over_and_say_how_the_file_was_made) {
  const gguf::File in = open(baby);
  auto s = quantize::make(in, path("out.gguf"), {Type::Q4_1, false});
  ASSERT_TRUE(s);
  const gguf::File out = open(path("out.gguf"));
  EXPECT_EQ(*out.get_uint("general.file_type"), 3u);  // MOSTLY_Q4_1
  EXPECT_EQ(*out.get_uint("general.quantization_version"), 2u);
  EXPECT_EQ(*out.get_string("bitworth.source.sha256"), *sha256_file(baby));
  EXPECT_EQ(*out.get_string("bitworth.source.file"), "baby-F16.gguf");
  EXPECT_NE(out.get_string("bitworth.recipe")->find("Q4_1"), std::string::npos);
  EXPECT_FALSE(*out.get_bool("bitworth.control"));
  for (const auto& [key, value] : in.kv) {
    if (key == "general.file_type" || key == "general.quantization_version") continue;
    ASSERT_NE(out.find(key), nullptr) << key;
    EXPECT_EQ(out.find(key)->data, value.data) << key;
  }
  // Made again from its own output: one set of bitworth keys, of the second making.
  auto again = quantize::make(out, path("again.gguf"), {Type::Q8_0, false});
  ASSERT_TRUE(again) << again.error().what;  // a key twice would be refused
  EXPECT_EQ(*open(path("again.gguf")).get_string("bitworth.source.file"), "out.gguf");
}

TEST_F(Quantize, the_control_uses_four_codes_in_every_second_feed_forward_and_is_worse_there) {
  const gguf::File in = open(baby);
  ASSERT_TRUE(quantize::make(in, path("plain.gguf"), {Type::Q4_0, false}));
  auto s = quantize::make(in, path("control.gguf"), {Type::Q4_0, true});
  ASSERT_TRUE(s) << s.error().what;
  const gguf::File plain = open(path("plain.gguf")), control = open(path("control.gguf"));
  EXPECT_TRUE(*control.get_bool("bitworth.control"));
  size_t snapped = 0;
  for (const gguf::TensorInfo& t : control.tensors) {
    const gguf::TensorInfo& p = *plain.tensor(t.name);
    const bool odd_ffn =
        (t.name.starts_with("blk.1.ffn_") || t.name.starts_with("blk.3.ffn_")) && t.n_dims == 2;
    EXPECT_EQ(bytes(control, t) == bytes(plain, p), !odd_ffn) << t.name;
    if (!odd_ffn) continue;
    snapped++;
    std::set<int> codes;
    const auto b = bytes(control, t);
    for (size_t i = 0; i < b.size(); i++)
      if (i % 18 >= 2) codes.insert({static_cast<int>(b[i]) & 15, static_cast<int>(b[i]) >> 4});
    EXPECT_EQ(codes, (std::set<int>{1, 6, 10, 15})) << t.name;
    // Relative squared error: Max (1960) gives 0.1175 for four levels on a normal distribution; a scale a
    // block does a little better, sixteen levels ten times.
    double error = 0, plain_error = 0, power = 0;
    const auto x = values(in, *in.tensor(t.name)), y = values(control, t), z = values(plain, p);
    for (size_t i = 0; i < x.size(); i++) {
      error += std::pow(x[i] - y[i], 2), plain_error += std::pow(x[i] - z[i], 2), power += std::pow(x[i], 2);
    }
    EXPECT_LT(error / power, 0.1175) << t.name;
    EXPECT_GT(error, 5 * plain_error) << t.name;
  }
  EXPECT_EQ(snapped, 6u);  // gate, up and down of blocks 1 and 3 of five
}

TEST_F(Quantize, what_is_kept_is_listed_with_its_reason) {
  const std::string file = path("mixed.gguf");
  auto w = gguf::Writer::create(file, {},
                                {{"blk.0.attn_norm.weight", 1, {64, 1, 1, 1}, Type::F32},
                                 {"odd.weight", 2, {48, 2, 1, 1}, Type::F16},
                                 {"blk.0.ffn_gate_inp.weight", 2, {64, 2, 1, 1}, Type::F32},
                                 {"q.weight", 2, {32, 1, 1, 1}, Type::Q8_0},
                                 {"w.weight", 3, {32, 2, 2, 1}, Type::BF16},
                                 {"ids", 1, {4, 1, 1, 1}, static_cast<Type>(26 /* I32 */)}});
  ASSERT_TRUE(w);
  for (const size_t n : {256u, 192u, 512u, 34u, 256u, 16u}) ASSERT_TRUE(w->append(std::vector<std::byte>(n)));
  ASSERT_TRUE(w->commit());
  const gguf::File in = open(file);
  auto s = quantize::make(in, path("out.gguf"), {Type::Q8_0, false});
  ASSERT_TRUE(s) << s.error().what;
  EXPECT_EQ(s->n_encoded, 1u);
  std::map<std::string, std::string> kept;
  for (const auto& k : s->kept) kept[k.tensor] = k.reason;
  EXPECT_EQ(kept, (std::map<std::string, std::string>{
                      {"blk.0.attn_norm.weight", "1-D"},
                      {"odd.weight", "row of 48 is not a multiple of 32"},
                      {"blk.0.ffn_gate_inp.weight", "not a weight of a linear or an embedding"},
                      {"q.weight", "already Q8_0"},
                      {"ids", "1-D"}}));
  EXPECT_EQ(open(path("out.gguf")).tensor("ids")->ggml_type, 26u);
}

TEST_F(Quantize, weights_that_are_not_finite_or_do_not_fit_are_refused_by_name) {
  std::vector<float> x(64 * 4, 1.0f);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    x[200] = bad;
    auto s = quantize::make(open(matrix(x, 64)), path("out.gguf"), {Type::Q4_0, false});
    ASSERT_FALSE(s);
    EXPECT_NE(s.error().what.find("tensor w.weight: expected finite weights"), std::string::npos)
        << s.error().what;
  }
  x[200] = 70000;  // beyond f16, but d = 70000 / 8 fits
  EXPECT_FALSE(quantize::make(open(matrix(x, 64)), path("out.gguf"), {Type::F16, false}));
  EXPECT_TRUE(quantize::make(open(matrix(x, 64)), path("out.gguf"), {Type::Q4_0, false}));
  x[200] = 600000;  // d = 75000 does not
  auto s = quantize::make(open(matrix(x, 64)), path("out2.gguf"), {Type::Q4_0, false});
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find("does not fit Q4_0"), std::string::npos) << s.error().what;
  EXPECT_TRUE(quantize::make(open(matrix(x, 64)), path("out2.gguf"), {Type::BF16, false}));
}

TEST_F(Quantize, a_recipe_that_cannot_be_followed_is_refused) {
  const gguf::File in = open(baby);
  EXPECT_FALSE(quantize::make(in, path("out.gguf"), {Type::Q8_0, true}));  // the control is Q4_0
  EXPECT_FALSE(quantize::make(in, path("no/such/folder/out.gguf"), {Type::Q8_0, false}));
  const gguf::File plain = open(matrix(std::vector<float>(64, 1.0f), 64));
  auto s = quantize::make(plain, path("out.gguf"),
                          {Type::Q4_0, true});  // nothing to snap: it would be a plain Q4_0
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, Code::unsupported);
  auto self = quantize::make(plain, path("source.gguf"), {Type::Q4_0, false});
  ASSERT_FALSE(self);
  EXPECT_NE(self.error().what.find("is the source itself"), std::string::npos);
  EXPECT_EQ(n_files(), 1u);
}

TEST_F(Quantize, stopped_half_way_or_out_of_room_nothing_is_left) {
  const gguf::File in = open(baby);
  int calls = 0;
  uint64_t last = 0, total = 0;
  auto stopped = quantize::make(in, path("out.gguf"), {Type::Q4_0, false}, [&](uint64_t done, uint64_t all) {
    EXPECT_GT(done, last);
    last = done, total = all;
    return ++calls < 10;
  });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::failed);
  EXPECT_EQ(calls, 10);
  EXPECT_LT(last, total);
  EXPECT_EQ(n_files(), 0u);

  ASSERT_TRUE(write_text(path("out.gguf"), "older"));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{100'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  auto full = quantize::make(in, path("out.gguf"), {Type::Q4_0, false});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::failed);
  EXPECT_EQ(*read_text(path("out.gguf")), "older");
  EXPECT_EQ(n_files(), 1u);
}

}  // namespace
