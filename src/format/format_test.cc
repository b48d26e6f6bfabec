// inspect() on files whose truth is known: sizes counted by hand, keys made odd one at a time.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "format/format.h"
#include "format/labels.h"
#include "gguf/writer.h"

namespace {
using namespace bw;
using gguf::Value;
using gguf::ValueType;
using quant::Type;
namespace fs = std::filesystem;

Value floats(double v) {
  return {ValueType::f32, ValueType::f32, double{static_cast<float>(v)}};
}
Value texts(std::vector<std::string> v) {
  return {ValueType::array, ValueType::string, std::move(v)};
}
Value ints(std::vector<int64_t> v) {
  return {ValueType::array, ValueType::i32, std::move(v)};
}

// A whole llama of two blocks: n_embd 64, 2 heads, n_ff 96, four tokens.
struct Draft {
  std::vector<std::pair<std::string, Value>> kv{
      {"general.architecture", gguf::string_value("llama")},
      {"general.name", gguf::string_value("tiny")},
      {"general.file_type", gguf::u32_value(2)},
      {"llama.block_count", gguf::u32_value(2)},
      {"llama.context_length", gguf::u32_value(128)},
      {"llama.embedding_length", gguf::u32_value(64)},
      {"llama.feed_forward_length", gguf::u32_value(96)},
      {"llama.attention.head_count", gguf::u32_value(2)},
      {"llama.attention.layer_norm_rms_epsilon", floats(1e-5)},
      {"tokenizer.ggml.model", gguf::string_value("gpt2")},
      {"tokenizer.ggml.pre", gguf::string_value("smollm")},
      {"tokenizer.ggml.tokens", texts({"a", "b", "ab", "<|end|>"})},
      {"tokenizer.ggml.token_type", ints({1, 1, 1, 3})},
      {"tokenizer.ggml.merges", texts({"a b"})},
      {"tokenizer.ggml.eos_token_id", gguf::u32_value(3)},
      {"tokenizer.chat_template", gguf::string_value("{{ messages[0].content }}")}};
  std::vector<gguf::TensorDecl> tensors;

  Draft() {
    add("token_embd.weight", 64, 4, Type::Q8_0);
    for (const std::string b : {"blk.0.", "blk.1."}) {
      vector(b + "attn_norm.weight");
      vector(b + "ffn_norm.weight");
      for (const char* t : {"attn_q", "attn_k", "attn_v", "attn_output"})
        add(b + t + ".weight", 64, 64, Type::Q4_0);
      for (const char* t : {"ffn_gate", "ffn_up"}) add(b + t + ".weight", 64, 96, Type::Q4_0);
      add(b + "ffn_down.weight", 96, 64, Type::Q4_0);
    }
    vector("output_norm.weight");
    add("output.weight", 64, 4, Type::Q8_0);
  }
  void add(const std::string& name, uint64_t k, uint64_t n, Type t) {
    tensors.push_back({name, 2, {k, n, 1, 1}, t});
  }
  void vector(const std::string& name) { tensors.push_back({name, 1, {64, 1, 1, 1}, Type::F32}); }
  Draft& set(const std::string& key, Value v) {
    drop(key);
    kv.emplace_back(key, std::move(v));
    return *this;
  }
  Draft& drop(const std::string& key) {
    std::erase_if(kv, [&](const auto& e) { return e.first == key; });
    return *this;
  }
  Draft& drop_tensor(const std::string& name) {
    std::erase_if(tensors, [&](const auto& t) { return t.name == name; });
    return *this;
  }

