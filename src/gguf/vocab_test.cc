// The vocabulary of a file: what a converter may leave out, and what it may not get wrong.
#include <gtest/gtest.h>

#include <unistd.h>
#include <cmath>

#include <filesystem>

#include "gguf/vocab.h"
#include "gguf/writer.h"

namespace {
using namespace bw;
using gguf::Value;
using gguf::ValueType;
using Kv = std::vector<std::pair<std::string, Value>>;

Value texts(std::vector<std::string> v) {
  return {ValueType::array, ValueType::string, std::move(v)};
}
Value ints(std::vector<int64_t> v) {
  return {ValueType::array, ValueType::i32, std::move(v)};
}

Value floats(std::vector<double> v) {
  return {ValueType::array, ValueType::f32, std::move(v)};
}

Kv good() {
  return {{"tokenizer.ggml.model", gguf::string_value("gpt2")},
          {"tokenizer.ggml.pre", gguf::string_value("smollm")},
          {"tokenizer.ggml.tokens", texts({"a", "b", "ab", "<|end|>"})},
          {"tokenizer.ggml.token_type", ints({1, 1, 1, 3})},
          {"tokenizer.ggml.merges", texts({"a b"})},
          {"tokenizer.ggml.bos_token_id", gguf::u32_value(3)},
          {"tokenizer.ggml.eos_token_id", gguf::u32_value(3)},
          {"tokenizer.ggml.unknown_token_id", gguf::u32_value(0)},
          {"tokenizer.ggml.padding_token_id", gguf::u32_value(1)},
          {"tokenizer.ggml.add_bos_token", gguf::bool_value(true)},
          {"tokenizer.chat_template", gguf::string_value("{{ x }}")}};
}

Result<text::Vocab> read(const Kv& kv) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("bw_vocab_" + std::to_string(::getpid()) + ".gguf");
  auto w = gguf::Writer::create(path, kv, {});
  if (!w) return w.error();
  if (auto done = w->commit(); !done) return done.error();
  auto f = gguf::open(path);
  std::filesystem::remove(path);
  if (!f) return f.error();
  return gguf::vocab(*f);
}

// good() with one key set to another value, or left out.
Kv with(const std::string& key, Value v) {
  Kv kv = good();
  for (auto& entry : kv)
    if (entry.first == key) {
      entry.second = std::move(v);
      return kv;
    }
  kv.emplace_back(key, std::move(v));
  return kv;
}
Kv without(const std::string& key) {
  Kv kv = good();
  std::erase_if(kv, [&](const auto& entry) { return entry.first == key; });
  return kv;
}

TEST(Vocab, everything_a_file_declares_arrives) {
  auto v = read(good());
  ASSERT_TRUE(v) << v.error().what;
  EXPECT_EQ(v->pre, "smollm");
  EXPECT_EQ(v->tokens, (std::vector<std::string>{"a", "b", "ab", "<|end|>"}));
  EXPECT_EQ(v->kinds.at(3), text::TokenKind::control);
  EXPECT_EQ(v->merges, (std::vector<std::string>{"a b"}));
  EXPECT_EQ(v->bos, 3);
  EXPECT_EQ(v->eos, 3);
  EXPECT_EQ(v->eot, -1);
  EXPECT_EQ(v->unk, 0);
  EXPECT_EQ(v->pad, 1);
  EXPECT_TRUE(v->add_bos);
  EXPECT_FALSE(v->add_eos);
  EXPECT_EQ(v->chat_template, "{{ x }}");
}

TEST(Vocab, what_may_be_absent_is_absent) {
  for (const char* key : {"tokenizer.ggml.pre", "tokenizer.ggml.token_type", "tokenizer.ggml.eos_token_id",
                          "tokenizer.ggml.add_bos_token", "tokenizer.chat_template"}) {
    auto v = read(without(key));
    EXPECT_TRUE(v) << key << ": " << v.error().what;
  }
}

TEST(Vocab, without_the_key_only_the_llama_3_pre_tokenizer_begins_with_bos) {
  for (const char* pre : {"smollm", "llama-bpe"}) {
    Kv kv = without("tokenizer.ggml.add_bos_token");
    for (auto& [key, value] : kv)
      if (key == "tokenizer.ggml.pre") value = gguf::string_value(pre);
    auto v = read(kv);
    ASSERT_TRUE(v) << v.error().what;
    EXPECT_EQ(v->add_bos, std::string(pre) == "llama-bpe");
  }
}

TEST(Vocab, an_id_of_all_ones_means_none) {
  auto v = read(with("tokenizer.ggml.padding_token_id", gguf::u32_value(~0u)));
  ASSERT_TRUE(v);
  EXPECT_EQ(v->pad, -1);
}

Kv spm(const std::string& arch, const std::string& name) {
  Kv kv = with("tokenizer.ggml.model", gguf::string_value("llama"));
  std::erase_if(kv, [](const auto& e) {
    return e.first == "tokenizer.ggml.merges" || e.first == "tokenizer.ggml.add_bos_token";
  });
  kv.emplace_back("tokenizer.ggml.scores", floats({-1, -2, -0.5, 0}));
  kv.emplace_back("general.architecture", gguf::string_value(arch));
  kv.emplace_back("general.name", gguf::string_value(name));
  return kv;
}

