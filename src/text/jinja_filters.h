// The filters, one function each; jinja_filters.cc holds the table. Adding one is a line here, a row there.
#pragma once
#include "text/jinja_names.h"

namespace bw::text::jinja {

// clang-format off
#define BW_FILTERS(X) \
  X(abs) X(batch) X(capitalize) X(count) X(d) X(default) X(dictsort) X(first) \
  X(float) X(format) X(indent) X(int) X(items) X(join) X(last) X(length) \
  X(list) X(lower) X(map) X(max) X(min) X(reject) X(rejectattr) X(replace) \
  X(reverse) X(round) X(safe) X(select) X(selectattr) X(sort) X(string) X(sum) \
  X(title) X(tojson) X(trim) X(unique) X(upper)
// clang-format on

#define BW_DECLARE(name) Result<Value> filter_##name(Interp& in, const Value& subject, Args& args);
BW_FILTERS(BW_DECLARE)
#undef BW_DECLARE

}  // namespace bw::text::jinja