  format::FormatReport inspect(const std::string& file_name = "m.gguf") const {
    const fs::path dir = fs::temp_directory_path() / ("bw_format_" + std::to_string(::getpid()));
    fs::create_directories(dir);
    const std::string path = dir / file_name;
    auto w = gguf::Writer::create(path, kv, tensors);
    EXPECT_TRUE(w) << w.error().what;
    for (const auto& t : tensors) {
      const quant::KnownType k = quant::known(static_cast<uint32_t>(t.type));
      EXPECT_TRUE(
          w->append(std::vector<std::byte>(t.ne[0] / k.block * k.bytes * t.ne[1] * t.ne[2] * t.ne[3])));
    }
    EXPECT_TRUE(w->commit());
    auto f = gguf::open(path);
    EXPECT_TRUE(f) << f.error().what;
    auto r = format::inspect(*f);
    EXPECT_TRUE(r);
    fs::remove_all(dir);
    return *std::move(r);
  }
};

bool any(const std::vector<std::string>& lines, const std::string& part) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const auto& l) { return l.find(part) != std::string::npos; });
}
std::string joined(const std::vector<std::string>& lines) {
  std::string all;
  for (const auto& l : lines) all += l + "\n";
  return all;
}

TEST(Inspect, sizes_shares_and_bytes_a_token_are_those_counted_by_hand) {
  const format::FormatReport r = Draft().inspect();
  // Each block: 4 x 64 x 64 + 3 x 64 x 96 weights at 18 bytes per 32, and 2 x 64 floats.
  const uint64_t q4 = 2 * (4 * 64 * 64 + 3 * 64 * 96), q8 = 2 * 64 * 4, f32 = 5 * 64;
  const uint64_t q4_bytes = q4 / 32 * 18, q8_bytes = q8 / 32 * 34, f32_bytes = f32 * 4;
  const uint64_t all = q4_bytes + q8_bytes + f32_bytes;
  EXPECT_EQ(r.weight_bytes, all);
  EXPECT_EQ(r.n_elements, q4 + q8 + f32);
  EXPECT_DOUBLE_EQ(r.bits_per_weight.value,
                   8.0 * static_cast<double>(all) / static_cast<double>(q4 + q8 + f32));
  EXPECT_EQ(r.bits_per_weight.birth, Birth::derived);
  EXPECT_EQ(r.label, "Q4_0");
  EXPECT_DOUBLE_EQ(r.on_label_share.value, static_cast<double>(q4_bytes) / static_cast<double>(all));
  // The head is read whole, of the embedding one row of 64: two blocks.
  EXPECT_DOUBLE_EQ(r.bytes_read_per_token.value, static_cast<double>(all - q8_bytes / 2 + 2 * 34));
  ASSERT_EQ(r.types.size(), 3u);
  EXPECT_EQ(r.types[0].type, "Q4_0");
  EXPECT_EQ(r.types[0].n_tensors, 14u);
  EXPECT_TRUE(r.findings.empty()) << joined(r.findings);
  EXPECT_TRUE(r.loads_here) << r.why_not;
  EXPECT_EQ(r.tokenizer_digest.size(), 64u);
  EXPECT_EQ(joined(r.requirements),
            "the architecture llama\nweights in Q4_0, F32, Q8_0\n"
            "a byte-level BPE tokenizer with the pre-tokenizer smollm\na chat template in Jinja\n");
}

TEST(Inspect, a_tied_embedding_is_read_whole_by_every_token) {
  const format::FormatReport r = Draft().drop_tensor("output.weight").inspect();
  EXPECT_DOUBLE_EQ(r.bytes_read_per_token.value, static_cast<double>(r.weight_bytes));
  EXPECT_TRUE(r.loads_here) << r.why_not;
}

TEST(Inspect, a_label_the_bytes_do_not_keep_is_a_finding) {
  const format::FormatReport r = Draft().set("general.file_type", gguf::u32_value(15)).inspect();
  EXPECT_EQ(r.label, "Q4_K_M");
  EXPECT_EQ(r.on_label_share.value, 0);
  EXPECT_TRUE(any(r.findings, "general.file_type: says Q4_K_M, but 0 %")) << joined(r.findings);
}

TEST(Inspect, without_a_file_type_the_name_is_the_claim_and_without_both_it_is_unknown) {
  Draft d;
  d.drop("general.file_type");
  EXPECT_EQ(d.inspect("tiny-q4_0.gguf").label, "Q4_0");
  const format::FormatReport none = d.inspect("tiny.gguf");
  EXPECT_EQ(none.label, "");
  EXPECT_FALSE(none.on_label_share.known());
  d.set("general.file_type", gguf::u32_value(33));
  EXPECT_TRUE(any(d.inspect().findings, "general.file_type: 33"));
}

