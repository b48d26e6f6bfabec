// Streams the source through the encoder, band of rows by band of rows, and writes the new file.
// Memory: for each thread one band of source bytes, floats and encoded bytes; never a whole tensor.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/cursor.h"
#include "base/thread_pool.h"
#include "gguf/writer.h"
#include "quantize/control.h"
#include "quantize/recipe.h"

namespace bw::quantize {
namespace {

constexpr uint64_t band_values =
    1u << 20;  // 4 MiB of floats a thread: beyond the caches' and the disk's step
constexpr const char* stopped_next = "run the same command again; nothing was left behind";

struct Lane {  // one thread's buffers
  std::vector<std::byte> raw;
  std::vector<float> values;
  Status status;
};

// False at the first value whose exponent bits are all ones; `largest` is the largest magnitude.
bool all_finite(const std::vector<float>& x, float& largest) {
  uint32_t top = 0;
  for (const float v : x) top = std::max(top, std::bit_cast<uint32_t>(v) & 0x7FFFFFFFu);
  largest = std::bit_cast<float>(std::min(top, 0x7F7FFFFFu));
  return top < 0x7F800000u;
}

class Maker {
 public:
  Maker(const gguf::File& in, quant::Type type, gguf::Writer& writer, ThreadPool& pool,
        const Progress& progress)
      : in_(in), target_(quant::info(type)), writer_(writer), pool_(pool), progress_(progress) {
    lanes_.resize(static_cast<size_t>(pool.size()));
    for (const gguf::TensorInfo& t : in.tensors) total_ += t.n_bytes;
  }

  Status run(const std::vector<Fate>& fates) {
    for (const Fate& f : fates) {
      const quant::TypeInfo* source = quant::find(f.tensor->ggml_type);
      BW_CHECK(source ? bands(f, *source) : copy(*f.tensor));
    }
    return {};
  }

 private:
  Status step(uint64_t bytes) {
    done_ += bytes;
    if (progress_ && !progress_(done_, total_))
      return failed("stopped before the file was whole", stopped_next);
    return {};
  }

  // A tensor whose type is not decoded here: its bytes as they are.
  Status copy(const gguf::TensorInfo& t) {
    std::vector<std::byte>& raw = lanes_[0].raw;
    for (uint64_t at = 0; at < t.n_bytes; at += raw.size()) {
      raw.resize(static_cast<size_t>(std::min<uint64_t>(4u << 20, t.n_bytes - at)));
      BW_CHECK(in_.read(t, at, raw));
      BW_CHECK(writer_.append(raw));
      BW_CHECK(step(raw.size()));
    }
    return {};
  }

  Status bands(const Fate& f, const quant::TypeInfo& source) {
    const gguf::TensorInfo& t = *f.tensor;
    const uint64_t row_in = quant::row_bytes(source, t.ne[0]);
    const uint64_t row_out = f.encode ? quant::row_bytes(target_, t.ne[0]) : row_in;
    const auto n_lanes = static_cast<uint64_t>(pool_.size());
    const uint64_t rows_at_once = n_lanes * std::max<uint64_t>(1, band_values / t.ne[0]);
    for (uint64_t row = 0; row < t.n_rows(); row += rows_at_once) {
      const uint64_t n = std::min(rows_at_once, t.n_rows() - row);
      out_.resize(static_cast<size_t>(n * row_out));
      pool_.run([&](int thread) {
        const Range r = share(n, thread, pool_.size());
        Lane& lane = lanes_[static_cast<size_t>(thread)];
        lane.status = r.begin == r.end
                          ? Status()
                          : band(lane, f, source, row + r.begin, r.end - r.begin,
                                 std::span(out_).subspan(r.begin * row_out, (r.end - r.begin) * row_out));
      });
      for (Lane& lane : lanes_) BW_CHECK(std::exchange(lane.status, {}));  // the first in row order
      BW_CHECK(writer_.append(out_));
      BW_CHECK(step(n * row_in));
    }
    return {};
  }

