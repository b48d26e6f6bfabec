// Every structural lie a header can tell is refused, with the field named and without asking for memory.
// In: small files made byte by byte (testing.h). Classes: docs/gguf-malformed.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "gguf/file.h"
#include "gguf/testing.h"

namespace {
using namespace bw;
using gguf::testing::Bytes;
using gguf::testing::largest_allocation;
using gguf::testing::MemoryFile;
using gguf::testing::small_file;

// What open() promises about whatever it accepts, computed here again without its code.
void expect_sound(const gguf::File& f, uint64_t file_bytes) {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto& t : f.tensors) {
    const quant::KnownType k = quant::known(t.ggml_type);
    ASSERT_FALSE(k.name.empty());
    unsigned __int128 n = 1;
    for (const uint64_t d : t.ne) n *= d;
    ASSERT_TRUE(n > 0 && t.ne[0] % k.block == 0);
    ASSERT_TRUE(n / k.block * k.bytes == t.n_bytes);
    ASSERT_TRUE(static_cast<unsigned __int128>(t.offset) + t.n_bytes <= file_bytes) << t.name;
    ASSERT_EQ(t.offset % f.alignment, 0u);
    ranges.emplace_back(t.offset, t.offset + t.n_bytes);
  }
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); i++) ASSERT_LE(ranges[i - 1].second, ranges[i].first);
}

TEST(Malformed, the_small_file_itself_is_sound_and_read_as_written) {
  const Bytes b = small_file();
  MemoryFile m(b.out);
  ASSERT_TRUE(m.good());
  auto f = gguf::open(m.path());
  ASSERT_TRUE(f) << f.error().what;
  expect_sound(*f, b.out.size());
  EXPECT_EQ(*f->architecture(), "llama");
  EXPECT_EQ(*f->get_uint("a.i16"), 7u);
  EXPECT_EQ(*f->get_uint("a.u64"), 1ull << 40);
  EXPECT_EQ(*f->get_float("a.f32"), 1.5);
  EXPECT_TRUE(*f->get_bool("a.bool"));
  EXPECT_EQ(std::get<gguf::Strings>(f->find("a.texts")->data), gguf::Strings({"one", ""}));
  EXPECT_EQ(std::get<std::vector<int64_t>>(f->find("a.ints")->data), (std::vector<int64_t>{1, 2, 3}));
  ASSERT_EQ(f->tensors.size(), 3u);
  EXPECT_EQ(f->tensor("token_embd.weight")->n_bytes, 54u);
  EXPECT_EQ(f->tensor("x.weight")->n_elements(), 16u);
  EXPECT_EQ(f->tensor("nothing"), nullptr);
}

TEST(Malformed, every_truncation_is_refused) {
  const std::string whole = small_file().out;
  MemoryFile m("");
  for (size_t n = 0; n < whole.size(); n++) {
    m.set(std::string_view(whole).substr(0, n));
    auto f = gguf::open(m.path());
    ASSERT_FALSE(f) << "cut at " << n;
    ASSERT_EQ(f.error().code, Code::bad_input);
    ASSERT_NE(f.error().what.find(m.path()), std::string::npos) << f.error().what;
    ASSERT_FALSE(f.error().next.empty()) << f.error().what;
  }
}

TEST(Malformed, every_integer_at_every_boundary_is_refused_or_harmless) {
  const Bytes b = small_file();
  MemoryFile m("");
  size_t refused = 0, accepted = 0;
  for (const Bytes::Field& field : b.fields) {
    uint64_t now = 0;
    std::memcpy(&now, b.out.data() + field.at, field.n_bytes);
    std::vector<uint64_t> values{now - 1, now + 1, 2 * now, 2, 3, 255, 1u << 30};
    for (const int bits : {0, 7, 8, 15, 16, 31, 32, 33, 40, 61, 62, 63})
      for (const int64_t delta : {-1, 0, 1}) values.push_back((1ull << bits) + static_cast<uint64_t>(delta));
    for (const int64_t minus : {1, 2, 31, 32, 33, 255}) values.push_back(0 - static_cast<uint64_t>(minus));
    for (const uint64_t v : values) {
      std::string lying = b.out;
      std::memcpy(lying.data() + field.at, &v, field.n_bytes);
      m.set(lying);
      largest_allocation = 0;
      auto f = gguf::open(m.path());
      ASSERT_LE(largest_allocation, 1u << 20) << field.name << " = " << v;
      SCOPED_TRACE(std::string(field.name) + " = " + std::to_string(v));
      if (f) {
        ASSERT_NO_FATAL_FAILURE(expect_sound(*f, lying.size()));
        accepted++;
      } else {
        ASSERT_FALSE(f.error().next.empty());
        refused++;
      }
    }
  }
  // Values, a few types and lengths may change harmlessly; most lies cannot.
  EXPECT_GT(refused, accepted);
  EXPECT_GT(accepted, 0u);
}