TEST(Inspect, names_give_the_longest_label_that_stands_alone) {
  EXPECT_EQ(format::label_of_name("a/Q8_0/qwen2.5-0.5b-instruct-q4_k_m.gguf")->name, "Q4_K_M");
  EXPECT_EQ(format::label_of_name("m.IQ2_XXS.gguf")->name, "IQ2_XXS");
  EXPECT_EQ(format::label_of_name("model-bf16.gguf")->name, "BF16");
  EXPECT_EQ(format::label_of_name("f16")->name, "F16");
  EXPECT_EQ(format::label_of_name("from-f16-q4_k_m.gguf")->name, "Q4_K_M");
  EXPECT_FALSE(format::label_of_name("model-tq4_0x.gguf"));
  EXPECT_FALSE(format::label_of_name(""));
  EXPECT_FALSE(format::label_of_file_type(1024));
  EXPECT_EQ(format::label_of_file_type(17)->type, "Q5_K");
}

TEST(Inspect, each_oddity_is_named_by_its_key) {
  struct Case {
    const char* says;
    std::function<void(Draft&)> make;
  };
  const auto u = [](uint32_t v) { return gguf::u32_value(v); };
  const Case cases[] = {
      {"general.architecture", [](Draft& d) { d.drop("general.architecture"); }},
      {"general.architecture", [&](Draft& d) { d.set("general.architecture", u(1)); }},
      {"llama.attention.head_count: 0", [&](Draft& d) { d.set("llama.attention.head_count", u(0)); }},
      {"llama.attention.head_count: 3 does not divide",
       [&](Draft& d) { d.set("llama.attention.head_count", u(3)); }},
      {"llama.attention.head_count_kv: 0", [&](Draft& d) { d.set("llama.attention.head_count_kv", u(0)); }},
      {"llama.attention.head_count_kv: 4 does not divide",
       [&](Draft& d) { d.set("llama.attention.head_count_kv", u(4)); }},
      {"llama.embedding_length: 32, but rows", [&](Draft& d) { d.set("llama.embedding_length", u(32)); }},
      {"llama.embedding_length: not an integer",
       [](Draft& d) { d.set("llama.embedding_length", gguf::string_value("64")); }},
      {"llama.context_length: 4294967295", [&](Draft& d) { d.set("llama.context_length", u(~0u)); }},
      {"llama.context_length: 0", [&](Draft& d) { d.set("llama.context_length", u(0)); }},
      {"llama.feed_forward_length: 0", [&](Draft& d) { d.set("llama.feed_forward_length", u(0)); }},
      {"llama.block_count: 3, but the tensors form 2", [&](Draft& d) { d.set("llama.block_count", u(3)); }},
      {"llama.block_count: missing", [](Draft& d) { d.drop("llama.block_count"); }},
      {"layer_norm_rms_epsilon: 0",
       [](Draft& d) { d.set("llama.attention.layer_norm_rms_epsilon", floats(0)); }},
      {"layer_norm_rms_epsilon: nan",
       [](Draft& d) { d.set("llama.attention.layer_norm_rms_epsilon", floats(NAN)); }},
      {"layer_norm_rms_epsilon: not a float",
       [&](Draft& d) { d.set("llama.attention.layer_norm_rms_epsilon", u(1)); }},
      {"llama.rope.dimension_count: 31", [&](Draft& d) { d.set("llama.rope.dimension_count", u(31)); }},
      {"llama.rope.dimension_count: 64, with heads of 32",
       [&](Draft& d) { d.set("llama.rope.dimension_count", u(64)); }},
      {"llama.rope.freq_base: -1", [](Draft& d) { d.set("llama.rope.freq_base", floats(-1)); }},
      {"llama.expert_used_count: 0 of 8", [&](Draft& d) { d.set("llama.expert_count", u(8)); }},
      {"token_embd.weight: missing", [](Draft& d) { d.drop_tensor("token_embd.weight"); }},
      {"output_norm.weight: a vector in the block type Q8_0",
       [](Draft& d) { d.tensors[d.tensors.size() - 2].type = Type::Q8_0; }},
      {"which llama.cpp refuses", [](Draft& d) { d.vector(std::string(64, 'x')); }},
      {"tokenizer.ggml.tokens: 5, but token_embd.weight has 4 rows",
       [](Draft& d) {
         d.set("tokenizer.ggml.tokens", texts({"a", "b", "ab", "<|end|>", "c"}));
       }},
      {"tokenizer.ggml.tokens: 1 stand twice, the first is \"a\"",
       [](Draft& d) {
         d.set("tokenizer.ggml.tokens", texts({"a", "b", "ab", "a"}));
       }},
      {"tokenizer.ggml.merges", [](Draft& d) { d.set("tokenizer.ggml.merges", texts({"a c"})); }},
      {"tokenizer.ggml.token_type: missing", [](Draft& d) { d.drop("tokenizer.ggml.token_type"); }},
      {"tokenizer.ggml.pre: missing", [](Draft& d) { d.drop("tokenizer.ggml.pre"); }},
      {"tokenizer.ggml.eos_token_id: missing", [](Draft& d) { d.drop("tokenizer.ggml.eos_token_id"); }},
      {"eos_token_id: expected an id below 4", [&](Draft& d) { d.set("tokenizer.ggml.eos_token_id", u(9)); }},
      {"eos_token_id: 0 is an ordinary token", [&](Draft& d) { d.set("tokenizer.ggml.eos_token_id", u(0)); }},
      {"bos_token_id: 3 is the end token too",
       [&](Draft& d) {
         d.set("tokenizer.ggml.bos_token_id", u(3))
             .set("tokenizer.ggml.add_bos_token", gguf::bool_value(true));
       }},
      {"tokenizer.chat_template: missing", [](Draft& d) { d.drop("tokenizer.chat_template"); }},
      {"bitworth.control", [](Draft& d) { d.set("bitworth.control", gguf::bool_value(true)); }},
  };
  for (const Case& c : cases) {
    Draft d;
    c.make(d);
    const format::FormatReport r = d.inspect();
    EXPECT_TRUE(any(r.findings, c.says)) << "expected: " << c.says << "\nfound: " << joined(r.findings);
  }
}

