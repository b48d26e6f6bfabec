// Structured extraction: one JSON object of named text fields, what production takes of it, and field F1.
// In: an output text, the field names allowed, gold fields. Out: Check; and when an output is complete.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "tasks/suite.h"

namespace bw::tasks {

using Fields = std::vector<std::pair<std::string, std::string>>;

// Offset just past the first JSON object's closing brace (braces inside strings do not count, \" does not end
// a string), or npos while it is open or has not begun. Works on any text; validity is the parser's business.
size_t object_end(std::string_view text);
inline bool object_closed(std::string_view text) {
  return object_end(text) != std::string_view::npos;
}
// False once the text begins with anything but white space, a brace or a fence: then parse_fields can only
// refuse.
bool may_become_object(std::string_view text);

// What a production parser would take: of the answer what text::json_answer leaves, and that exactly one JSON
// object (RFC 8259, valid UTF-8), every name one of `allowed` and given once, every value a string. The empty
// object is taken. The error says which rule broke.
Result<Fields> parse_fields(std::string_view output, const std::vector<std::string>& allowed);

// White space runs to one space, none at the ends. Letters stay as they are: the task is to copy.
std::string normalised(std::string_view value);

// F1 over (name, normalised value) pairs: 2 |found and gold| / (|found| + |gold|); 1 when both are empty.
double field_f1(const Fields& found, const Fields& gold);

// accepted = parse_fields; truth = the same pairs as gold; score = field F1, 0 where not accepted.
// An empty value says "not present" and counts as a field that was not given.
Check check_extraction(std::string_view output, const AcceptSpec& accept, const TruthSpec& gold);

}  // namespace bw::tasks
