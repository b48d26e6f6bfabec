#include "base/strict_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bw {
namespace {
using nlohmann::json;

class Looker final : public nlohmann::json_sax<json> {
 public:
  Looker(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}
  std::optional<JsonFault> fault;

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(size_t) override { return open(true); }
  bool start_array(size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& k) override {
    Frame& f = stack_.back();
    if (k.size() > limits_.max_key_bytes)
      return fail(JsonFault::What::too_many_members,
                  fmt::format("a key of {} bytes; at most {} are read", k.size(), limits_.max_key_bytes));
    if (++n_members_ > limits_.max_members)
      return fail(JsonFault::What::too_many_members,
                  fmt::format("more than {} keys in one text", limits_.max_members));
    f.key = k;
    if (!f.keys.insert(k).second)
      return fail(JsonFault::What::duplicate_key,
                  fmt::format("the key \"{}\" stands twice in one object", k));
    return true;
  }
  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    // `position` counts the byte at which reading failed.
    const size_t at = std::min(position == 0 ? 0 : position - 1, text_.size());
    const std::string_view before = text_.substr(0, at);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t newline = before.rfind('\n');
    const size_t column = newline == std::string_view::npos ? at + 1 : at - newline;
    return fail(JsonFault::What::not_json,
                fmt::format("not JSON at byte {} (line {}, column {})", at, line, column));
  }

 private:
  struct Frame {
    bool is_object;
    std::string key;
    size_t index = 0;
    std::unordered_set<std::string> keys;
  };

  bool value() {
    if (!stack_.empty() && !stack_.back().is_object) ++stack_.back().index;
    return true;
  }
  bool open(bool is_object) {
    if (stack_.size() >= limits_.max_depth)
      return fail(JsonFault::What::too_deep, fmt::format("nested deeper than {}", limits_.max_depth));
    stack_.push_back({is_object, {}, 0, {}});
    return true;
  }
  bool close() {
    stack_.pop_back();
    return value();
  }
  bool fail(JsonFault::What what, std::string message) {
    std::string where;
    for (const Frame& f : stack_)
      if (!f.is_object)
        where += fmt::format("[{}]", f.index);
      else if (!f.key.empty())
        where += (where.empty() ? "" : ".") + f.key.substr(0, 64);
    fault = JsonFault{what, std::move(where), std::move(message)};
    return false;
  }

  const std::string_view text_;
  const JsonLimits limits_;
  std::vector<Frame> stack_;
  uint32_t n_members_ = 0;
};

}  // namespace

std::optional<JsonFault> check_json(std::string_view text, const JsonLimits& limits) {
  Looker looker(text, limits);
  if (!json::sax_parse(text, &looker) && !looker.fault) looker.fault = JsonFault{{}, {}, "not JSON"};
  return std::move(looker.fault);
}

}  // namespace bw