TEST(Inspect, what_the_engine_cannot_run_is_said_in_its_words) {
  Draft other;
  other.set("general.architecture", gguf::string_value("mamba"));
  format::FormatReport r = other.inspect();
  EXPECT_FALSE(r.loads_here);
  EXPECT_NE(r.why_not.find("mamba"), std::string::npos) << r.why_not;
  EXPECT_TRUE(r.bits_per_weight.known());

  Draft type;
  type.tensors[3].type = static_cast<Type>(39);  // MXFP4
  r = type.inspect();
  EXPECT_FALSE(r.loads_here);
  EXPECT_NE(r.why_not.find("MXFP4"), std::string::npos) << r.why_not;
  EXPECT_FALSE(std::find_if(r.types.begin(), r.types.end(), [](const auto& t) {
                 return t.type == "MXFP4";
               })->computed_here);

  Draft spm;
  spm.set("tokenizer.ggml.model", gguf::string_value("llama"));
  r = spm.inspect();
  EXPECT_FALSE(r.loads_here);
  EXPECT_EQ(r.tokenizer_digest, "");
  EXPECT_TRUE(any(r.requirements, "a SentencePiece tokenizer"));
}

TEST(Inspect, the_default_model_is_labelled_by_a_type_it_hardly_holds) {
  const std::string path = cache_dir() + "/models/qwen2.5-coder-0.5b.gguf";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is absent; `./dev model` fetches it";
  auto f = gguf::open(path);
  ASSERT_TRUE(f);
  auto r = format::inspect(*f);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->label, "Q4_K_M");
  EXPECT_NEAR(r->on_label_share.value, 0.0606, 0.0001);  // counted with gguf-py 0.19.0
  EXPECT_TRUE(r->loads_here) << r->why_not;
  EXPECT_EQ(r->types[0].type, "Q5_0");
  EXPECT_EQ(r->findings.size(), 1u) << joined(r->findings);
}

}  // namespace
