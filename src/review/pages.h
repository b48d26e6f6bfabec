// The pages of the review queue as HTML. In: items, and what the visit brought. Out: one page, in which
// everything a model or a person wrote is escaped (base/markup.h) and no script stands; they must be sent
// with page_headers(). They work without their script, which only adds keys and the clock.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "review/queue.h"

namespace bw::review {

// What a page shows besides its subject. Every link is below this path, on the same host.
inline constexpr std::string_view root_path = "/review";

struct View {
  std::string reviewer;               // known from the visit; empty: each form asks for it
  std::string notice, problem;        // of what was done just before
  std::optional<Item::State> state;   // list: only these
  std::optional<int64_t> more_after;  // list: there is more above this id
  std::string text, reason;           // item: what was typed, kept when it was refused
  std::optional<int64_t> next;        // item: the next that waits
  bool typed = false;                 // text and reason are to be shown
};
std::string list_page(const std::vector<Item>& items, const Queue::Counts& counts, const View& view = {});
// `csrf`: the token the forms carry.
std::string item_page(const Item& item, const std::string& csrf, const View& view = {});
// Of a visit that failed: title, what happened, what to do.
std::string problem_page(const std::string& title, const std::string& what, const std::string& next);

}  // namespace bw::review
