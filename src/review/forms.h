// What a browser sends when a form is submitted. In: an application/x-www-form-urlencoded body, hostile. Out:
// its fields, a Decision; anything that a form of ours cannot send is an Error. Source: WHATWG URL,
// section 5.1; HTML, section 4.10.21.7 (newlines travel as CRLF).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "review/queue.h"

namespace bw::review {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct FormLimits {
  size_t body = 4u << 20;  // bytes
  size_t fields = 16;
};
// Refused: beyond the limits, a broken %-escape, a byte that must be escaped, NUL, not UTF-8, a name twice or
// empty.
Result<Fields> parse_form(std::string_view body, const FormLimits& limits = {});
const std::string* field(const Fields& fields, std::string_view name);

// Of the forms of item_page(): "state" (accepted, corrected, rejected), "reviewer", "seconds" (empty: the
// page had no script), and "attempt" (from 1) or "text" or "reason" as the state has it; "csrf" is skipped.
// An unknown field, or one of another state, is refused. at_ms is left to the caller.
Result<Decision> decision_of(const Fields& fields);

}  // namespace bw::review
