// Filters on sequences and dicts, and the table of all filters.
#include "text/jinja_filters.h"

#include <algorithm>

#include "text/jinja_interp.h"
#include "text/jinja_letters.h"

namespace bw::text::jinja {

namespace {
using Bound = std::vector<std::optional<Value>>;

// "a.b.0": the item of the item. Undefined where there is none.
Result<Value> deep_item(Interp& in, Value v, const Value& path) {
  if (!path.text()) return in.item(v, path);
  for (const auto& [begin, end] : [&] {
         const std::string dot = ".";
         return split_ranges(path.text()->bytes(), &dot, SIZE_MAX, false);
       }()) {
    const std::string part = path.text()->bytes().substr(begin, end - begin);
    const bool digits =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    if (digits) {
      BW_TRY(v, in.item(v, Value(static_cast<int64_t>(std::stol(part)))));
    } else {
      BW_TRY(const Value key, make_text(in.meter, part, false));
      BW_TRY(v, in.item(v, key));
    }
  }
  return v;
}

// What sort, unique, min and max compare: the attribute, in lower case unless case counts.
Result<Value> sort_key(Interp& in, const Value& v, const std::optional<Value>& attribute,
                       bool case_sensitive) {
  Value key = v;
  if (attribute && !attribute->none()) {
    BW_TRY(key, deep_item(in, v, *attribute));
  }
  if (case_sensitive || !key.text()) return key;
  BW_CHECK(in.meter.spend(1 + key.text()->size() / 8));
  return make_text(in.meter, recased(*key.text(), Letters::lower));
}

using Keyed = std::vector<std::pair<Value, Value>>;  // key, item
Result<Keyed> keyed(Interp& in, const Value& subject, const std::optional<Value>& attribute,
                    bool case_sensitive) {
  BW_TRY(const ListPtr list, in.items(subject));
  BW_CHECK(in.meter.allocate(list->items.size() * 2 * sizeof(Value)));
  Keyed out;
  for (const Value& v : list->items) {
    BW_TRY(Value key, sort_key(in, v, attribute, case_sensitive));
    out.emplace_back(std::move(key), v);
  }
  return out;
}

// Stable, by key. Once a comparison fails every further one says "equal", which ends the sorting early.
Status sort_keyed(Interp& in, Keyed& items, bool reverse) {
  std::optional<Error> error;
  std::stable_sort(items.begin(), items.end(), [&](const auto& a, const auto& b) {
    if (error) return false;
    auto below = reverse ? less(in.meter, b.first, a.first) : less(in.meter, a.first, b.first);
    if (!below) error = std::move(below.error());
    return below && *below;
  });
  if (error) return std::move(*error);
  return {};
}

Result<Value> values_of(Interp& in, List::Kind kind, const Keyed& items) {
  std::vector<Value> out;
  for (const auto& [key, item] : items) out.push_back(item);
  return make_list(in.meter, kind, std::move(out));
}

// select, reject, selectattr, rejectattr: [attribute,] [test, its arguments]
Result<Value> choose(Interp& in, const Value& subject, Args& args, bool by_attribute, bool keep) {
  if (!args.named.empty()) return bad_input("select: no named arguments");
  size_t used = 0;
  Value attribute;
  if (by_attribute) {
    if (args.positional.empty()) return bad_input("selectattr: the name of an attribute is missing");
    attribute = args.positional[used++];
  }
  const TestRow* test = nullptr;
  if (used < args.positional.size()) {
    const Value& name = args.positional[used++];
    if (!name.text()) return bad_input("select: the name of a test must be text, found " + type_name(name));
    if (const auto why = unknown_test(name.text()->bytes())) return bad_input(*why);
    test = find_test(name.text()->bytes());
  }
  const std::vector<Value> rest(args.positional.begin() + static_cast<std::ptrdiff_t>(used),
                                args.positional.end());
  BW_TRY(const ListPtr list, in.items(subject));
  std::vector<Value> out;
  for (const Value& v : list->items) {
    BW_CHECK(in.meter.spend(1 + rest.size()));
    Value tested = v;
    if (by_attribute) {
      BW_TRY(tested, deep_item(in, v, attribute));
    }
    bool holds = truth(tested);
    if (test) {
      Args own{rest, {}};
      BW_TRY(holds, test->run(in, tested, own));
    }
    if (holds == keep) out.push_back(v);
  }
  return make_list(in.meter, List::Kind::generator, std::move(out));
}

Result<Value> extreme(Interp& in, const Value& subject, Args& args, bool largest) {
  BW_TRY(const Bound bound, bind(args, largest ? "max" : "min", {"case_sensitive", "attribute"}));
  BW_TRY(const Keyed items, keyed(in, subject, bound[1], bound[0] && truth(*bound[0])));
  if (items.empty()) return undefined("no item, the sequence is empty");
  size_t best = 0;
  for (size_t i = 1; i < items.size(); ++i) {
    BW_TRY(const bool better, largest ? less(in.meter, items[best].first, items[i].first)
                                      : less(in.meter, items[i].first, items[best].first));
    if (better) best = i;
  }
  return items[best].second;
}
}  // namespace

Result<Value> filter_select(Interp& in, const Value& v, Args& a) {
  return choose(in, v, a, false, true);
}
Result<Value> filter_reject(Interp& in, const Value& v, Args& a) {
  return choose(in, v, a, false, false);
}
Result<Value> filter_selectattr(Interp& in, const Value& v, Args& a) {
  return choose(in, v, a, true, true);
}
Result<Value> filter_rejectattr(Interp& in, const Value& v, Args& a) {
  return choose(in, v, a, true, false);
}
Result<Value> filter_max(Interp& in, const Value& v, Args& a) {
  return extreme(in, v, a, true);
}
Result<Value> filter_min(Interp& in, const Value& v, Args& a) {
  return extreme(in, v, a, false);
}

Result<Value> filter_length(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "length", {}));
  if (v.text()) {
    BW_CHECK(in.meter.read(v.text()->size()));
    int64_t n = 0;  // code points: bytes that do not continue one
    for (const char c : v.text()->bytes()) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    return Value(n);
  }
  if (v.dict()) return Value(static_cast<int64_t>(v.dict()->entries.size()));
  if (v.list() && v.list()->kind != List::Kind::generator)
    return Value(static_cast<int64_t>(v.list()->items.size()));
  if (v.undefined()) return Value(int64_t{0});
  if (v.is<Loop*>()) return loop_attribute(in, **v.as<Loop*>(), "length");
  return bad_input(type_name(v) + " has no length");
}
Result<Value> filter_count(Interp& in, const Value& v, Args& args) {
  return filter_length(in, v, args);
}

