// Reads the header fields in their order on disk (GGUF v3; v2 is the same on little-endian machines):
//   "GGUF" | u32 version | u64 n_tensors | u64 n_kv
//   n_kv x      { string key | u32 type | value }          string = u64 length | bytes
//   n_tensors x { string name | u32 n_dims | n_dims x u64 ne | u32 ggml type | u64 offset }
//   padding to general.alignment | tensor data, offsets counted from here
// Source: ggml docs/gguf.md. What is refused and why: docs/gguf-malformed.md.
#include "gguf/header.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/cursor.h"

namespace bw::gguf {
namespace {

constexpr const char* lies =
    "the file is damaged or was written by a faulty tool: fetch it again or convert it anew";

// key length, one byte of key, value type, one byte of value
constexpr uint64_t least_kv_bytes = 8 + 1 + 4 + 1;
// name length, one byte of name, n_dims, one dimension, type, offset
constexpr uint64_t least_tensor_bytes = 8 + 1 + 4 + 8 + 4 + 8;

// A count that fits the file may still lie: memory beyond this grows with what was really read.
constexpr size_t first_reserve = 4096;

uint32_t scalar_bytes(ValueType t) {
  switch (t) {
    case ValueType::u8:
    case ValueType::i8:
    case ValueType::boolean:
      return 1;
    case ValueType::u16:
    case ValueType::i16:
      return 2;
    case ValueType::u32:
    case ValueType::i32:
    case ValueType::f32:
      return 4;
    case ValueType::u64:
    case ValueType::i64:
    case ValueType::f64:
      return 8;
    case ValueType::string:
    case ValueType::array:
      return 0;
  }
  return 0;
}

std::string read_string(Cursor& c, const char* length_field, const char* field, uint64_t least,
                        uint64_t most) {
  const uint64_t where = c.at();
  const uint64_t n = c.number<uint64_t>(length_field);
  if (c && (n < least || n > most))
    c.fail(length_field, where, fmt::format("{} to {} bytes", least, most), fmt::format("{}", n), lies);
  return c.text(n, field);
}

bool read_bool(Cursor& c) {
  const uint64_t where = c.at();
  const uint8_t v = c.number<uint8_t>("value");
  if (v > 1) c.fail("bool value", where, "0 or 1", fmt::format("{}", v), lies);
  return v == 1;
}

template <class Stored, class Wide>
void read_array(Cursor& c, uint64_t n, Value& v) {
  auto& out = v.data.emplace<std::vector<Wide>>();
  out.reserve(std::min<size_t>(n, first_reserve));
  for (uint64_t i = 0; i < n && c; i++) out.push_back(static_cast<Wide>(c.number<Stored>("array element")));
  out.shrink_to_fit();
}

ValueType read_type(Cursor& c, const char* field) {
  const uint64_t where = c.at();
  const uint32_t t = c.number<uint32_t>(field);
  if (t > static_cast<uint32_t>(ValueType::f64)) {
    c.fail(field, where, "a GGUF value type, 0 to 12", fmt::format("{}", t), lies);
    return ValueType::u8;
  }
  return static_cast<ValueType>(t);
}

void read_elements(Cursor& c, Value& v, uint64_t& elements_left) {
  const uint64_t type_at = c.at();
  v.element = read_type(c, "array element type");
  if (v.element == ValueType::array)
    c.fail("array element type", type_at, "a type other than array", "array", lies);
  const uint64_t where = c.at();
  const uint64_t n = c.number<uint64_t>("array count");
  if (!c) return;
  const uint64_t least = v.element == ValueType::string ? 8 : scalar_bytes(v.element);
  if (n > c.left() / least)
    c.fail("array count", where,
           fmt::format("at most {} (what the rest of the file can hold)", c.left() / least),
           fmt::format("{}", n), lies);
  else if (n > elements_left)
    c.fail("array count", where, fmt::format("at most {} elements in all arrays", max_array_elements),
           fmt::format("{} here", n), "no known model needs so many: look at the file with another tool");
  if (!c) return;
  elements_left -= n;
  switch (v.element) {
    case ValueType::u8:
      return read_array<uint8_t, uint64_t>(c, n, v);
    case ValueType::u16:
      return read_array<uint16_t, uint64_t>(c, n, v);
    case ValueType::u32:
      return read_array<uint32_t, uint64_t>(c, n, v);
    case ValueType::u64:
      return read_array<uint64_t, uint64_t>(c, n, v);
    case ValueType::i8:
      return read_array<int8_t, int64_t>(c, n, v);
    case ValueType::i16:
      return read_array<int16_t, int64_t>(c, n, v);
    case ValueType::i32:
      return read_array<int32_t, int64_t>(c, n, v);
    case ValueType::i64:
      return read_array<int64_t, int64_t>(c, n, v);
    case ValueType::f32:
      return read_array<float, double>(c, n, v);
    case ValueType::f64:
      return read_array<double, double>(c, n, v);
    case ValueType::boolean: {
      auto& out = v.data.emplace<std::vector<bool>>();
      for (uint64_t i = 0; i < n && c; i++) out.push_back(read_bool(c));
      return;
    }
    case ValueType::string: {
      auto& out = v.data.emplace<Strings>();
      for (uint64_t i = 0; i < n && c; i++)
        out.push_back(read_string(c, "array element length", "array element", 0, max_text_bytes));
      out.fit();
      return;
    }
    case ValueType::array:
      return;
  }
}

Value read_value(Cursor& c, uint64_t& elements_left) {
  Value v;
  v.type = v.element = read_type(c, "value type");
  switch (v.type) {
    case ValueType::u8:
      v.data = uint64_t{c.number<uint8_t>("value")};
      break;
    case ValueType::u16:
      v.data = uint64_t{c.number<uint16_t>("value")};
      break;
    case ValueType::u32:
      v.data = uint64_t{c.number<uint32_t>("value")};
      break;
    case ValueType::u64:
      v.data = c.number<uint64_t>("value");
      break;
    case ValueType::i8:
      v.data = int64_t{c.number<int8_t>("value")};
      break;
    case ValueType::i16:
      v.data = int64_t{c.number<int16_t>("value")};
      break;
    case ValueType::i32:
      v.data = int64_t{c.number<int32_t>("value")};
      break;
    case ValueType::i64:
      v.data = c.number<int64_t>("value");
      break;
    case ValueType::f32:
      v.data = double{c.number<float>("value")};
      break;
    case ValueType::f64:
      v.data = c.number<double>("value");
      break;
    case ValueType::boolean:
      v.data = read_bool(c);
      break;
    case ValueType::string:
      v.data = read_string(c, "value length", "value", 0, max_text_bytes);
      break;
    case ValueType::array:
      read_elements(c, v, elements_left);
      break;
  }
  return v;
}

void read_keys(Cursor& c, uint64_t n_kv, Header& h) {
  std::unordered_set<std::string> seen;
  uint64_t elements_left = max_array_elements;
  for (uint64_t i = 0; i < n_kv && c; i++) {
    c.inside(fmt::format("key {} of {}", i + 1, n_kv));
    const uint64_t key_at = c.at();
    std::string key = read_string(c, "key length", "key", 1, max_key_bytes);
    if (!c) return;
    c.inside(fmt::format("key {}", printable(key)));
    if (!seen.insert(key).second) return c.fail("key", key_at, "each key once", "it a second time", lies);
    const uint64_t value_at = c.at();
    Value v = read_value(c, elements_left);
    if (c && key == "general.alignment") {
      const uint64_t* a = v.type == ValueType::u32 ? std::get_if<uint64_t>(&v.data) : nullptr;
      if (!a) return c.fail("value type", value_at, "u32", name(v.type), lies);
      if (*a == 0 || (*a & (*a - 1)) != 0 || *a > max_alignment)
        return c.fail("value", value_at + 4, fmt::format("a power of two up to {}", max_alignment),
                      fmt::format("{}", *a), lies);
      h.alignment = *a;
    }
    h.kv.emplace_back(std::move(key), std::move(v));
  }
}

// Sizes of one tensor from its shape and type; false with an error where they do not fit 63 bits.
bool size_tensor(Cursor& c, TensorInfo& t, uint64_t dims_at, uint64_t type_at) {
  const quant::KnownType k = quant::known(t.ggml_type);
  if (k.name.empty()) {
    c.fail("type", type_at, "a type id that ggml defines", fmt::format("{}", t.ggml_type),
           "the file may be newer than this program, or need a fork of llama.cpp");
    return false;
  }
  uint64_t n = 1;
  for (uint32_t d = 0; d < t.n_dims; d++) {
    if (t.ne[d] == 0 || t.ne[d] > (uint64_t{INT64_MAX} / n)) {
      c.fail("dimensions", dims_at + 8 * d, "sizes of at least 1 whose product fits 63 bits",
             fmt::format("[{}, {}, {}, {}]", t.ne[0], t.ne[1], t.ne[2], t.ne[3]), lies);
      return false;
    }
    n *= t.ne[d];
  }
  if (t.ne[0] % k.block != 0) {
    c.fail("dimensions", dims_at, fmt::format("a row length that is a multiple of {} ({})", k.block, k.name),
           fmt::format("{}", t.ne[0]), lies);
    return false;
  }
  const uint64_t blocks = n / k.block;
  if (blocks > uint64_t{INT64_MAX} / k.bytes) {
    c.fail("dimensions", dims_at, "a tensor whose bytes fit 63 bits",
           fmt::format("{} blocks of {}", blocks, k.bytes), lies);
    return false;
  }
  t.n_bytes = blocks * k.bytes;
  return true;
}

void read_tensors(Cursor& c, uint64_t n_tensors, Header& h, std::vector<uint64_t>& offsets_at) {
  std::unordered_set<std::string> seen;
  h.tensors.reserve(std::min<size_t>(n_tensors, first_reserve));
  for (uint64_t i = 0; i < n_tensors && c; i++) {
    c.inside(fmt::format("tensor {} of {}", i + 1, n_tensors));
    const uint64_t name_at = c.at();
    TensorInfo t;
    t.name = read_string(c, "name length", "name", 1, max_name_bytes);
    if (!c) return;
    c.inside(fmt::format("tensor {}", printable(t.name)));
    if (!seen.insert(t.name).second)
      return c.fail("name", name_at, "each tensor once", "it a second time", lies);
    const uint64_t n_dims_at = c.at();
    t.n_dims = c.number<uint32_t>("number of dimensions");
    if (c && (t.n_dims < 1 || t.n_dims > 4))
      return c.fail("number of dimensions", n_dims_at, "1 to 4", fmt::format("{}", t.n_dims), lies);
    const uint64_t dims_at = c.at();
    for (uint32_t d = 0; d < t.n_dims && c; d++) t.ne[d] = c.number<uint64_t>("dimensions");
    const uint64_t type_at = c.at();
    t.ggml_type = c.number<uint32_t>("type");
    offsets_at.push_back(c.at());
    t.offset = c.number<uint64_t>("offset");
    if (!c || !size_tensor(c, t, dims_at, type_at)) return;
    h.tensors.push_back(std::move(t));
  }
}

// Offsets become absolute; each tensor must lie inside the file and share no byte with another.
void place_tensors(Cursor& c, uint64_t file_bytes, Header& h, const std::vector<uint64_t>& offsets_at) {
  const uint64_t header_end = c.at();
  const uint64_t data_start =
      (header_end + h.alignment - 1) / h.alignment * h.alignment;  // both far below 2^63
  for (size_t i = 0; i < h.tensors.size(); i++) {
    TensorInfo& t = h.tensors[i];
    c.inside(fmt::format("tensor {}", printable(t.name)));
    if (t.offset % h.alignment != 0)
      return c.fail("offset", offsets_at[i], fmt::format("a multiple of {} (general.alignment)", h.alignment),
                    fmt::format("{}", t.offset), lies);
    const uint64_t room = file_bytes > data_start ? file_bytes - data_start : 0;
    if (t.offset > room || t.n_bytes > room - t.offset)
      return c.fail("offset", offsets_at[i],
                    fmt::format("{} bytes of data within the {} of the file", t.n_bytes, room),
                    fmt::format("offset {}, which ends past them", t.offset),
                    "the file is truncated: fetch it again and compare its size and SHA-256");
    t.offset += data_start;
  }
  std::vector<size_t> order(h.tensors.size());
  for (size_t i = 0; i < order.size(); i++) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return h.tensors[a].offset < h.tensors[b].offset; });
  for (size_t k = 1; k < order.size(); k++) {
    const TensorInfo &a = h.tensors[order[k - 1]], &b = h.tensors[order[k]];
    if (a.offset + a.n_bytes <= b.offset) continue;
    c.inside(fmt::format("tensor {}", printable(b.name)));
    return c.fail(
        "offset", offsets_at[order[k]],
        fmt::format("data after that of {}, which ends at byte {}", printable(a.name), a.offset + a.n_bytes),
        fmt::format("data at byte {}", b.offset), lies);
  }
}

