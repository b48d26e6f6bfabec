// What the fuzzer does with one input, and the replay test with each file of fuzz/corpus/forms: a submitted
// form, and a text that is shown, compared and put in a page. In: bytes. Out: true where the form was a
// decision.
#pragma once
#include <string>
#include <string_view>

#include "base/markup.h"
#include "review/diff.h"
#include "review/forms.h"
#include "review/pages.h"

namespace bw::review::testing {

inline bool read_one(std::string_view bytes) {
  for (const std::string& shown :
       {html_text(bytes), html_attribute(bytes), html_editable(bytes), terminal_text(bytes)})
    if (!is_utf8(shown)) __builtin_trap();
  if (html_attribute(bytes).find_first_of("<>\"") != std::string::npos) __builtin_trap();
  const std::string_view front = bytes.substr(0, bytes.size() / 2), back = bytes.substr(bytes.size() / 2);
  const Diff d = diff(front, back);
  size_t at = 0;
  for (const Piece& p : d.a) {
    if (p.begin != at || p.end <= p.begin) __builtin_trap();
    at = p.end;
  }
  if (at != front.size()) __builtin_trap();
  Item item;
  item.id = 1;
  item.messages_json = bytes;
  item.attempts = {{"a", std::string(front), {}}, {std::string(back), std::string(back), {}}};
  const std::string page = item_page(item, "token");
  if (page.find("<script>") != std::string::npos || !is_utf8(page)) __builtin_trap();
  const auto fields = parse_form(bytes);
  if (!fields) return false;
  for (const auto& [name, value] : *fields)
    if (name.empty() || !is_utf8(value)) __builtin_trap();
  const auto decision = decision_of(*fields);
  return bool(decision);
}

}  // namespace bw::review::testing
