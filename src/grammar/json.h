// A JSON document that keeps what a schema needs and nlohmann::json drops: members in their order, numbers as
// written, and where each value stands. In: JSON text. Out: a tree with stable addresses; strings as UTF-8.
#pragma once
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bw::grammar {

struct Json {
  enum class Kind { null, boolean, number, string, array, object } kind = Kind::null;
  bool boolean = false;
  std::string text;  // string: its value; number: as written
  std::vector<Json*> items;
  struct Member {
    std::string name;
    Json* value;
  };
  std::vector<Member> members;
  size_t index = 0;          // of the document's values, in the order in which they begin
  const Json* up = nullptr;  // whose item or member it is
  std::string name_in_up;    // a member's name, an item's index

  const Json* find(std::string_view name) const {
    for (const Member& m : members)
      if (m.name == name) return m.value;
    return nullptr;
  }
  bool is(Kind k) const { return kind == k; }
  std::string pointer() const;  // RFC 6901: "/properties/a"; of the whole document ""
};

class Document {
 public:
  // Error (bad_input): not JSON, a member given twice, nesting deeper than max_depth.
  static Result<Document> parse(std::string_view text, size_t max_depth);
  const Json& root() const { return values_.front(); }
  // What RFC 6901 finds there, or nullptr.
  const Json* at(std::string_view pointer) const;

 private:
  friend struct DocumentReader;
  std::deque<Json> values_;
};

// The one way a string is written where its text matters (names, constants, patterns): what must be escaped
// is, shortest form, lower-case digits; nothing else. Without the quotes.
std::string escaped(std::string_view utf8);
// `value` without white space, strings as above, numbers in their shortest exact form (1.0 as 1).
std::string compact(const Json& value);
// The same with members by name: equal where JSON Schema says that two values are (1 and 1.0, whatever the
// order of members).
std::string canonical(const Json& value);
size_t n_characters(std::string_view utf8);

}  // namespace bw::grammar