uint32_t read_version(Cursor& c) {
  const std::string magic = c.text(4, "magic");
  if (c && magic != "GGUF")
    c.fail("magic", 0, "\"GGUF\"", fmt::format("\"{}\"", printable(magic)),
           "this is not a GGUF file; models in safetensors or older GGML form must be converted first");
  const uint32_t version = c.number<uint32_t>("version");
  if (c && version != 2 && version != 3) {
    const bool swapped = (version & 0xFFFF) == 0;
    c.fail("version", 4, "2 or 3", swapped ? "a big-endian file" : fmt::format("{}", version),
           swapped ? "convert it to little endian (gguf-py: gguf-convert-endian)"
                   : "convert the model to GGUF version 3");
  }
  return version;
}

}  // namespace

const char* name(ValueType type) {
  static constexpr const char* names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                          "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<uint32_t>(type)];
}

Result<Header> read_header(const InFile& file) {
  Cursor c(file);
  Header h;
  h.version = read_version(c);
  const uint64_t counts_at = c.at();
  const uint64_t n_tensors = c.number<uint64_t>("tensor count");
  const uint64_t n_kv = c.number<uint64_t>("key count");
  if (c && n_tensors > c.left() / least_tensor_bytes)
    c.fail("tensor count", counts_at,
           fmt::format("at most {} in {} bytes", c.left() / least_tensor_bytes, file.size()),
           fmt::format("{}", n_tensors), lies);
  if (c && n_kv > c.left() / least_kv_bytes)
    c.fail("key count", counts_at + 8,
           fmt::format("at most {} in {} bytes", c.left() / least_kv_bytes, file.size()),
           fmt::format("{}", n_kv), lies);
  std::vector<uint64_t> offsets_at;
  if (c) read_keys(c, n_kv, h);
  if (c) read_tensors(c, n_tensors, h, offsets_at);
  if (c) place_tensors(c, file.size(), h, offsets_at);
  if (!c) return c.error();
  return h;
}

}  // namespace bw::gguf
