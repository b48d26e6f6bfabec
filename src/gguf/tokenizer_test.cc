// Token ids of real vocabularies against outside tokenizers: data/vectors/tokenizer (its README says how they
// came).
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "gguf/vocab.h"
#include "text/chat.h"
#include "text/tokenizer.h"

namespace bw::gguf {
namespace {

using text::Token;
using text::Tokenizer;
using Ids = std::vector<Token>;

const std::string vectors = std::string(BITWORTH_SOURCE_DIR) + "/data/vectors/tokenizer/";

Result<Tokenizer> tokenizer_of(const std::string& path) {
  BW_TRY(const File file, open(path));
  BW_TRY(text::Vocab v, vocab(file));
  return Tokenizer::make(std::move(v));
}

std::string model(const std::string& name) {
  return cache_dir() + "/models/" + name;
}

#define NEEDS_MODEL(path, how) \
  if (!InFile::open(path)) GTEST_SKIP() << path << " is missing; get it with ./dev model " how

std::vector<std::string> split(const std::string& s, const std::string& by) {
  std::vector<std::string> out;
  size_t at = 0;
  for (size_t next; (next = s.find(by, at)) != std::string::npos; at = next + by.size())
    out.push_back(s.substr(at, next - at));
  out.push_back(s.substr(at));
  return out;
}

void expect_ids_of_published_file(const Tokenizer& t, const std::string& name) {
  const auto in = read_text(vectors + name + ".inp"), out = read_text(vectors + name + ".out");
  ASSERT_TRUE(in && out);
  const auto texts = split(*in, "\n__ggml_vocab_test__\n");
  const auto lines = split(*out, "\n");
  ASSERT_GE(texts.size(), 46u);
  ASSERT_GE(lines.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    std::istringstream numbers(lines[i]);
    Ids want;
    for (Token id; numbers >> id;) want.push_back(id);
    EXPECT_EQ(t.encode(texts[i]), want) << i << ": " << texts[i];
    EXPECT_EQ(t.decode_text(want), texts[i]);
  }
}

void expect_ids_of_goldens(const Tokenizer& t, const std::string& column, bool has_every_byte) {
  const auto file = read_text(vectors + "goldens.jsonl");
  ASSERT_TRUE(file);
  size_t n = 0;
  for (const std::string& line : split(*file, "\n")) {
    if (line.empty()) continue;
    const auto row = nlohmann::json::parse(line);
    const auto text = row.at("text").get<std::string>();
    const Ids plain = row.at(column).at("text").get<Ids>();
    const Ids parsed = row.at(column).value("parse", plain);
    EXPECT_EQ(t.encode(text), plain) << row.at("group") << ": " << text;
    EXPECT_EQ(t.encode(text, Tokenizer::Special::parse), parsed) << row.at("group") << ": " << text;
    if (has_every_byte) {
      EXPECT_EQ(t.decode(parsed, true), text);
    }
    ++n;
  }
  EXPECT_EQ(n, 530u);
}

Result<Ids> own_chat_tokens(const Tokenizer& t, const std::string& name,
                            const std::vector<text::Message>& messages, bool add_generation_prompt) {
  BW_TRY(const std::string source, read_text(vectors + "../chat_templates/templates/" + name));
  BW_TRY(const text::ChatTemplate chat, text::ChatTemplate::parse(source));
  BW_TRY(const auto segments, chat.render(messages, add_generation_prompt, t.piece(t.vocab().bos), ""));
  return text::encode(t, segments);
}

// `own`: a template of data/vectors/chat_templates for a vocabulary that brings none.
void expect_ids_of_chats(const Tokenizer& t, const std::string& name, size_t n_rows,
                         const std::string& own = "") {
  const auto file = read_text(vectors + "chat_goldens.jsonl");
  ASSERT_TRUE(file);
  size_t n = 0;
  for (const std::string& line : split(*file, "\n")) {
    if (line.empty()) continue;
    const auto row = nlohmann::json::parse(line);
    if (row.at("model") != name) continue;
    std::vector<text::Message> messages;
    for (const auto& m : row.at("messages")) messages.push_back({m.at("role"), m.at("content")});
    const bool go_on = row.at("add_generation_prompt");
    const auto got =
        own.empty() ? text::chat_tokens(t, messages, go_on) : own_chat_tokens(t, own, messages, go_on);
    ASSERT_TRUE(got) << got.error().what;
    EXPECT_EQ(*got, row.at("ids").get<Ids>()) << row.at("messages");
    ++n;
  }
  EXPECT_EQ(n, n_rows);
}

TEST(RealTokenizer, gpt2_ids_are_those_published_with_its_vocabulary) {
  auto t = tokenizer_of(vectors + "ggml-vocab-gpt-2.gguf");
  ASSERT_TRUE(t) << t.error().what;
  expect_ids_of_published_file(*t, "ggml-vocab-gpt-2.gguf");
  EXPECT_TRUE(t->ends_generation(50256));
}

TEST(RealTokenizer, qwen2_ids_are_those_published_and_those_of_llama_cpp) {
  const std::string path = model("qwen2.5-coder-0.5b.gguf");
  NEEDS_MODEL(path, "qwen0.5b");
  auto t = tokenizer_of(path);
  ASSERT_TRUE(t) << t.error().what;
  EXPECT_EQ(t->size(), 151936u);
  expect_ids_of_published_file(*t, "ggml-vocab-qwen2.gguf");
  expect_ids_of_goldens(*t, "qwen2", true);
  expect_ids_of_chats(*t, "qwen2", 60);
  EXPECT_TRUE(t->ends_generation(151645) && t->ends_generation(151643));
  EXPECT_FALSE(t->ends_generation(151644) || t->ends_generation(0));
}

TEST(RealTokenizer, smollm_ids_are_those_of_llama_cpp) {
  const std::string path = model("smollm2-135m.gguf");
  NEEDS_MODEL(path, "smollm2");
  auto t = tokenizer_of(path);
  ASSERT_TRUE(t) << t.error().what;
  expect_ids_of_goldens(*t, "smollm", false);  // this vocabulary has no token for 21 of the bytes
  expect_ids_of_chats(*t, "smollm", 60);
  EXPECT_TRUE(t->ends_generation(2) && t->ends_generation(0));
}

// The column of spm_goldens.jsonl, every row of it in every mode that it has.
void expect_ids_of_spm_goldens(const Tokenizer& t, const std::string& column) {
  const auto file = read_text(vectors + "spm_goldens.jsonl");
  ASSERT_TRUE(file);
  size_t n_text = 0, n_parse = 0;
  for (const std::string& line : split(*file, "\n")) {
    if (line.empty()) continue;
    const auto row = nlohmann::json::parse(line);
    const auto text = row.at("text").get<std::string>();
    const auto& want = row.at(column);
    if (want.contains("text")) {
      EXPECT_EQ(t.encode(text), want.at("text").get<Ids>()) << text;
      ++n_text;
    }
    const Ids parsed = (want.contains("parse") ? want.at("parse") : want.at("text")).get<Ids>();
    EXPECT_EQ(t.encode(text, Tokenizer::Special::parse), parsed) << text;
    ++n_parse;
    if (!t.vocab().strips_right.empty()) continue;  // white space they drop is gone
    std::string back = text;  // U+2581 is how a space is written, so it comes back as one
    for (size_t at; (at = back.find("\u2581")) != std::string::npos;) back.replace(at, 3, " ");
    EXPECT_EQ(t.decode_text(parsed, true), back);
    EXPECT_EQ(t.decode_text(t.encode(text), true), back);
  }
  EXPECT_EQ(n_parse, 964u);
  EXPECT_GE(n_text, 850u);
}

TEST(RealTokenizer, llama2_ids_are_those_published_and_those_of_llama_cpp_and_sentencepiece) {
  auto t = tokenizer_of(vectors + "ggml-vocab-llama-spm.gguf");
  ASSERT_TRUE(t) << t.error().what;
  expect_ids_of_published_file(*t, "ggml-vocab-llama-spm.gguf");
  expect_ids_of_spm_goldens(*t, "llama-spm");
  EXPECT_TRUE(t->ends_generation(2));
  EXPECT_EQ(t->encode("Hi", Tokenizer::Special::as_text, Tokenizer::Bos::as_declared), (Ids{1, 6324}));
}

TEST(RealTokenizer, phi3_ids_are_those_published_and_those_of_llama_cpp) {
  auto t = tokenizer_of(vectors + "ggml-vocab-phi-3.gguf");
  ASSERT_TRUE(t) << t.error().what;
  expect_ids_of_published_file(*t, "ggml-vocab-phi-3.gguf");
  expect_ids_of_spm_goldens(*t, "phi-3");
  expect_ids_of_chats(*t, "phi-3", 60);
  EXPECT_TRUE(t->ends_generation(32000) && t->ends_generation(32007));
}

TEST(RealTokenizer, gemma3_ids_are_those_of_llama_cpp) {
  const std::string path = model("gemma3-270m.gguf");
  NEEDS_MODEL(path, "gemma3");
  auto t = tokenizer_of(path);
  ASSERT_TRUE(t) << t.error().what;
  EXPECT_EQ(t->size(), 262144u);
  EXPECT_FALSE(t->vocab().add_space_prefix);
  expect_ids_of_spm_goldens(*t, "gemma3");
  expect_ids_of_chats(*t, "gemma3", 48, "own-turns-with-parts.jinja");
  EXPECT_TRUE(t->ends_generation(1) && t->ends_generation(106));
}

TEST(RealTokenizer, a_book_of_text_comes_back_as_it_was_at_a_useful_speed) {
  const std::string path = model("qwen2.5-coder-0.5b.gguf");
  NEEDS_MODEL(path, "qwen0.5b");
  auto t = tokenizer_of(path);
  const auto goldens = read_text(vectors + "goldens.jsonl");
  ASSERT_TRUE(t && goldens);
  std::string book;
  while (book.size() < (1u << 20)) book += *goldens;
  const std::clock_t start = std::clock();  // of this process: other work on the machine does not count
  const Ids ids = t->encode(book);
  const double s = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_EQ(t->decode(ids), book);
  RecordProperty("mb_per_s", std::to_string(static_cast<double>(book.size()) / 1e6 / s));
  EXPECT_LT(s, 20) << book.size() << " bytes";  // a second on one slow core; tells n log n from worse
}

}  // namespace
}  // namespace bw::gguf
