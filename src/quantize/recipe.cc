#include "quantize/recipe.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/cursor.h"
#include "base/version.h"
#include "gguf/writer.h"

namespace bw::quantize {
namespace {

// Linears and embeddings are matrices named NAME.weight. Norms are not, and a router decides by small
// differences over few values: it is kept by every quantizer's convention.
bool is_weight(const gguf::TensorInfo& t) {
  return t.n_dims >= 2 && t.name.ends_with(".weight") && !t.name.ends_with("_norm.weight") &&
         !t.name.ends_with("ffn_gate_inp.weight");
}

// The control's dose: the feed-forward weights of every second block, "blk.1.ffn_up.weight", "blk.3....".
// Measured on Qwen2.5-Coder-0.5B (docs/formats.md): all weights at four levels leave noise, these leave a
// model that works worse.
bool in_control(const std::string& tensor) {
  if (!tensor.starts_with("blk.")) return false;
  const size_t dot = tensor.find('.', 4);
  if (dot == std::string::npos || dot == 4) return false;
  const char last_digit = tensor[dot - 1];
  return last_digit >= '0' && last_digit <= '9' && (last_digit - '0') % 2 == 1 &&
         tensor.compare(dot, 5, ".ffn_") == 0;
}

// general.file_type of a file made wholly of one type (enum llama_ftype, llama.h).
uint32_t file_type(quant::Type type) {
  switch (type) {
    case quant::Type::F32:
      return 0;
    case quant::Type::F16:
      return 1;
    case quant::Type::Q4_0:
      return 2;
    case quant::Type::Q4_1:
      return 3;
    case quant::Type::Q8_0:
      return 7;
    case quant::Type::Q5_0:
      return 8;
    case quant::Type::Q5_1:
      return 9;
    case quant::Type::BF16:
      return 32;
    default:
      return 1024;  // "guessed": none of the types with an encoder
  }
}

bool carried_over(const std::string& key) {
  return !key.starts_with("split.") && !key.starts_with("quantize.imatrix.") &&
         !key.starts_with("bitworth.") && key != "general.file_type" &&
         key != "general.quantization_version" && key != "general.alignment";
}

}  // namespace

Result<std::vector<Fate>> fates(const gguf::File& in, const Recipe& recipe) {
  const quant::TypeInfo& target = quant::info(recipe.type);
  if (!target.encode) {
    std::string known;
    for (const quant::TypeInfo& t : quant::all_types())
      if (t.encode) known += fmt::format("{}{}", known.empty() ? "" : ", ", t.name);
    return bad_input(fmt::format("there is no encoder for {} yet", target.name),
                     fmt::format("types that can be made: {}", known));
  }
  if (recipe.control_four_levels && recipe.type != quant::Type::Q4_0)
    return bad_input(fmt::format("the four-level control is a Q4_0 container, found type {}", target.name),
                     "ask for Q4_0 with it");
  std::vector<Fate> out;
  bool any_four_levels = false;
  for (const gguf::TensorInfo& t : in.tensors) {
    const bool four_levels = recipe.control_four_levels && in_control(t.name);
    Fate f{&t, false, false, t.ggml_type, {}};
    if (!is_weight(t))
      f.reason = t.n_dims < 2 ? "1-D" : "not a weight of a linear or an embedding";
    else if (t.ne[0] % target.block != 0)
      f.reason = fmt::format("row of {} is not a multiple of {}", t.ne[0], target.block);
    else if (t.ggml_type == static_cast<uint32_t>(recipe.type) && !four_levels)
      f.reason = fmt::format("already {}", target.name);
    else if (!quant::find(t.ggml_type))
      return unsupported(
          fmt::format("{}: tensor {}: type {} cannot be decoded here", in.path, printable(t.name),
                      quant::known(t.ggml_type).name),
          "start from a file in F16, BF16, Q8_0 or another type that `bitworth inspect` says is computed");
    else {
      f.encode = true;
      f.type = static_cast<uint32_t>(recipe.type);
      f.four_levels = four_levels;
      any_four_levels |= four_levels;
    }
    out.push_back(std::move(f));
  }
  if (recipe.control_four_levels && !any_four_levels)
    return unsupported(
        fmt::format("{}: has no feed-forward weights named blk.1.ffn_... to make the control from", in.path),
        "the control is built for models with separate feed-forward weights in each block");
  return out;
}

std::vector<std::pair<std::string, gguf::Value>> keys(const gguf::File& in, const Recipe& recipe,
                                                      const std::string& source_sha256) {
  std::vector<std::pair<std::string, gguf::Value>> out;
  for (const auto& entry : in.kv)
    if (carried_over(entry.first)) out.push_back(entry);
  const std::string_view type = quant::info(recipe.type).name;
  out.emplace_back("general.file_type", gguf::u32_value(file_type(recipe.type)));
  out.emplace_back("general.quantization_version",
                   gguf::u32_value(2));  // GGML_QNT_VERSION of today's block layouts
  out.emplace_back("bitworth.version", gguf::string_value(version));
  out.emplace_back("bitworth.source.sha256", gguf::string_value(source_sha256));
  out.emplace_back("bitworth.source.file",
                   gguf::string_value(std::filesystem::path(in.path).filename().string()));
  out.emplace_back(
      "bitworth.recipe",
      gguf::string_value(recipe.control_four_levels
                             ? "control: every weight Q4_0, the feed-forward weights of every second block "
                               "use four of its sixteen codes"
                             : fmt::format("every weight {}, rounded to the nearest level", type)));
  out.emplace_back("bitworth.control", gguf::bool_value(recipe.control_four_levels));
  return out;
}

}  // namespace bw::quantize
