// TOML as a tree that remembers where each value stands, so that toml++ is compiled once and a reader can
// name line and column. In: text. Out: Node, or where it stops being TOML. A date and time with an offset is
// a moment; one without is kept apart, as nobody knows which moment it is.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bw::pilot {

struct Entry;  // below: a Node holds others
struct Node {
  enum class Kind { table, list, text, whole, real, truth, moment, local_time } kind = Kind::table;
  std::string text;   // text
  double number = 0;  // whole, real
  bool truth = false;
  int64_t ms = 0;          // moment, since 1970
  int offset_minutes = 0;  // moment
  uint32_t line = 0, column = 0;
  std::vector<Entry> inner;  // table: by key, in the order of the keys; list: keys ""
  const Node* find(std::string_view key) const;
};
struct Entry {
  std::string key;
  Node node;
};
Result<Node> parse_toml(const std::string& text, const std::string& label);

// Reads a table's keys one by one, remembers the first error, and at the end refuses the keys nobody asked
// for.
class Reader {
 public:
  Reader(const Node& table, std::string label, std::string prefix, Status& status)
      : table_(table), label_(std::move(label)), prefix_(std::move(prefix)), status_(status) {}
  // Absent: `into` stays. An empty text is taken as absent (a plan to be filled has many).
  void text(const char* key, std::string& into);
  void texts(const char* key, std::vector<std::string>& into);
  void number(const char* key, double& into, double least, double most, std::string_view unit = {});
  void whole(const char* key, uint32_t& into, uint32_t least, uint32_t most);
  void duration(const char* key, int64_t& into_ms);  // "2 d", "6 h", "30 min"
  void truth(const char* key, bool& into);
  // A moment with an offset. `offset_minutes` may be null.
  void moment(const char* key, int64_t& into_ms, int* offset_minutes);
  // One of `words`; its place in them. Absent: -1.
  int word(const char* key, std::vector<std::string> words);
  // A table below, nullptr where it is absent.
  const Node* table(const char* key);
  bool has(const char* key);
  void done();  // unknown keys
  Error wrong(const Node& at, const std::string& key, std::string_view expected) const;
  void fail(const Node& at, const std::string& key, const std::string& message, std::string next = {});
  void fail(const char* key, const std::string& message,
            std::string next = {});  // at the key, or at the table
  std::string full(const std::string& key) const { return prefix_.empty() ? key : prefix_ + "." + key; }

 private:
  const Node* get(const char* key);
  const Node& table_;
  std::string label_, prefix_;
  Status& status_;
  std::vector<std::string> known_;
};

}  // namespace bw::pilot
