// GGUF v3 as header.cc reads it. The header is built in memory and written once; data follows as it comes.
#include "gguf/writer.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <unordered_set>

#include "base/cursor.h"
#include "gguf/header.h"

namespace bw::gguf {
namespace {

template <class T>
void put(std::string& out, T v) {
  char bytes[sizeof v];
  std::memcpy(bytes, &v, sizeof v);
  out.append(bytes, sizeof v);
}
void put_string(std::string& out, std::string_view s) {
  put(out, static_cast<uint64_t>(s.size()));
  out.append(s);
}

// Narrows v to T and writes it; false where it does not fit, so that nothing is changed in silence.
template <class T, class Wide>
bool put_narrow(std::string& out, Wide v) {
  const T narrow = static_cast<T>(v);
  const bool both_nan = v != v && narrow != narrow;
  if (static_cast<Wide>(narrow) != v && !both_nan) return false;
  put(out, narrow);
  return true;
}

// One element of type t; false where the value does not fit it.
bool put_element(std::string& out, ValueType t, uint64_t v) {
  switch (t) {
    case ValueType::u8:
      return put_narrow<uint8_t>(out, v);
    case ValueType::u16:
      return put_narrow<uint16_t>(out, v);
    case ValueType::u32:
      return put_narrow<uint32_t>(out, v);
    case ValueType::u64:
      return put_narrow<uint64_t>(out, v);
    default:
      return false;
  }
}
bool put_element(std::string& out, ValueType t, int64_t v) {
  switch (t) {
    case ValueType::i8:
      return put_narrow<int8_t>(out, v);
    case ValueType::i16:
      return put_narrow<int16_t>(out, v);
    case ValueType::i32:
      return put_narrow<int32_t>(out, v);
    case ValueType::i64:
      return put_narrow<int64_t>(out, v);
    default:
      return false;
  }
}
bool put_element(std::string& out, ValueType t, double v) {
  switch (t) {
    case ValueType::f32:
      return put_narrow<float>(out, v);
    case ValueType::f64:
      return put_narrow<double>(out, v);
    default:
      return false;
  }
}
bool put_element(std::string& out, ValueType t, bool v) {
  put(out, static_cast<uint8_t>(v));
  return t == ValueType::boolean;
}
bool put_element(std::string& out, ValueType t, std::string_view v) {
  put_string(out, v);
  return t == ValueType::string && v.size() <= max_text_bytes;
}

bool put_value(std::string& out, const Value& v) {
  put(out, static_cast<uint32_t>(v.type));
  return std::visit(
      [&](const auto& data) {
        using Data = std::decay_t<decltype(data)>;
        if constexpr (requires { typename Data::value_type; } && !std::is_same_v<Data, std::string>) {
          if (v.type != ValueType::array) return false;
          put(out, static_cast<uint32_t>(v.element));
          put(out, static_cast<uint64_t>(data.size()));
          for (size_t i = 0; i < data.size(); i++)
            if (!put_element(out, v.element, static_cast<const typename Data::value_type&>(data[i])))
              return false;
          return true;
        } else {
          return put_element(out, v.type, data);
        }
      },
      v.data);
}

Error refuse(const std::string& path, std::string what) {
  return bad_input(fmt::format("{}: not written: {}", path, std::move(what)));
}

Status put_keys(std::string& out, const std::string& path,
                const std::vector<std::pair<std::string, Value>>& kv) {
  std::unordered_set<std::string_view> seen;
  for (const auto& [key, value] : kv) {
    if (key.empty() || key.size() > max_key_bytes)
      return refuse(path, fmt::format("a key of {} bytes, expected 1 to {}", key.size(), max_key_bytes));
    if (!seen.insert(key).second) return refuse(path, fmt::format("key {} stands twice", printable(key)));
    put_string(out, key);
    if (!put_value(out, value))
      return refuse(
          path, fmt::format("key {}: its value does not fit its type {}", printable(key), name(value.type)));
  }
  return {};
}

// 0 where the shape is wrong.
uint64_t tensor_bytes(const TensorDecl& t) {
  const quant::KnownType k = quant::known(static_cast<uint32_t>(t.type));
  if (k.name.empty() || t.n_dims < 1 || t.n_dims > 4) return 0;
  uint64_t n = 1;
  for (uint32_t d = 0; d < 4; d++) {
    if (t.ne[d] == 0 || t.ne[d] > uint64_t{INT64_MAX} / n || (d >= t.n_dims && t.ne[d] != 1)) return 0;
    n *= t.ne[d];
  }
  if (t.ne[0] % k.block != 0 || n / k.block > uint64_t{INT64_MAX} / k.bytes) return 0;
  return n / k.block * k.bytes;
}

uint64_t padding(uint64_t at, uint64_t alignment) {
  return (alignment - at % alignment) % alignment;
}

Status put_tensors(std::string& out, const std::string& path, const std::vector<TensorDecl>& tensors,
                   uint64_t alignment) {
  std::unordered_set<std::string_view> seen;
  uint64_t offset = 0;
  for (const TensorDecl& t : tensors) {
    if (t.name.empty() || t.name.size() > max_name_bytes || !seen.insert(t.name).second)
      return refuse(path, fmt::format("tensor \"{}\": expected a name of 1 to {} bytes, each once",
                                      printable(t.name), max_name_bytes));
    const uint64_t bytes = tensor_bytes(t);
    if (bytes == 0 || bytes > uint64_t{INT64_MAX} - offset - alignment)
      return refuse(path, fmt::format("tensor {}: its shape [{}, {}, {}, {}] does not fit its type",
                                      printable(t.name), t.ne[0], t.ne[1], t.ne[2], t.ne[3]));
    put_string(out, t.name);
    put(out, t.n_dims);
    for (uint32_t d = 0; d < t.n_dims; d++) put(out, t.ne[d]);
    put(out, static_cast<uint32_t>(t.type));
    put(out, offset);
    offset += bytes + padding(bytes, alignment);
  }
  return {};
}

}  // namespace

Value string_value(std::string s) {
  return {ValueType::string, ValueType::string, std::move(s)};
}
Value u32_value(uint32_t v) {
  return {ValueType::u32, ValueType::u32, uint64_t{v}};
}
Value bool_value(bool v) {
  return {ValueType::boolean, ValueType::boolean, v};
}

Writer::Writer(OutFile out, std::vector<TensorDecl> tensors, uint64_t alignment)
    : out_(std::move(out)), tensors_(std::move(tensors)), alignment_(alignment) {}

Result<Writer> Writer::create(const std::string& path, const std::vector<std::pair<std::string, Value>>& kv,
                              std::vector<TensorDecl> tensors, uint64_t alignment) {
  if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > max_alignment)
    return refuse(path,
                  fmt::format("alignment {}, expected a power of two up to {}", alignment, max_alignment));
  std::vector<std::pair<std::string, Value>> keys;
  for (const auto& entry : kv)
    if (entry.first != "general.alignment") keys.push_back(entry);
  if (alignment != 32) keys.emplace_back("general.alignment", u32_value(static_cast<uint32_t>(alignment)));

