// What names a template may use: filters, tests, methods and functions, each one row of a table.
// Adding one is one row and its function; a name outside the tables is refused, never passed over.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "text/jinja_value.h"

namespace bw::text::jinja {

using FilterRun = Result<Value> (*)(Interp&, const Value& subject, Args&);
using TestRun = Result<bool> (*)(Interp&, const Value& subject, Args&);

struct FilterRow {
  std::string_view name;
  FilterRun run;
};
struct TestRow {
  std::string_view name;
  TestRun run;
};

const FilterRow* find_filter(std::string_view name);
const TestRow* find_test(std::string_view name);
// Why a name cannot be used, with the known ones listed; nullopt where it can.
std::optional<std::string> unknown_filter(std::string_view name);
std::optional<std::string> unknown_test(std::string_view name);

// A method of a value (text, list, dict) or of a loop; undefined where it has none of that name.
Result<Value> method(Interp& in, const Value& subject, std::string_view name);
Result<Value> loop_attribute(Interp& in, Loop& loop, std::string_view name);
// range, namespace, dict, raise_exception, strftime_now; undefined for any other name.
Result<Value> global(Interp& in, std::string_view name);

// Arguments by name or position; an error for too many, unknown, doubled or missing ones (the first
// n_required).
Result<std::vector<std::optional<Value>>> bind(const Args& args, std::string_view what,
                                               std::initializer_list<std::string_view> names,
                                               size_t n_required = 0);

}  // namespace bw::text::jinja
