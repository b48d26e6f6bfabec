#include "format/findings.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <set>
#include <unordered_set>

#include "base/cursor.h"
#include "gguf/vocab.h"
#include "quant/types.h"

namespace bw::format {
namespace {

// One file's keys under its architecture, and the findings so far.
struct Look {
  const gguf::File& file;
  std::string prefix;
  std::vector<std::string> out;

  std::string key(std::string_view tail) const { return prefix + "." + std::string(tail); }
  void say(std::string finding) { out.push_back(std::move(finding)); }
  // Scalar integers and floats only: some architectures give an array, one value a block.
  std::optional<uint64_t> uint(std::string_view tail) {
    const gguf::Value* v = file.find(key(tail));
    if (!v || v->type == gguf::ValueType::array) return std::nullopt;
    auto n = file.get_uint(key(tail));
    if (n) return *n;
    say(fmt::format("{}: not an integer of at least 0", key(tail)));
    return std::nullopt;
  }
  std::optional<double> real(std::string_view tail) {
    if (!file.find(key(tail))) return std::nullopt;
    auto v = file.get_float(key(tail));
    if (v) return *v;
    say(fmt::format("{}: not a float", key(tail)));
    return std::nullopt;
  }
};

void sizes(Look& l) {
  const auto n_embd = l.uint("embedding_length"), n_ctx = l.uint("context_length");
  if (!n_embd) l.say(fmt::format("{}: missing", l.key("embedding_length")));
  if (n_embd == 0u) l.say(fmt::format("{}: 0", l.key("embedding_length")));
  if (n_ctx && (*n_ctx == 0 || *n_ctx >= UINT32_MAX))
    l.say(fmt::format("{}: {} is no length a model was trained with", l.key("context_length"), *n_ctx));
  if (const auto n_ff = l.uint("feed_forward_length"); n_ff == 0u)
    l.say(fmt::format("{}: 0", l.key("feed_forward_length")));
  const gguf::TensorInfo* embd = l.file.tensor("token_embd.weight");
  if (!embd) l.say("token_embd.weight: missing");
  if (embd && n_embd && embd->ne[0] != *n_embd)
    l.say(fmt::format("{}: {}, but rows of token_embd.weight have {}", l.key("embedding_length"), *n_embd,
                      embd->ne[0]));
  const gguf::Value* tokens = l.file.find("tokenizer.ggml.tokens");
  const auto* texts = tokens ? std::get_if<gguf::Strings>(&tokens->data) : nullptr;
  if (embd && texts && embd->ne[1] < texts->size())
    l.say(fmt::format("tokenizer.ggml.tokens: {}, but token_embd.weight has {} rows", texts->size(),
                      embd->ne[1]));
}

void heads(Look& l) {
  const auto n_embd = l.uint("embedding_length"), n_head = l.uint("attention.head_count");
  const auto n_kv = l.uint("attention.head_count_kv");
  if (n_head == 0u) l.say(fmt::format("{}: 0", l.key("attention.head_count")));
  if (n_kv == 0u) l.say(fmt::format("{}: 0", l.key("attention.head_count_kv")));
  if (n_head && n_kv && *n_kv != 0 && *n_head % *n_kv != 0)
    l.say(fmt::format("{}: {} does not divide {} heads", l.key("attention.head_count_kv"), *n_kv, *n_head));
  auto head_dim = l.uint("attention.key_length");
  if (!head_dim && n_embd && n_head && *n_head != 0) {
    head_dim = *n_embd / *n_head;
    if (*n_embd % *n_head != 0)
      l.say(fmt::format("{}: {} does not divide an embedding of {}", l.key("attention.head_count"), *n_head,
                        *n_embd));
  }
  const auto n_rot = l.uint("rope.dimension_count");
  if (n_rot && (*n_rot % 2 != 0 || (head_dim && *n_rot > *head_dim)))
    l.say(
        fmt::format("{}: {}, with heads of {}", l.key("rope.dimension_count"), *n_rot, head_dim.value_or(0)));
  if (const auto base = l.real("rope.freq_base"); base && !(*base > 0 && std::isfinite(*base)))
    l.say(fmt::format("{}: {}", l.key("rope.freq_base"), *base));
  for (const char* tail : {"attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"})
    if (const auto eps = l.real(tail); eps && !(*eps > 0 && *eps < 1))
      l.say(fmt::format("{}: {}", l.key(tail), *eps));
}

void experts(Look& l) {
  const auto n = l.uint("expert_count"), used = l.uint("expert_used_count");
  if (n && *n > 0 && (!used || *used == 0 || *used > *n))
    l.say(fmt::format("{}: {} of {} experts", l.key("expert_used_count"), used.value_or(0), *n));
}

// "blk.12.ffn_up.weight" -> 12.
std::optional<uint64_t> block_of(const std::string& tensor) {
  if (!tensor.starts_with("blk.")) return std::nullopt;
  uint64_t n = 0;
  size_t at = 4;
  for (; at < tensor.size() && tensor[at] >= '0' && tensor[at] <= '9' && at < 10; at++)
    n = n * 10 + static_cast<uint64_t>(tensor[at] - '0');
  if (at == 4 || at == tensor.size() || tensor[at] != '.') return std::nullopt;
  return n;
}

void tensors(Look& l) {
  std::set<uint64_t> blocks;
  for (const gguf::TensorInfo& t : l.file.tensors) {
    if (const auto b = block_of(t.name)) blocks.insert(*b);
    const quant::KnownType k = quant::known(t.ggml_type);
    if (t.n_dims == 1 && k.block > 1)
      l.say(fmt::format("{}: a vector in the block type {}", printable(t.name), k.name));
    if (t.name.size() > 63)
      l.say(fmt::format("{}: a name of 64 bytes, which llama.cpp refuses", printable(t.name)));
  }
  const auto n_layer = l.uint("block_count");
  if (!n_layer) l.say(fmt::format("{}: missing", l.key("block_count")));
  if (n_layer && *n_layer != blocks.size())
    l.say(
        fmt::format("{}: {}, but the tensors form {} blocks", l.key("block_count"), *n_layer, blocks.size()));
  if (!blocks.empty() && *blocks.rbegin() + 1 != blocks.size())
    l.say(fmt::format("tensors named blk.N: {} blocks, the last is {}", blocks.size(), *blocks.rbegin()));
  if (l.file.alignment % 8 != 0)
    l.say(fmt::format("general.alignment: {} is not a multiple of 8, as the specification asks",
                      l.file.alignment));
}

void vocabulary(const text::Vocab& v, std::vector<std::string>& out) {
  std::unordered_set<std::string_view> seen;
  size_t twice = 0;
  std::string_view first;
  for (const std::string& t : v.tokens)
    if (!seen.insert(t).second && twice++ == 0) first = t;
  if (twice > 0)
    out.push_back(
        fmt::format("tokenizer.ggml.tokens: {} stand twice, the first is \"{}\"", twice, printable(first)));
  if (v.pre.empty()) out.push_back("tokenizer.ggml.pre: missing, so runtimes fall back on their own default");
  if (v.eos < 0) out.push_back("tokenizer.ggml.eos_token_id: missing, so only a length limit ends an answer");
  if (v.eos >= 0 && v.eos == v.bos && v.add_bos)
    out.push_back(fmt::format("tokenizer.ggml.bos_token_id: {} is the end token too, and is added", v.bos));
  if (v.kinds.empty()) {
    out.push_back("tokenizer.ggml.token_type: missing, so control tokens cannot be told from text");
    return;
  }
  for (const auto& [key, id] : {std::pair{"eos", v.eos}, std::pair{"eot", v.eot}})
    if (id >= 0 && v.kinds[static_cast<size_t>(id)] == text::TokenKind::normal)
      out.push_back(fmt::format(
          "tokenizer.ggml.{}_token_id: {} is an ordinary token (\"{}\"), so a text can end an answer", key,
          id, printable(v.tokens[static_cast<size_t>(id)])));
}

}  // namespace

std::vector<std::string> key_findings(const gguf::File& file) {
  auto name = file.architecture();
  if (!name) return {"general.architecture: missing or not a string"};
  Look l{file, *name, {}};
  sizes(l);
  heads(l);
  experts(l);
  tensors(l);
  if (auto control = file.get_bool("bitworth.control"); control && *control)
    l.say("bitworth.control: made worse on purpose, as a control; never deploy it");
  return std::move(l.out);
}

std::vector<std::string> tokenizer_findings(const gguf::File& file, std::string& digest,
                                            std::string& why_not) {
  std::vector<std::string> out;
  auto v = gguf::vocab(file);
  if (!v) {
    why_not = v.error().what;
    if (v.error().code != Code::unsupported) out.push_back(v.error().what);
    return out;
  }
  vocabulary(*v, out);
  if (v->chat_template.empty())
    out.push_back("tokenizer.chat_template: missing, so a chat must be marked up by the caller");
  if (v->chat_template.size() > 1u << 20)
    out.push_back(fmt::format("tokenizer.chat_template: {} bytes", v->chat_template.size()));
  auto tokenizer = text::Tokenizer::make(*std::move(v));
  if (!tokenizer) {
    why_not = tokenizer.error().what;
    if (tokenizer.error().code != Code::unsupported) out.push_back(tokenizer.error().what);
  } else {
    digest = tokenizer->digest();
  }
  return out;
}

}  // namespace bw::format
