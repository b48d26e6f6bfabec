// An array of texts as one text and where each ends: a vocabulary of 150,000 tokens and as many merges takes
// a third of what as many std::string take, and the header stays in memory while a model runs. In: texts, one
// after another. Out: views, valid until the next push_back.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bw::gguf {

class Strings {
 public:
  using value_type = std::string_view;
  Strings() = default;
  Strings(const std::vector<std::string>& all) {  // implicit: lists are written so
    for (const std::string& s : all) push_back(s);
    fit();
  }
  void push_back(std::string_view s) {
    text_ += s;
    ends_.push_back(text_.size());
  }
  // Gives back what growing took too much.
  void fit() {
    text_.shrink_to_fit();
    ends_.shrink_to_fit();
  }
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const {
    const uint64_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }
  bool operator==(const Strings&) const = default;
  // Bytes of the two blocks it holds.
  uint64_t text_bytes() const { return text_.capacity() + 1; }
  uint64_t ends_bytes() const { return ends_.capacity() * sizeof(uint64_t); }

 private:
  std::string text_;
  std::vector<uint64_t> ends_;  // of text i in text_
};

}  // namespace bw::gguf
