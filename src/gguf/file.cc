// Opening (with all parts of a split file), typed access to keys, and reads of tensor data.
#include "gguf/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "base/cursor.h"
#include "base/hash.h"
#include "gguf/header.h"

namespace bw::gguf {
namespace {

// "models/a-00002-of-00003.gguf" -> stem "models/a", no 1 (from 0), count 3.
struct SplitName {
  std::string stem;
  uint64_t no = 0, count = 0;
};
constexpr size_t split_suffix_bytes = sizeof("-00001-of-00003.gguf") - 1;

std::string part_name(const std::string& stem, uint64_t no, uint64_t count) {
  return fmt::format("{}-{:05}-of-{:05}.gguf", stem, no + 1, count);
}

bool split_name(const std::string& path, SplitName& out) {
  if (path.size() <= split_suffix_bytes) return false;
  const std::string tail = path.substr(path.size() - split_suffix_bytes);
  for (const size_t at : {1, 2, 3, 4, 5, 10, 11, 12, 13, 14})
    if (tail[at] < '0' || tail[at] > '9') return false;
  const uint64_t no = std::stoul(tail.substr(1, 5));
  out = {path.substr(0, path.size() - split_suffix_bytes), no - 1, std::stoul(tail.substr(10, 5))};
  return no >= 1 && tail == part_name("", out.no, out.count);
}

const Value* find_in(const std::vector<std::pair<std::string, Value>>& kv, std::string_view key) {
  for (const auto& [k, v] : kv)
    if (k == key) return &v;
  return nullptr;
}

// Any integer value >= 0.
const uint64_t* as_uint(const Value& v, uint64_t& room) {
  if (const auto* u = std::get_if<uint64_t>(&v.data)) return u;
  if (const auto* i = std::get_if<int64_t>(&v.data); i && *i >= 0) {
    room = static_cast<uint64_t>(*i);
    return &room;
  }
  return nullptr;
}

// What a key holds, for an error.
std::string describe(const Value& v) {
  if (v.type == ValueType::array) return fmt::format("an array of {}", name(v.element));
  std::string value;
  if (const auto* u = std::get_if<uint64_t>(&v.data)) value = fmt::format("{}", *u);
  if (const auto* i = std::get_if<int64_t>(&v.data)) value = fmt::format("{}", *i);
  if (const auto* d = std::get_if<double>(&v.data)) value = fmt::format("{}", *d);
  if (const auto* b = std::get_if<bool>(&v.data)) value = *b ? "true" : "false";
  if (const auto* s = std::get_if<std::string>(&v.data)) value = fmt::format("\"{}\"", printable(*s));
  return fmt::format("{} {}", name(v.type), value);
}

Result<uint64_t> split_key(const Header& h, const std::string& path, std::string_view key) {
  const Value* v = find_in(h.kv, key);
  uint64_t room = 0;
  const uint64_t* n = v ? as_uint(*v, room) : nullptr;
  if (!n)
    return bad_input(fmt::format("{}: {}: expected an integer of at least 0, found {}", path, key,
                                 v ? describe(*v) : "no such key"),
                     "the parts of this split file were not written by one tool: fetch them again");
  return *n;
}

// Checks that `h` is part `no` of `count` by its own words.
Status check_part(const Header& h, const std::string& path, uint64_t no, uint64_t count) {
  for (const auto& [key, expected] : {std::pair{"split.no", no}, std::pair{"split.count", count}}) {
    BW_TRY(const uint64_t found, split_key(h, path, key));
    if (found != expected)
      return bad_input(
          fmt::format("{}: {}: expected {} (its name says so), found {}", path, key, expected, found),
          "give the parts the names they were published with");
  }
  return {};
}

Error part_error(Error e, const std::string& path, uint64_t count) {
  e.what += fmt::format(" (a part of {}, which is split in {})", path, count);
  e.next = "put all parts, with the names they were published with, in one folder";
  return e;
}

// Adds parts 0..count-1 to `f`; `first` is the header of part 0, already read from `file`.
Status add_parts(File& f, const SplitName& split, Header& first, uint64_t expected_tensors) {
  std::unordered_set<std::string> names;
  for (uint64_t no = 0; no < split.count; no++) {
    const std::string path = part_name(split.stem, no, split.count);
    auto file = InFile::open(path);
    if (!file) return part_error(std::move(file.error()), f.path, split.count);
    BW_TRY(Header h, read_header(*file));
    BW_CHECK(check_part(h, path, no, split.count));
    for (TensorInfo& t : h.tensors) {
      t.shard = static_cast<uint32_t>(no);
      if (!names.insert(t.name).second)
        return bad_input(
            fmt::format("{}: tensor {}: expected once in all parts, found again", path, printable(t.name)),
            "the parts do not belong together: fetch them again");
      f.tensors.push_back(std::move(t));
    }
    f.n_bytes += file->size();
    f.shards.push_back(std::move(*file));
    if (no == 0) first = std::move(h);
  }
  if (f.tensors.size() != expected_tensors)
    return bad_input(fmt::format("{}: split.tensors.count: expected the {} tensors its parts hold, found {}",
                                 f.path, f.tensors.size(), expected_tensors),
                     "the parts do not belong together: fetch them again");
  return {};
}

}  // namespace

Result<std::string> sha256(const File& file) {
  if (file.shards.size() == 1) return sha256_file(file.shards[0].path());
  std::string all;
  for (const InFile& part : file.shards) {
    BW_TRY(const std::string one, sha256_file(part.path()));
    all += one;
  }
  return sha256_hex(all);
}

Result<File> open(const std::string& path) {
  BW_TRY(InFile file, InFile::open(path));
  BW_TRY(Header h, read_header(file));
  File f;
  f.path = path;
  uint64_t count = 1;
  if (find_in(h.kv, "split.count")) {
    BW_TRY(count, split_key(h, path, "split.count"));
    if (count < 1 || count > 99999)
      return bad_input(fmt::format("{}: split.count: expected 1 to 99999, found {}", path, count),
                       "the file is damaged: fetch it again");
  }
  if (count == 1) {
    f.tensors = std::move(h.tensors);
    f.n_bytes = file.size();
    f.shards.push_back(std::move(file));
  } else {
    SplitName split;
    if (!split_name(path, split) || split.count != count)
      return bad_input(
          fmt::format("{}: split.count: {} parts, so expected a name that ends in -NNNNN-of-{:05}.gguf", path,
                      count, count),
          "give the parts the names they were published with");
    BW_CHECK(check_part(h, path, split.no, count));
    BW_TRY(const uint64_t n_tensors, split_key(h, path, "split.tensors.count"));
    BW_CHECK(add_parts(f, split, h, n_tensors));
  }
  f.version = h.version;
  f.alignment = h.alignment;
  f.kv = std::move(h.kv);
  return f;
}

const Value* File::find(std::string_view key) const {
  return find_in(kv, key);
}

const TensorInfo* File::tensor(std::string_view tensor_name) const {
  for (const TensorInfo& t : tensors)
    if (t.name == tensor_name) return &t;
  return nullptr;
}

namespace {
Error wrong(const File& f, std::string_view key, std::string_view expected) {
  const Value* v = f.find(key);
  return bad_input(fmt::format("{}: key {}: expected {}, found {}", f.path, key, expected,
                               v ? describe(*v) : "no such key"),
                   "the file does not say what its model needs: convert it anew or fetch another copy");
}
}  // namespace

Result<uint64_t> File::get_uint(std::string_view key) const {
  const Value* v = find(key);
  uint64_t room = 0;
  if (const uint64_t* n = v ? as_uint(*v, room) : nullptr) return *n;
  return wrong(*this, key, "an integer of at least 0");
}
Result<double> File::get_float(std::string_view key) const {
  const Value* v = find(key);
  if (const double* d = v ? std::get_if<double>(&v->data) : nullptr) return *d;
  return wrong(*this, key, "a float");
}
Result<bool> File::get_bool(std::string_view key) const {
  const Value* v = find(key);
  if (const bool* b = v ? std::get_if<bool>(&v->data) : nullptr) return *b;
  return wrong(*this, key, "a bool");
}
Result<std::string> File::get_string(std::string_view key) const {
  const Value* v = find(key);
  if (const std::string* s = v ? std::get_if<std::string>(&v->data) : nullptr) return *s;
  return wrong(*this, key, "a string");
}
Result<std::string> File::architecture() const {
  return get_string("general.architecture");
}

Status File::read(const TensorInfo& t, uint64_t at, std::span<std::byte> out) const {
  if (at > t.n_bytes || out.size() > t.n_bytes - at)
    return failed(fmt::format("{}: tensor {}: bytes {} to {} asked, it has {}", path, printable(t.name), at,
                              at + out.size(), t.n_bytes));
  return shards[t.shard].read(t.offset + at, out);
}

Status File::read_rows_f32(const TensorInfo& t, uint64_t row, uint64_t n, float* out) const {
  const quant::TypeInfo* type = quant::find(t.ggml_type);
  if (!type)
    return unsupported(fmt::format("{}: tensor {}: type {} is not computed here", path, printable(t.name),
                                   quant::known(t.ggml_type).name),
                       "re-encode the model in a type that is, such as Q4_0 or Q8_0");
  if (row > t.n_rows() || n > t.n_rows() - row)
    return failed(fmt::format("{}: tensor {}: rows {} to {} asked, it has {}", path, printable(t.name), row,
                              row + n, t.n_rows()));
  // A few rows at a time, so that memory beside `out` stays small whatever n is.
  const uint64_t row_bytes = quant::row_bytes(*type, t.ne[0]);
  const uint64_t rows_at_once = std::max<uint64_t>(1, (uint64_t{1} << 20) / row_bytes);
  std::vector<std::byte> raw;
  for (uint64_t done = 0; done < n;) {
    const uint64_t now = std::min(rows_at_once, n - done);
    raw.resize(now * row_bytes);
    BW_CHECK(read(t, (row + done) * row_bytes, raw));
    type->decode(raw.data(), raw.size() / type->bytes, out + done * t.ne[0]);
    done += now;
  }
  return {};
}

}  // namespace bw::gguf