TEST(Malformed, every_flipped_bit_is_refused_or_harmless) {
  const Bytes b = small_file();
  MemoryFile m("");
  for (size_t bit = 0; bit < b.out.size() * 8; bit++) {
    std::string flipped = b.out;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    m.set(flipped);
    largest_allocation = 0;
    auto f = gguf::open(m.path());
    ASSERT_LE(largest_allocation, 1u << 20) << "bit " << bit;
    SCOPED_TRACE("bit " + std::to_string(bit));
    if (f) {
      ASSERT_NO_FATAL_FAILURE(expect_sound(*f, flipped.size()));
    }
  }
}

struct Lie {
  const char* name;
  std::function<Bytes()> make;
  const char* says;  // part of the error
};

// A file with one key, and one with one tensor and `data` bytes.
Bytes with_key(const std::function<void(Bytes&)>& write) {
  Bytes b;
  b.head(0, 1);
  write(b);
  return b.pad();
}
Bytes with_tensor(const std::vector<uint64_t>& ne, uint32_t type, uint64_t offset, size_t data) {
  Bytes b;
  return b.head(1, 0).tensor("w", ne, type, offset).pad().data(data);
}
Bytes with_alignment(uint32_t alignment) {
  return with_key([=](Bytes& b) { b.key("general.alignment", 4).u32("alignment", alignment); });
}

constexpr uint64_t top = ~uint64_t{0};