Result<Value> filter_default(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "default", {"default_value", "boolean"}));
  const bool any_false = bound[1] && truth(*bound[1]);
  if (!v.undefined() && !(any_false && !truth(v))) return v;
  return bound[0] ? Result<Value>(*bound[0]) : make_text(in.meter, MarkedText());
}
Result<Value> filter_d(Interp& in, const Value& v, Args& args) {
  return filter_default(in, v, args);
}

Result<Value> filter_list(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "list", {}));
  BW_TRY(const ListPtr list, in.items(v));
  return make_list(in.meter, List::Kind::list, list->items);
}

Result<Value> filter_items(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "items", {}));
  std::vector<Value> out;
  if (!v.undefined()) {
    if (!v.dict()) return bad_input("items needs a dict, found " + type_name(v));
    for (const auto& [key, value] : v.dict()->entries) {
      BW_TRY(Value pair, make_list(in.meter, List::Kind::tuple, {key, value}));
      out.push_back(std::move(pair));
    }
  }
  return make_list(in.meter, List::Kind::generator, std::move(out));
}

Result<Value> filter_first(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "first", {}));
  if (const List* l = v.list(); l && l->kind == List::Kind::generator)
    return l->taken < l->items.size() ? l->items[l->taken++]
                                      : undefined("no first item, the sequence is empty");
  BW_TRY(const ListPtr list, in.items(v));
  return list->items.empty() ? undefined("no first item, the sequence is empty") : list->items.front();
}
Result<Value> filter_last(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "last", {}));
  if (v.list() && v.list()->kind == List::Kind::generator)
    return bad_input("last: a generator has no end to start from");
  BW_TRY(const ListPtr list, in.items(v));
  return list->items.empty() ? undefined("no last item, the sequence is empty") : list->items.back();
}

Result<Value> filter_reverse(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "reverse", {}));
  if (v.text()) return in.slice(v, None{}, None{}, Value(int64_t{-1}));
  BW_TRY(const ListPtr list, in.items(v));
  return make_list(in.meter, List::Kind::generator,
                   std::vector<Value>(list->items.rbegin(), list->items.rend()));
}

Result<Value> filter_join(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "join", {"d", "attribute"}));
  MarkedText between;
  if (bound[0]) {
    BW_TRY(between, to_text(in.meter, *bound[0]));
  }
  BW_TRY(const ListPtr list, in.items(v));
  MarkedText out;
  for (size_t i = 0; i < list->items.size(); ++i) {
    Value part = list->items[i];
    if (bound[1] && !bound[1]->none()) {
      BW_TRY(part, deep_item(in, part, *bound[1]));
    }
    BW_TRY(const MarkedText text, to_text(in.meter, part));
    BW_CHECK(in.meter.allocate(between.size()));
    if (i) out.append(between);
    out.append(text);
  }
  return make_text(in.meter, std::move(out));
}

Result<Value> filter_map(Interp& in, const Value& v, Args& args) {
  BW_TRY(const ListPtr list, in.items(v));
  std::vector<Value> out;
  if (args.positional.empty()) {
    BW_TRY(const Bound bound, bind(args, "map", {"attribute", "default"}, 1));
    for (const Value& item : list->items) {
      BW_CHECK(in.meter.spend());
      BW_TRY(Value found, deep_item(in, item, *bound[0]));
      if (found.undefined() && bound[1]) found = *bound[1];
      out.push_back(std::move(found));
    }
  } else {
    const Value name = args.positional[0];
    if (!name.text()) return bad_input("map: the name of a filter must be text, found " + type_name(name));
    if (const auto why = unknown_filter(name.text()->bytes())) return bad_input(*why);
    const FilterRow* row = find_filter(name.text()->bytes());
    for (const Value& item : list->items) {
      BW_CHECK(in.meter.spend(1 + args.positional.size()));
      Args own{{args.positional.begin() + 1, args.positional.end()}, args.named};
      BW_TRY(Value mapped, in.filter(*row, item, own));
      out.push_back(std::move(mapped));
    }
  }
  return make_list(in.meter, List::Kind::generator, std::move(out));
}