  std::string header = "GGUF";
  put(header, uint32_t{3});
  put(header, static_cast<uint64_t>(tensors.size()));
  put(header, static_cast<uint64_t>(keys.size()));
  BW_CHECK(put_keys(header, path, keys));
  BW_CHECK(put_tensors(header, path, tensors, alignment));
  header.append(padding(header.size(), alignment), '\0');

  BW_TRY(OutFile out, OutFile::create(path));
  BW_CHECK(out.write(header));
  return Writer(std::move(out), std::move(tensors), alignment);
}

Status Writer::append(std::span<const std::byte> bytes) {
  if (bytes.empty()) return {};
  if (current_ == tensors_.size())
    return failed(fmt::format("{} bytes were given after the last tensor was full", bytes.size()));
  const uint64_t need = tensor_bytes(tensors_[current_]);
  if (bytes.size() > need - in_tensor_)
    return failed(fmt::format("tensor {}: {} bytes were given, it needs {} more",
                              printable(tensors_[current_].name), bytes.size(), need - in_tensor_));
  BW_CHECK(out_.write(bytes));
  in_tensor_ += bytes.size();
  if (in_tensor_ < need) return {};
  BW_CHECK(out_.write(std::string(padding(need, alignment_), '\0')));
  in_tensor_ = 0;
  current_++;
  return {};
}

Status Writer::commit() {
  if (current_ != tensors_.size())
    return failed(fmt::format("tensor {}: only {} of its bytes were given",
                              printable(tensors_[current_].name), in_tensor_));
  return out_.commit();
}

}  // namespace bw::gguf