const Lie lies[] = {
    {"empty file", [] { return Bytes(); }, "magic at byte 0: expected 4 bytes, found 0 left"},
    {"magic alone",
     [] {
       return Bytes{"GGUF", {}};
     },
     "version at byte 4: expected 4 bytes, found 0 left"},
    {"another magic",
     [] {
       return Bytes{"ggml" + small_file().out.substr(4), {}};
     },
     "magic at byte 0: expected \"GGUF\""},
    {"version 1", [] { return Bytes().head(0, 0, 1); }, "version at byte 4: expected 2 or 3, found 1"},
    {"version 4", [] { return Bytes().head(0, 0, 4); }, "version at byte 4: expected 2 or 3, found 4"},
    {"big endian", [] { return Bytes().head(0, 0, 3u << 24); }, "found a big-endian file"},
    {"tensor count that wraps (CVE-2024-21836)", [] { return Bytes().head(top / 64, 0); },
     "tensor count at byte 8"},
    {"key count that wraps (CVE-2024-23605)", [] { return Bytes().head(0, top / 32); },
     "key count at byte 16"},
    {"counts of 2^63", [] { return Bytes().head(1ull << 63, 1ull << 63); }, "tensor count at byte 8"},
    {"key of no length", [] { return with_key([](Bytes& b) { b.key("", 4).u32("", 1).u64("", 0); }); },
     "key length at byte 24: expected 1 to 65535 bytes, found 0"},
    {"key of 65,536 bytes",
     [] { return with_key([](Bytes& b) { b.key(std::string(65536, 'k'), 4).u32("", 1); }); }, "found 65536"},
    {"key length 2^64 - 1 (CVE-2024-23496)",
     [] { return with_key([](Bytes& b) { b.u64("", top).u64("", 0); }); }, "key length at byte 24"},
    {"string of 2^64 - 1 bytes", [] { return with_key([](Bytes& b) { b.key("k", 8).u64("", top); }); },
     "key k, value length"},
    {"string of 1 GiB in a small file",
     [] { return with_key([](Bytes& b) { b.key("k", 8).u64("", 1u << 25).data(99); }); },
     "key k, value at byte 45: expected 33554432 bytes, found 115 left"},
    {"value type 13", [] { return with_key([](Bytes& b) { b.key("k", 13).u32("", 0); }); },
     "key k, value type at byte 33: expected a GGUF value type, 0 to 12, found 13"},
    {"bool that is 2", [] { return with_key([](Bytes& b) { b.key("k", 7).u8("", 2); }); },
     "expected 0 or 1, found 2"},
    {"bool in an array that is 255",
     [] { return with_key([](Bytes& b) { b.key("k", 9).u32("", 7).u64("", 1).u8("", 255); }); },
     "expected 0 or 1"},
    {"array in an array",
     [] { return with_key([](Bytes& b) { b.key("k", 9).u32("", 9).u64("", 1).u32("", 9).u64("", 1); }); },
     "expected a type other than array"},
    {"array of type 13", [] { return with_key([](Bytes& b) { b.key("k", 9).u32("", 13).u64("", 0); }); },
     "array element type"},
    {"array count 2^63",
     [] { return with_key([](Bytes& b) { b.key("k", 9).u32("", 0).u64("", 1ull << 63); }); }, "array count"},
    {"array count that wraps (CVE-2024-21825)",
     [] { return with_key([](Bytes& b) { b.key("k", 9).u32("", 8).u64("", (1ull << 61) + 1); }); },
     "what the rest of the file can hold"},
    {"array one element too long",
     [] { return with_key([](Bytes& b) { b.key("k", 9).u32("", 10).u64("", 5).u64("", 1); }); },
     "array count"},
    {"string array whose last string lies (CVE-2024-32878)",
     [] {
       return with_key([](Bytes& b) { b.key("k", 9).u32("", 8).u64("", 2).text("", "fine").u64("", 4096); });
     },
     "array element at byte"},
    {"key twice", [] { return Bytes().head(0, 2).key("k", 4).u32("", 1).key("k", 4).u32("", 1).pad(); },
     "expected each key once"},
    {"alignment 0 (CVE-2025-0317)", [] { return with_alignment(0); }, "a power of two"},
    {"alignment 48", [] { return with_alignment(48); }, "a power of two"},
    {"alignment 2^30", [] { return with_alignment(1u << 30); }, "a power of two up to"},
    {"alignment as u64",
     [] { return with_key([](Bytes& b) { b.key("general.alignment", 10).u64("", 32); }); },
     "expected u32, found u64"},
    {"alignment as a string",
     [] { return with_key([](Bytes& b) { b.key("general.alignment", 8).text("", "32"); }); },
     "expected u32, found string"},
    {"tensor without a name", [] { return Bytes().head(1, 0).tensor("", {32}, 0, 0).pad().data(128); },
     "name length at byte 24: expected 1 to 64 bytes, found 0"},
    {"tensor name of 65 bytes",
     [] { return Bytes().head(1, 0).tensor(std::string(65, 'n'), {32}, 0, 0).pad().data(128); }, "found 65"},
    {"tensor name twice",
     [] { return Bytes().head(2, 0).tensor("w", {8}, 0, 0).tensor("w", {8}, 0, 32).pad().data(64); },
     "expected each tensor once"},
    {"no dimension", [] { return with_tensor({}, 0, 0, 64); }, "number of dimensions"},
    {"five dimensions (CVE-2024-21802)",
     [] {
       return with_tensor({1, 1, 1, 1, 1}, 0, 0, 64);
     },
     "expected 1 to 4, found 5"},
    {"2^32 - 1 dimensions", [] { return Bytes().head(1, 0).text("", "w").u32("", ~0u).pad().data(64); },
     "expected 1 to 4, found 4294967295"},
    {"a dimension of 0",
     [] {
       return with_tensor({32, 0}, 0, 0, 64);
     },
     "sizes of at least 1"},
    {"row of 0", [] { return with_tensor({0}, 0, 0, 64); }, "sizes of at least 1"},
    {"row of 2^64 - 1",
     [] {
       return with_tensor({top, 2}, 0, 0, 64);
     },
     "fits 63 bits"},
    {"product that wraps to 4",
     [] {
       return with_tensor({4194305, 4194305, 211106198978564}, 0, 0, 64);
     },
     "fits 63 bits"},
    {"bytes that wrap to 4 MB (CVE-2026-33298)",
     [] {
       return with_tensor({262144, (1ull << 42) + 1}, 0, 0, 64);
     },
     "4611686018428436480 bytes of data within the 64"},
    {"row of SIZE_MAX / 4 in F32", [] { return with_tensor({top / 4}, 0, 0, 64); }, "bytes fit 63 bits"},
    {"sizes that sum past 2^64 (CVE-2025-53630)",
     [] {
       return Bytes()
           .head(2, 0)
           .tensor("a", {1ull << 60}, 0, 0)
           .tensor("b", {1ull << 60}, 0, 1ull << 62)
           .pad()
           .data(64);
     },
     "offset"},
    {"row not a multiple of the block", [] { return with_tensor({33}, 2, 0, 64); },
     "a multiple of 32 (Q4_0)"},
    {"elements a multiple of the block, row not (Q6_K [8, 64])",
     [] {
       return with_tensor({8, 64}, 14, 0, 512);
     },
     "a multiple of 256 (Q6_K), found 8"},
    {"type 43", [] { return with_tensor({32}, 43, 0, 128); }, "a type id that ggml defines, found 43"},
    {"removed type 4", [] { return with_tensor({32}, 4, 0, 128); }, "a type id that ggml defines, found 4"},
    {"type 2^32 - 1", [] { return with_tensor({32}, ~0u, 0, 128); }, "a type id that ggml defines"},
    {"offset off the alignment", [] { return with_tensor({8}, 0, 16, 64); },
     "a multiple of 32 (general.alignment)"},
    {"offset past the end (CVE-2026-7482)", [] { return with_tensor({8}, 0, 4096, 64); },
     "32 bytes of data within the 64"},
    {"end past the end", [] { return with_tensor({32}, 0, 0, 127); }, "128 bytes of data within the 127"},
    {"offset near 2^64", [] { return with_tensor({8}, 0, top - 31, 64); }, "32 bytes of data within the 64"},
    {"two tensors on the same bytes",
     [] { return Bytes().head(2, 0).tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).pad().data(64); },
     "tensor b, offset at byte 82: expected data after that of a"},
    {"data section past the end",
     [] {
       Bytes b;
       return b.head(1, 1).key("general.alignment", 4).u32("", 4096).tensor("w", {8}, 0, 0);
     },
     "32 bytes of data within the 0"},
};