Result<Value> filter_sort(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "sort", {"reverse", "case_sensitive", "attribute"}));
  if (bound[2] && bound[2]->text() && bound[2]->text()->bytes().find(',') != std::string::npos)
    return bad_input("sort by several attributes is not built in");
  BW_TRY(Keyed items, keyed(in, v, bound[2], bound[1] && truth(*bound[1])));
  BW_CHECK(sort_keyed(in, items, bound[0] && truth(*bound[0])));
  return values_of(in, List::Kind::list, items);
}

Result<Value> filter_dictsort(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "dictsort", {"case_sensitive", "by", "reverse"}));
  if (v.undefined()) return used_undefined(v);
  if (!v.dict()) return bad_input("dictsort needs a dict, found " + type_name(v));
  std::string by = "key";
  if (bound[1]) {
    BW_TRY(const MarkedText text, to_text(in.meter, *bound[1]));
    by = text.bytes();
  }
  if (by != "key" && by != "value") return bad_input("dictsort: by must be 'key' or 'value'");
  BW_TRY(const Value pairs, filter_items(in, v, *std::make_unique<Args>()));
  const Value index(int64_t{by == "key" ? 0 : 1});
  BW_TRY(Keyed items, keyed(in, pairs, index, bound[0] && truth(*bound[0])));
  BW_CHECK(sort_keyed(in, items, bound[2] && truth(*bound[2])));
  return values_of(in, List::Kind::list, items);
}

Result<Value> filter_unique(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "unique", {"case_sensitive", "attribute"}));
  BW_TRY(const Keyed items, keyed(in, v, bound[1], bound[0] && truth(*bound[0])));
  std::vector<const Value*> seen;
  std::vector<Value> out;
  for (const auto& [key, item] : items) {
    bool known = false;
    for (size_t i = 0; i < seen.size() && !known; ++i) {
      BW_TRY(known, equal(in.meter, *seen[i], key));
    }
    if (known) continue;
    seen.push_back(&key);
    out.push_back(item);
  }
  return make_list(in.meter, List::Kind::generator, std::move(out));
}

Result<Value> filter_sum(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "sum", {"attribute", "start"}));
  BW_TRY(const ListPtr list, in.items(v));
  Value total = bound[1] ? *bound[1] : Value(int64_t{0});
  if (total.text()) return bad_input("sum cannot add texts; use join");
  for (Value part : list->items) {
    if (bound[0] && !bound[0]->none()) {
      BW_TRY(part, deep_item(in, part, *bound[0]));
    }
    BW_TRY(total, arithmetic(in, "+", total, part));
  }
  return total;
}

Result<Value> filter_batch(Interp& in, const Value& v, Args& args) {
  BW_TRY(const Bound bound, bind(args, "batch", {"linecount", "fill_with"}, 1));
  const auto width = as_integer(*bound[0]);
  if (!width || *width < 1) return bad_input("batch needs a positive number of items");
  const auto n = static_cast<size_t>(*width);
  BW_TRY(const ListPtr list, in.items(v));
  std::vector<Value> out;
  for (size_t at = 0; at < list->items.size(); at += std::min(n, list->items.size() - at)) {
    const size_t end = at + std::min(n, list->items.size() - at);
    std::vector<Value> row(list->items.begin() + static_cast<std::ptrdiff_t>(at),
                           list->items.begin() + static_cast<std::ptrdiff_t>(end));
    if (bound[1] && !bound[1]->none() && row.size() < n) {
      if (n > SIZE_MAX / sizeof(Value)) return in.meter.allocate(SIZE_MAX).error();
      BW_CHECK(in.meter.allocate(n * sizeof(Value)));
      row.resize(n, *bound[1]);
    }
    BW_TRY(Value made, make_list(in.meter, List::Kind::list, std::move(row)));
    out.push_back(std::move(made));
  }
  return make_list(in.meter, List::Kind::generator, std::move(out));
}

namespace {
#define BW_ROW(name) FilterRow{#name, filter_##name},
constexpr FilterRow filters[] = {BW_FILTERS(BW_ROW)};
#undef BW_ROW
}  // namespace

const FilterRow* find_filter(std::string_view name) {
  for (const FilterRow& row : filters)
    if (row.name == name) return &row;
  return nullptr;
}

std::optional<std::string> unknown_filter(std::string_view name) {
  if (find_filter(name)) return std::nullopt;
  std::string known;
  for (const FilterRow& row : filters) known += (known.empty() ? "" : ", ") + std::string(row.name);
  return "unknown filter '" + std::string(name.substr(0, 40)) + "'; known: " + known;
}

}  // namespace bw::text::jinja
