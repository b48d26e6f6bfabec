// For the tests of the own engine: a fixture that opens the tiny model, and Asks. See testing.h.
#pragma once
#include <string>

#include "backend/testing.h"
#include "gguf/vocab.h"

namespace bw::backend::testing {

class OwnBackend : public ::testing::Test {
 protected:
  Folder folder;
  const std::string baby = write_copy(folder / "baby.gguf", {});
  std::string chat_file() {
    return write_copy(folder / "chat.gguf", {{"tokenizer.chat_template", gguf::string_value(chat_template)}});
  }
  static std::shared_ptr<Backend> open(const std::string& file, uint32_t slots = 8, uint32_t max_queued = 64,
                                       uint32_t context = 4096) {
    OwnOptions o;
    o.name = "four-bit";
    o.file = file;
    o.slots = slots;
    o.max_queued = max_queued;
    o.context = context;
    o.threads = 2;
    auto b = open_own(o);
    EXPECT_TRUE(b) << b.error().what;
    return *b;
  }
  text::Tokenizer tokenizer() const { return *text::Tokenizer::make(*gguf::vocab(*gguf::open(baby))); }
};

inline Ask prompt(const std::string& text, uint32_t max_tokens) {
  Ask a;
  a.prompt = text;
  a.max_tokens = max_tokens;
  return a;
}
// One that does not end before its time: what ends a generation is banned.
inline Ask long_one(uint32_t max_tokens = 3500) {
  Ask a = prompt("Once upon a time", max_tokens);
  a.sampler.bias.push_back({2, -1e9f});
  return a;
}

}  // namespace bw::backend::testing