TEST(Malformed, each_class_is_refused_with_its_field_and_its_reason) {
  for (const Lie& lie : lies) {
    const std::string bytes = lie.make().out;
    MemoryFile m(bytes);
    largest_allocation = 0;
    auto f = gguf::open(m.path());
    EXPECT_LE(largest_allocation, 1u << 20) << lie.name;
    ASSERT_FALSE(f) << lie.name;
    EXPECT_NE(f.error().what.find(lie.says), std::string::npos) << lie.name << ": " << f.error().what;
    EXPECT_EQ(f.error().what.rfind(m.path(), 0), 0u) << lie.name << ": " << f.error().what;
    EXPECT_EQ(f.error().code, Code::bad_input) << lie.name;
  }
}

TEST(Malformed, counts_that_fit_a_huge_file_but_lie_take_no_memory_ahead_of_what_is_read) {
  // Sparse: 1 GiB of zeros that are never stored. The first element, and the first tensor, already lie.
  Bytes strings;
  strings.head(0, 1).key("k", 9).u32("", 8).u64("", 1u << 25).u64("", 1ull << 40);
  Bytes tensors;
  tensors.head(30'000'000, 0);
  for (const Bytes& b : {strings, tensors}) {
    MemoryFile m(b.out);
    ASSERT_TRUE(m.grow(1u << 30));
    largest_allocation = 0;
    auto f = gguf::open(m.path());
    EXPECT_FALSE(f);
    EXPECT_LE(largest_allocation, 2u << 20);
  }
}

TEST(Malformed, types_ggml_defines_but_we_do_not_compute_are_sized_and_not_read) {
  const Bytes b = with_tensor({256, 2}, 19, 0, 100);  // IQ1_S
  MemoryFile m(b.out);
  auto f = gguf::open(m.path());
  ASSERT_TRUE(f) << f.error().what;
  EXPECT_EQ(f->tensors[0].n_bytes, 100u);
  float row[256];
  auto read = f->read_rows_f32(f->tensors[0], 0, 1, row);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::unsupported);
  EXPECT_NE(read.error().what.find("IQ1_S"), std::string::npos);
}

TEST(Malformed, reads_outside_a_tensor_are_refused) {
  MemoryFile m(small_file().out);
  auto f = gguf::open(m.path());
  ASSERT_TRUE(f);
  const gguf::TensorInfo& t = *f->tensor("token_embd.weight");
  std::byte raw[54];
  float row[64];
  EXPECT_TRUE(f->read(t, 0, raw));
  EXPECT_FALSE(f->read(t, 1, raw));
  EXPECT_FALSE(f->read(t, ~uint64_t{0}, std::span(raw, 2)));
  EXPECT_TRUE(f->read_rows_f32(t, 1, 2, row));
  EXPECT_FALSE(f->read_rows_f32(t, 2, 2, row));
  EXPECT_FALSE(f->read_rows_f32(t, ~uint64_t{0}, 2, row));
}

TEST(Malformed, a_key_of_another_kind_is_an_error_that_names_both) {
  MemoryFile m(small_file().out);
  auto f = gguf::open(m.path());
  ASSERT_TRUE(f);
  EXPECT_NE(f->get_uint("general.architecture").error().what.find("found string \"llama\""),
            std::string::npos);
  EXPECT_NE(f->get_string("a.u64").error().what.find("expected a string, found u64 1099511627776"),
            std::string::npos);
  EXPECT_NE(f->get_bool("a.texts").error().what.find("found an array of string"), std::string::npos);
  EXPECT_NE(f->get_float("nothing").error().what.find("found no such key"), std::string::npos);
}

}  // namespace
