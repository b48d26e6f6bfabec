// inspect(): sizes by type, what the label is worth, what a runtime must support, and whether ours does.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/cursor.h"
#include "format/findings.h"
#include "format/format.h"
#include "format/labels.h"
#include "model/tensors.h"

namespace bw::format {
namespace {

std::vector<TypeShare> shares(const gguf::File& file, uint64_t weight_bytes) {
  std::map<uint32_t, TypeShare> by_type;
  for (const gguf::TensorInfo& t : file.tensors) {
    TypeShare& s = by_type[t.ggml_type];
    s.type = quant::known(t.ggml_type).name;
    s.computed_here = quant::find(t.ggml_type) != nullptr;
    s.n_tensors++;
    s.n_elements += t.n_elements();
    s.n_bytes += t.n_bytes;
  }
  std::vector<TypeShare> out;
  for (auto& [id, s] : by_type) {
    s.share = static_cast<double>(s.n_bytes) / static_cast<double>(weight_bytes);
    out.push_back(std::move(s));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.n_bytes > b.n_bytes; });
  return out;
}

// The label, and the share of bytes that keep its word.
void judge_label(const gguf::File& file, FormatReport& r) {
  std::optional<Label> label;
  std::string source = "general.file_type";
  if (file.find(source)) {
    auto id = file.get_uint(source);
    if (id) label = label_of_file_type(*id);
    if (!label && (!id || *id != 1024))  // 1024 says that the writer guessed
      r.findings.push_back(
          fmt::format("general.file_type: {}",
                      id ? fmt::format("{} is not one llama.cpp defines", *id) : "not an integer"));
  }
  if (!label) {
    label = label_of_name(file.path);
    source = "the file's name";
  }
  if (!label) {
    r.on_label_share = unknown("share", "the file claims no type");
    return;
  }
  r.label = label->name;
  if (r.weight_bytes == 0) {
    r.on_label_share = unknown("share", "the file holds no weights");
    return;
  }
  double share = 0;
  for (const TypeShare& t : r.types)
    if (t.type == label->type) share = t.share;
  r.on_label_share =
      derived(share, "share", fmt::format("weight bytes in {}, which {} claims", label->type, source));
  if (share < 0.5)
    r.findings.push_back(fmt::format("{}: says {}, but {:.0f} % of the weight bytes are {}", source,
                                     label->name, 100 * share, label->type));
}

// Weights one decode step reads: all but the embedding, of which one row; of the experts those that are used.
Figure read_per_token(const gguf::File& file, const std::string& architecture) {
  const gguf::TensorInfo* embd = file.tensor("token_embd.weight");
  if (!embd) return unknown("bytes", "token_embd.weight is missing");
  const bool tied = file.tensor("output.weight") == nullptr;
  double used_share = 1;
  auto n_expert = file.get_uint(architecture + ".expert_count"),
       used = file.get_uint(architecture + ".expert_used_count");
  const bool experts = n_expert && used && *n_expert > 0 && *used <= *n_expert;
  if (experts) used_share = static_cast<double>(*used) / static_cast<double>(*n_expert);
  double bytes = 0;
  for (const gguf::TensorInfo& t : file.tensors) {
    const auto whole = static_cast<double>(t.n_bytes);
    if (&t == embd && !tied)
      bytes += whole / static_cast<double>(t.n_rows());
    else
      bytes += t.name.find("_exps.") == std::string::npos ? whole : whole * used_share;
  }
  return derived(bytes, "bytes",
                 experts ? "all weights, the used experts, one row of the embedding"
                 : tied  ? "all weights; the embedding is the head too"
                         : "all weights, one row of the embedding");
}

std::string text_or(const gguf::File& file, std::string_view key, std::string otherwise) {
  auto s = file.get_string(key);
  return s ? printable(*s) : std::move(otherwise);
}

std::vector<std::string> requirements(const gguf::File& file, const FormatReport& r) {
  std::vector<std::string> out;
  if (!r.architecture.empty()) out.push_back(fmt::format("the architecture {}", r.architecture));
  std::string types;
  for (const TypeShare& t : r.types) types += fmt::format("{}{}", types.empty() ? "" : ", ", t.type);
  if (!types.empty()) out.push_back(fmt::format("weights in {}", types));
  const std::string model = text_or(file, "tokenizer.ggml.model", "");
  if (model == "gpt2")
    out.push_back(fmt::format("a byte-level BPE tokenizer with the pre-tokenizer {}",
                              text_or(file, "tokenizer.ggml.pre", "of its own default")));
  else if (model == "llama")  // what GGUF calls it by the model that had it first
    out.push_back("a SentencePiece tokenizer");
  else if (!model.empty())
    out.push_back(fmt::format("a tokenizer of the kind {}", model));
  else
    out.push_back("a tokenizer from elsewhere: the file holds none");
  if (file.find("tokenizer.chat_template")) out.push_back("a chat template in Jinja");
  const std::string scaling = text_or(file, r.architecture + ".rope.scaling.type", "none");
  if (scaling != "none") out.push_back(fmt::format("rope scaling of the kind {}", scaling));
  if (auto n = file.get_uint(r.architecture + ".expert_count"); n && *n > 0)
    out.push_back(fmt::format("a mixture of {} experts", *n));
  if (auto n = file.get_uint(r.architecture + ".attention.sliding_window"); n && *n > 0)
    out.push_back(fmt::format("attention with a sliding window of {}", *n));
  if (file.shards.size() > 1) out.push_back(fmt::format("a file split in {} parts", file.shards.size()));
  if (file.alignment != 32) out.push_back(fmt::format("tensor data aligned to {} bytes", file.alignment));
  if (file.version != 3) out.push_back(fmt::format("GGUF version {}", file.version));
  return out;
}

// The engine's own checks, in its own words.
std::string engine_says(const gguf::File& file) {
  auto spec = model::spec(file);
  if (!spec) return spec.error().what + (spec.error().next.empty() ? "" : " (" + spec.error().next + ")");
  auto table = model::tensors(file, *spec);
  return table ? std::string() : table.error().what;
}

}  // namespace

Result<FormatReport> inspect(const gguf::File& file) {
  FormatReport r;
  r.path = file.path;
  r.architecture = text_or(file, "general.architecture", "");
  r.name = text_or(file, "general.name", "");
  r.gguf_version = file.version;
  r.file_bytes = file.n_bytes;
  for (const gguf::TensorInfo& t : file.tensors) {
    r.weight_bytes += t.n_bytes;
    r.n_elements += t.n_elements();
  }
  r.types = shares(file, r.weight_bytes);
  r.bits_per_weight =
      r.n_elements == 0
          ? unknown("bits", "the file holds no weights")
          : derived(8.0 * static_cast<double>(r.weight_bytes) / static_cast<double>(r.n_elements), "bits",
                    "weight bytes x 8 / weights, scales included");
  judge_label(file, r);
  r.bytes_read_per_token = read_per_token(file, r.architecture);
  r.requirements = requirements(file, r);

  const std::string engine = engine_says(file);
  for (std::string& f : key_findings(file)) r.findings.push_back(std::move(f));
  std::string tokenizer;
  for (std::string& f : tokenizer_findings(file, r.tokenizer_digest, tokenizer))
    r.findings.push_back(std::move(f));
  r.loads_here = engine.empty() && tokenizer.empty();
  r.why_not = engine;
  if (!tokenizer.empty()) r.why_not += (engine.empty() ? "" : "; ") + tokenizer;
  return r;
}

}  // namespace bw::format