TEST(Vocab, sentencepiece_brings_scores_and_its_own_defaults) {
  Kv kv = spm("llama", "x");
  auto v = read(kv);
  ASSERT_TRUE(v) << v.error().what;
  EXPECT_EQ(v->scores, (std::vector<float>{-1, -2, -0.5, 0}));
  EXPECT_TRUE(v->merges.empty() && v->add_bos && v->add_space_prefix && v->strips_right.empty());
  kv.emplace_back("tokenizer.ggml.add_space_prefix", gguf::bool_value(false));
  kv.emplace_back("tokenizer.ggml.add_bos_token", gguf::bool_value(false));
  v = read(kv);
  ASSERT_TRUE(v);
  EXPECT_FALSE(v->add_bos || v->add_space_prefix);
  for (const auto& [key, value] : kv)
    if (key == "tokenizer.ggml.scores") {
      for (const auto& bad : {floats({1, 2, 3}), floats({1, 2, 3, NAN}), ints({1, 2, 3, 4})}) {
        Kv lie = kv;
        for (auto& entry : lie)
          if (entry.first == key) entry.second = bad;
        v = read(lie);
        ASSERT_FALSE(v);
        EXPECT_NE(v.error().what.find(key), std::string::npos) << v.error().what;
      }
    }
}

TEST(Vocab, phi3_drops_white_space_after_its_special_tokens_by_architecture_or_name) {
  for (const auto& [arch, name, drops] :
       {std::tuple{"phi3", "x", true}, std::tuple{"llama", "My PHI-3 mini", true},
        std::tuple{"llama", "Phi3", true}, std::tuple{"llama", "x", false}}) {
    auto v = read(spm(arch, name));
    ASSERT_TRUE(v);
    EXPECT_EQ(v->strips_right, drops ? std::vector<text::Token>{3} : std::vector<text::Token>{})
        << arch << name;
  }
}

TEST(Vocab, every_lie_is_refused_with_its_key) {
  const std::vector<std::tuple<Kv, const char*, Code>> lies = {
      {with("tokenizer.ggml.model", gguf::string_value("rwkv")), "tokenizer.ggml.model", Code::unsupported},
      {with("tokenizer.ggml.model", gguf::string_value("llama")), "tokenizer.ggml.scores", Code::bad_input},
      {without("tokenizer.ggml.model"), "tokenizer.ggml.model", Code::bad_input},
      {without("tokenizer.ggml.tokens"), "tokenizer.ggml.tokens", Code::bad_input},
      {without("tokenizer.ggml.merges"), "tokenizer.ggml.merges", Code::bad_input},
      {with("tokenizer.ggml.tokens", texts({})), "at least one token", Code::bad_input},
      {with("tokenizer.ggml.tokens", ints({1, 2})), "expected an array of string, found an array of i32",
       Code::bad_input},
      {with("tokenizer.ggml.tokens", gguf::string_value("a")), "expected an array of string, found string",
       Code::bad_input},
      {with("tokenizer.ggml.token_type", ints({1, 1, 1})), "expected 4 elements, one a token, found 3",
       Code::bad_input},
      {with("tokenizer.ggml.token_type", ints({1, 1, 1, 7})), "expected 1 to 6, found 7 for token 3",
       Code::bad_input},
      {with("tokenizer.ggml.token_type", ints({1, 1, 0, 3})), "expected 1 to 6, found 0 for token 2",
       Code::bad_input},
      {with("tokenizer.ggml.token_type",
            {ValueType::array, ValueType::u8, std::vector<uint64_t>{1, 1, 1, 3}}),
       "expected an array of i32, found an array of u8", Code::bad_input},
      {with("tokenizer.ggml.merges", texts({"ab"})), "two token texts with a space between", Code::bad_input},
      {with("tokenizer.ggml.bos_token_id", gguf::u32_value(4)),
       "bos_token_id: expected an id below 4, found 4", Code::bad_input},
      {with("tokenizer.ggml.eot_token_id", {ValueType::i32, ValueType::i32, int64_t{-2}}), "eot_token_id",
       Code::bad_input},
      {with("tokenizer.ggml.eos_token_id", gguf::string_value("3")), "eos_token_id", Code::bad_input},
      {with("tokenizer.ggml.add_bos_token", gguf::u32_value(1)), "add_bos_token: expected a bool",
       Code::bad_input},
      {without("tokenizer.ggml.bos_token_id"), "as add_bos_token is true", Code::bad_input},
      {with("tokenizer.chat_template", texts({"x"})), "tokenizer.chat_template", Code::bad_input},
  };
  for (const auto& [kv, says, code] : lies) {
    auto v = read(kv);
    ASSERT_FALSE(v) << says;
    EXPECT_NE(v.error().what.find(says), std::string::npos) << v.error().what;
    EXPECT_EQ(v.error().code, code) << says;
  }
}

}  // namespace
