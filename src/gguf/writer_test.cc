// What the writer writes, the reader reads back; and gguf-py, given the same content, writes the same bytes.
// In: data/vectors/gguf/gguf_py.gguf (made by make.py beside it with gguf-py 0.19.0).
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <limits>
#include <random>

#include "gguf/file.h"
#include "gguf/writer.h"

namespace {
using namespace bw;
using gguf::Value;
using gguf::ValueType;
namespace fs = std::filesystem;
using Kv = std::vector<std::pair<std::string, Value>>;

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("bw_gguf_" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file(const char* name) const { return path_ / name; }
  size_t n_files() const { return static_cast<size_t>(std::distance(fs::directory_iterator(path_), {})); }

 private:
  fs::path path_;
};

std::string content(const std::string& path) {
  auto text = read_text(path);
  EXPECT_TRUE(text);
  return text ? *text : std::string();
}

// The content of make.py.
Kv all_kinds() {
  const auto array = [](ValueType element, auto data) {
    return Value{ValueType::array, element, std::move(data)};
  };
  return {
      {"general.architecture", gguf::string_value("llama")},
      {"t.u8", {ValueType::u8, ValueType::u8, uint64_t{255}}},
      {"t.i8", {ValueType::i8, ValueType::i8, int64_t{-128}}},
      {"t.u16", {ValueType::u16, ValueType::u16, uint64_t{65535}}},
      {"t.i16", {ValueType::i16, ValueType::i16, int64_t{-32768}}},
      {"t.u32", gguf::u32_value(4294967295u)},
      {"t.i32", {ValueType::i32, ValueType::i32, int64_t{-2147483648}}},
      {"t.f32", {ValueType::f32, ValueType::f32, double{-1.5}}},
      {"t.u64", {ValueType::u64, ValueType::u64, uint64_t{18446744073709551615u}}},
      {"t.i64", {ValueType::i64, ValueType::i64, std::numeric_limits<int64_t>::min()}},
      {"t.f64", {ValueType::f64, ValueType::f64, 0.1}},
      {"t.bool", gguf::bool_value(true)},
      {"t.string", gguf::string_value("h\xc3\xa9llo")},
      {"t.texts", array(ValueType::string, std::vector<std::string>{"a", "", "\xe2\x98\x83"})},
      {"t.ints", array(ValueType::i32, std::vector<int64_t>{1, -2, 3})},
      {"t.floats", array(ValueType::f32, std::vector<double>{0.5, -0.25})},
      {"t.bools", array(ValueType::boolean, std::vector<bool>{true, false})},
  };
}
std::vector<gguf::TensorDecl> two_tensors() {
  return {{"a.weight", 2, {32, 2, 1, 1}, quant::Type::Q8_0}, {"b", 1, {3, 1, 1, 1}, quant::Type::F32}};
}
// 68 bytes 0, 1, 2, ... and the floats 1, 2, 3.
std::vector<std::byte> two_data(size_t which) {
  std::vector<std::byte> out(which == 0 ? 68 : 12);
  const float b[3] = {1, 2, 3};
  for (size_t i = 0; i < out.size(); i++) out[i] = static_cast<std::byte>(i);
  if (which == 1) std::memcpy(out.data(), b, sizeof b);
  return out;
}

TEST(Writer, gives_the_bytes_gguf_py_gives_for_the_same_content) {
  Folder folder;
  const std::string path = folder.file("ours.gguf");
  auto w = gguf::Writer::create(path, all_kinds(), two_tensors());
  ASSERT_TRUE(w) << w.error().what;
  for (const size_t i : {0, 1}) ASSERT_TRUE(w->append(two_data(i)));
  ASSERT_TRUE(w->commit());
  EXPECT_EQ(content(path), content(BITWORTH_SOURCE_DIR "/data/vectors/gguf/gguf_py.gguf"));
}

TEST(Reader, reads_a_file_gguf_py_made) {
  auto f = gguf::open(BITWORTH_SOURCE_DIR "/data/vectors/gguf/gguf_py.gguf");
  ASSERT_TRUE(f) << f.error().what;
  const Kv expected = all_kinds();
  ASSERT_EQ(f->kv.size(), expected.size());
  for (size_t i = 0; i < expected.size(); i++) {
    EXPECT_EQ(f->kv[i].first, expected[i].first);
    EXPECT_EQ(f->kv[i].second.type, expected[i].second.type) << expected[i].first;
    EXPECT_EQ(f->kv[i].second.data, expected[i].second.data) << expected[i].first;
  }
  for (const size_t i : {0, 1}) {
    const auto expected_bytes = two_data(i);
    std::vector<std::byte> bytes(f->tensors[i].n_bytes);
    ASSERT_TRUE(f->read(f->tensors[i], 0, bytes));
    EXPECT_EQ(bytes, expected_bytes);
  }
}

// Random content of every kind: what is read equals what was written, and written again it is the same file.
TEST(Writer, read_back_and_written_again_nothing_changes) {
  Folder folder;
  std::mt19937_64 random(7);
  const auto below = [&](uint64_t n) { return random() % n; };
  for (int round = 0; round < 60; round++) {
    SCOPED_TRACE("round " + std::to_string(round));
    const uint64_t alignment = 1ull << below(13);
    Kv kv;
    for (uint64_t i = below(6); i-- > 0;) {
      Value v{static_cast<ValueType>(below(13)), ValueType::u8, uint64_t{0}};
      const std::string text(below(70), static_cast<char>(below(256)));
      v.element = v.type == ValueType::array ? ValueType::string : v.type;
      switch (v.type) {
        case ValueType::u8:
          v.data = below(256);
          break;
        case ValueType::u16:
          v.data = below(65536);
          break;
        case ValueType::u32:
          v.data = below(1ull << 32);
          break;
        case ValueType::u64:
          v.data = random();
          break;
        case ValueType::i8:
          v.data = static_cast<int64_t>(static_cast<int8_t>(random()));
          break;
        case ValueType::i16:
          v.data = static_cast<int64_t>(static_cast<int16_t>(random()));
          break;
        case ValueType::i32:
          v.data = static_cast<int64_t>(static_cast<int32_t>(random()));
          break;
        case ValueType::i64:
          v.data = static_cast<int64_t>(random());
          break;
        case ValueType::f32:
          v.data = static_cast<double>(static_cast<float>(below(1u << 20)) / 3);
          break;
        case ValueType::f64:
          v.data = static_cast<double>(random()) / 3;
          break;
        case ValueType::boolean:
          v.data = below(2) == 1;
          break;
        case ValueType::string:
          v.data = text;
          break;
        case ValueType::array:
          v.data = std::vector<std::string>(below(5), text);
          break;
      }
      kv.emplace_back("k" + std::to_string(i), std::move(v));
    }
    std::vector<gguf::TensorDecl> tensors;
    std::vector<std::vector<std::byte>> data;
    for (uint64_t i = below(5); i-- > 0;) {
      const auto types = quant::all_types();
      const quant::TypeInfo& t = types[below(types.size())];
      gguf::TensorDecl d{"t" + std::to_string(i), static_cast<uint32_t>(1 + below(4)), {1, 1, 1, 1}, t.type};
      d.ne[0] = t.block * (1 + below(3));
      for (uint32_t k = 1; k < d.n_dims; k++) d.ne[k] = 1 + below(3);
      data.emplace_back(d.ne[0] / t.block * t.bytes * d.ne[1] * d.ne[2] * d.ne[3]);
      for (std::byte& b : data.back()) b = static_cast<std::byte>(random());
      tensors.push_back(d);
    }
    const auto write = [&](const std::string& path, const Kv& keys) {
      auto w = gguf::Writer::create(path, keys, tensors, alignment);
      ASSERT_TRUE(w) << w.error().what;
      for (const auto& bytes : data) {  // in two pieces
        const size_t cut = below(bytes.size() + 1);
        ASSERT_TRUE(w->append(std::span(bytes).first(cut)));
        ASSERT_TRUE(w->append(std::span(bytes).subspan(cut)));
      }
      ASSERT_TRUE(w->commit());
    };
    write(folder.file("a.gguf"), kv);
    auto f = gguf::open(folder.file("a.gguf"));
    ASSERT_TRUE(f) << f.error().what;
    EXPECT_EQ(f->alignment, alignment);
    for (const auto& [key, value] : kv) {
      ASSERT_NE(f->find(key), nullptr);
      EXPECT_EQ(f->find(key)->type, value.type);
      EXPECT_EQ(f->find(key)->data, value.data);
    }
    ASSERT_EQ(f->tensors.size(), tensors.size());
    for (size_t i = 0; i < tensors.size(); i++) {
      EXPECT_EQ(f->tensors[i].name, tensors[i].name);
      EXPECT_EQ(f->tensors[i].ne, tensors[i].ne);
      EXPECT_EQ(f->tensors[i].n_dims, tensors[i].n_dims);
      EXPECT_EQ(f->tensors[i].ggml_type, static_cast<uint32_t>(tensors[i].type));
      std::vector<std::byte> bytes(f->tensors[i].n_bytes);
      ASSERT_TRUE(f->read(f->tensors[i], 0, bytes));
      EXPECT_EQ(bytes, data[i]);
    }
    write(folder.file("b.gguf"), f->kv);
    EXPECT_EQ(content(folder.file("a.gguf")), content(folder.file("b.gguf")));
  }
}

TEST(Writer, refuses_what_gguf_cannot_hold_and_leaves_nothing) {
  Folder folder;
  const std::string path = folder.file("bad.gguf");
  const auto refused = [&](const Kv& kv, const std::vector<gguf::TensorDecl>& tensors,
                           uint64_t alignment = 32) {
    auto w = gguf::Writer::create(path, kv, tensors, alignment);
    return !w && w.error().code == Code::bad_input;
  };
  const auto tensor = [](std::string name, uint32_t n_dims, std::array<uint64_t, 4> ne) {
    return gguf::TensorDecl{std::move(name), n_dims, ne, quant::Type::Q4_0};
  };
  EXPECT_TRUE(refused({{"", gguf::u32_value(1)}}, {}));
  EXPECT_TRUE(refused({{"k", gguf::u32_value(1)}, {"k", gguf::u32_value(1)}}, {}));
  EXPECT_TRUE(refused({{"k", {ValueType::u8, ValueType::u8, uint64_t{256}}}}, {}));
  EXPECT_TRUE(refused({{"k", {ValueType::i8, ValueType::i8, int64_t{-129}}}}, {}));
  EXPECT_TRUE(refused({{"k", {ValueType::f32, ValueType::f32, 0.1}}}, {}));
  EXPECT_TRUE(refused({{"k", {ValueType::u8, ValueType::u8, std::string("x")}}}, {}));
  EXPECT_TRUE(refused({{"k", {ValueType::array, ValueType::u8, std::vector<uint64_t>{1, 256}}}}, {}));
  EXPECT_TRUE(refused({}, {tensor("", 1, {32, 1, 1, 1})}));
  EXPECT_TRUE(refused({}, {tensor(std::string(65, 'x'), 1, {32, 1, 1, 1})}));
  EXPECT_TRUE(refused({}, {tensor("w", 1, {33, 1, 1, 1})}));
  EXPECT_TRUE(refused({}, {tensor("w", 1, {0, 1, 1, 1})}));
  EXPECT_TRUE(refused({}, {tensor("w", 0, {32, 1, 1, 1})}));
  EXPECT_TRUE(refused({}, {tensor("w", 1, {32, 2, 1, 1})}));  // n_dims hides a size
  EXPECT_TRUE(refused({}, {tensor("w", 2, {1ull << 40, 1ull << 40, 1, 1})}));
  EXPECT_TRUE(refused({}, {tensor("w", 1, {32, 1, 1, 1}), tensor("w", 1, {32, 1, 1, 1})}));
  EXPECT_TRUE(refused({}, {}, 0));
  EXPECT_TRUE(refused({}, {}, 24));
  EXPECT_EQ(folder.n_files(), 0u);
}

TEST(Writer, too_much_or_too_little_data_is_an_error_and_nothing_appears) {
  Folder folder;
  const std::string path = folder.file("half.gguf");
  {
    auto w = gguf::Writer::create(path, {}, two_tensors());
    ASSERT_TRUE(w);
    EXPECT_FALSE(w->append(std::vector<std::byte>(69)));
    ASSERT_TRUE(w->append(std::vector<std::byte>(68)));
    EXPECT_FALSE(w->append(std::vector<std::byte>(13)));
    ASSERT_TRUE(w->append(std::vector<std::byte>(11)));
    EXPECT_FALSE(w->commit());
    ASSERT_TRUE(w->append(std::vector<std::byte>(1)));
    EXPECT_FALSE(w->append(std::vector<std::byte>(1)));
  }
  EXPECT_EQ(folder.n_files(), 0u);
}

}  // namespace