  Status band(Lane& lane, const Fate& f, const quant::TypeInfo& source, uint64_t row, uint64_t n,
              std::span<std::byte> out) {
    const gguf::TensorInfo& t = *f.tensor;
    const uint64_t row_in = quant::row_bytes(source, t.ne[0]);
    lane.raw.resize(static_cast<size_t>(n * row_in));
    lane.values.resize(static_cast<size_t>(n * t.ne[0]));
    BW_CHECK(in_.read(t, row * row_in, lane.raw));
    source.decode(lane.raw.data(), lane.raw.size() / source.bytes, lane.values.data());
    float largest = 0;
    if (!all_finite(lane.values, largest))
      return bad_input(
          fmt::format("{}: tensor {}: expected finite weights, found NaN or infinity in rows {} to {}",
                      in_.path, printable(t.name), row, row + n - 1),
          "the file is damaged or its model diverged: fetch it again or start from another");
    if (!f.encode) {
      std::memcpy(out.data(), lane.raw.data(), out.size());
      return {};
    }
    const uint64_t blocks = lane.values.size() / target_.block;
    if (f.four_levels)
      encode_four_levels(lane.values.data(), blocks, out.data());
    else
      target_.encode(lane.values.data(), blocks, out.data());
    // Scales and minima are f16, at most the range of the values: only from here can one overflow.
    constexpr float safe = 32752;
    if (largest < safe || target_.type == quant::Type::F32) return {};
    target_.decode(out.data(), blocks, lane.values.data());
    if (all_finite(lane.values, largest)) return {};
    return bad_input(fmt::format("{}: tensor {}: a weight of magnitude {} does not fit {}", in_.path,
                                 printable(t.name), largest, target_.name),
                     "choose BF16 or F32 for this model");
  }

  const gguf::File& in_;
  const quant::TypeInfo& target_;
  gguf::Writer& writer_;
  ThreadPool& pool_;
  const Progress& progress_;
  std::vector<Lane> lanes_;
  std::vector<std::byte> out_;
  uint64_t done_ = 0, total_ = 0;
};

Status check_output(const gguf::File& in, const std::string& out, uint64_t need) {
  std::error_code ec;
  for (const InFile& part : in.shards)
    if (std::filesystem::equivalent(part.path(), out, ec) && !ec)
      return bad_input(fmt::format("{}: is the source itself", out), "give the new file another name");
  std::filesystem::path folder = std::filesystem::path(out).parent_path();
  const auto space = std::filesystem::space(folder.empty() ? "." : folder, ec);
  if (!ec && space.available < need)
    return failed(fmt::format("{}: needs {} bytes, the disk has {} free", out, need, space.available),
                  "free some space there, or choose another folder");
  return {};
}

void describe(Summary& s, const Recipe& recipe, const std::vector<Fate>& fates) {
  const std::string_view type = quant::info(recipe.type).name;
  uint64_t already = 0;
  for (const Fate& f : fates) already += f.reason.starts_with("already ");
  s.already = s.n_encoded == 0 && already > 0;
  s.description = s.already
                      ? fmt::format("every weight was {} already: the new file holds the same weights", type)
                      : fmt::format("{} tensors encoded as {}{}, {} kept as they were", s.n_encoded, type,
                                    recipe.control_four_levels
                                        ? ", the feed-forward of every second block at four levels (control)"
                                        : "",
                                    s.kept.size());
}

}  // namespace

Result<Summary> make(const gguf::File& in, const std::string& out, const Recipe& recipe,
                     const Progress& progress, const Options& options) {
  BW_TRY(const std::vector<Fate> plan, fates(in, recipe));
  Summary s;
  std::vector<gguf::TensorDecl> tensors;
  uint64_t need = 0;
  for (const Fate& f : plan) {
    tensors.push_back({f.tensor->name, f.tensor->n_dims, f.tensor->ne, static_cast<quant::Type>(f.type)});
    if (f.encode)
      s.n_encoded++;
    else
      s.kept.push_back({f.tensor->name, f.reason});
    const quant::KnownType k = quant::known(f.type);
    need += f.tensor->n_elements() / k.block * k.bytes;
  }
  BW_CHECK(check_output(in, out, need));
  s.source_sha256 = options.source_sha256;
  if (s.source_sha256.empty()) {
    BW_TRY(s.source_sha256, gguf::sha256(in));
  }
  BW_TRY(auto pool, ThreadPool::make(options.n_threads));
  BW_TRY(auto writer,
         gguf::Writer::create(out, keys(in, recipe, s.source_sha256), std::move(tensors), in.alignment));
  BW_CHECK(Maker(in, recipe.type, writer, *pool, progress).run(plan));
  BW_CHECK(writer.commit());
  s.n_bytes_in = in.n_bytes;
  BW_TRY(const InFile made, InFile::open(out));
  s.n_bytes_out = made.size();
  describe(s, recipe, plan);
  return s;
}

}  // namespace bw::quantize
