// Task suites: what is asked, what production would accept of an answer, and what is true.
// In: data files under data_dir(). Out: items in a fixed order, chat messages, and a Check of each output.
// Adding a suite: one file with its maker, one line in suites.def.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/chat.h"

namespace bw::tasks {

// What production can see of an answer, without knowing the truth.
struct AcceptSpec {
  enum class Kind { json_object } kind = Kind::json_object;
  std::vector<std::string> fields;  // json_object: the only field names allowed; every value a string
};

// Gold. json_object: (field, value), each field once.
struct TruthSpec {
  std::vector<std::pair<std::string, std::string>> fields;
};

struct Item {
  std::string id;        // "snips/BookRestaurant/17": stable over versions of the order
  std::string category;  // "extraction": the unit of a verdict
  std::string group;  // items of one group share a long prompt prefix, and are a cluster of standard errors
  std::string input;  // the item's own part of the prompt
  AcceptSpec accept;
  TruthSpec truth;
  double weight = 1;
  std::vector<std::string> tags;
};

struct Check {
  bool accepted = false;  // production would take it
  bool truth = false;     // accepted, and exactly right
  double score = 0;       // graded truth in [0, 1]; 0 where not accepted
  std::string detail;     // why not accepted, or which fields are missing, wrong, added; empty if true
  bool silent_failure() const { return accepted && !truth; }
};

class Suite {
 public:
  virtual ~Suite() = default;
  virtual std::string name() const = 0;  // "snips"
  // SHA-256 over everything that decides a result: items in order, prompts, rules of checking and their
  // version.
  virtual std::string digest() const = 0;
  // Every prefix of the list is balanced over the groups, so a budget may cut it anywhere.
  virtual const std::vector<Item>& items() const = 0;
  virtual size_t default_items() const = 0;  // how many a run takes unless told otherwise
  // The chat messages of an item. Two items of one group have equal messages up to the item's input.
  virtual std::vector<text::Message> prompt(const Item& item) const = 0;
  virtual uint32_t max_output_tokens() const = 0;
  // True when no further text can matter, so decoding may stop: for Request::stop_when, on the decoded text.
  virtual bool complete(std::string_view output) const = 0;
  virtual Check check(const Item& item, std::string_view output) const = 0;
};

// Built-in suites by name ("snips"). bad_input for an unknown name lists the known ones.
Result<std::unique_ptr<Suite>> open_suite(std::string_view name, const std::string& data_dir);
std::vector<std::string> suite_names();
// Suites from a person's own JSON-lines file. Not built yet: always the Error that says so.
Result<std::unique_ptr<Suite>> load_suite(const std::string& path);

// WikiText-2 raw, test split, for divergence: a path below data_dir, its SHA-256 checked.
Result<std::string> wikitext_path(const std::string& data_dir);

}  // namespace bw::tasks
