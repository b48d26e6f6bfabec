// What lies inside a value: attributes, items, slices, iteration. Attributes are methods of a fixed table
// and, for a dict, its keys; there is no other way from a value to anything.
#include "text/jinja_interp.h"
#include "text/utf8.h"

namespace bw::text::jinja {

namespace {

Value no_attribute(const Value& subject, std::string_view name) {
  return undefined(type_name(subject) + " has no attribute '" + std::string(name.substr(0, 80)) + "'");
}

Error inside_escaped() {
  return bad_input("methods and parts of what the filter safe gave are not built in");
}

// Offsets of the code points of `s`, and of its end.
Result<std::vector<size_t>> code_points(Meter& m, std::string_view s) {
  BW_CHECK(m.allocate(s.size() * sizeof(size_t)));
  std::vector<size_t> out;
  for (size_t at = 0; at < s.size(); at += code_point(s, at).n_bytes) out.push_back(at);
  out.push_back(s.size());
  return out;
}

size_t count_points(std::string_view s) {
  size_t n = 0;
  for (size_t at = 0; at < s.size(); at += code_point(s, at).n_bytes) ++n;
  return n;
}
// Offset of code point number `i`, or of the end.
size_t offset_of(std::string_view s, size_t i) {
  size_t at = 0;
  for (; i > 0 && at < s.size(); --i) at += code_point(s, at).n_bytes;
  return at;
}

// Items from, from + stride, ...: count of them.
struct Chosen {
  int64_t from = 0, stride = 1;
  size_t count = 0;
  size_t operator[](size_t k) const { return static_cast<size_t>(from + static_cast<int64_t>(k) * stride); }
};

// Python's slice.indices: which of n items begin:end:step takes, in order.
Result<Chosen> chosen(size_t n, const Value& begin, const Value& end, const Value& step) {
  const auto bound = [](const Value& v) -> Result<std::optional<int64_t>> {
    if (v.none()) return std::optional<int64_t>();
    if (v.undefined()) return used_undefined(v);
    if (const auto i = as_integer(v)) return std::optional<int64_t>(i);
    return bad_input("a slice's bounds must be integers or none, found " + type_name(v));
  };
  BW_TRY(const auto b, bound(begin));
  BW_TRY(const auto e, bound(end));
  BW_TRY(const auto s, bound(step));
  const int64_t stride = s.value_or(1), size = static_cast<int64_t>(n);
  if (stride == 0) return bad_input("a slice's step must not be zero");
  const int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? size : size - 1;
  const auto clamp = [&](int64_t i) {
    if (i < 0) i = i < -size ? low : i + size;
    return std::min(std::max(i, low), high);
  };
  const int64_t from = b ? clamp(*b) : (stride > 0 ? low : high),
                to = e ? clamp(*e) : (stride > 0 ? high : low);
  const bool empty = stride > 0 ? from >= to : from <= to;
  if (empty) return Chosen();
  const uint64_t span = static_cast<uint64_t>(stride > 0 ? to - from : from - to);
  const uint64_t width =
      stride > 0 ? static_cast<uint64_t>(stride) : uint64_t{0} - static_cast<uint64_t>(stride);
  return Chosen{from, stride, static_cast<size_t>((span - 1) / width + 1)};
}

}  // namespace

Result<Value> Interp::attribute(const Value& subject, std::string_view name) {
  if (subject.undefined()) return used_undefined(subject);
  if (subject.text() && subject.text()->escaped()) return inside_escaped();
  if (name.starts_with("_"))
    return undefined("attribute '" + std::string(name.substr(0, 80)) + "' is not for templates");
  if (subject.is<Namespace*>()) {
    const Namespace& ns = **subject.as<Namespace*>();
    BW_CHECK(meter.spend(1 + ns.attributes.size() / 8));
    for (const auto& [key, value] : ns.attributes)
      if (key == name) return value;
    return no_attribute(subject, name);
  }
  if (subject.is<Loop*>()) return loop_attribute(*this, **subject.as<Loop*>(), name);
  BW_TRY(Value found, method(*this, subject, name));
  if (!found.undefined() || !subject.dict()) {
    if (found.undefined() && !found.as<Undefined>()->why) return no_attribute(subject, name);
    return found;
  }
  BW_CHECK(meter.spend(1 + subject.dict()->entries.size() / 8));
  if (const Value* v = subject.dict()->find(name)) return *v;
  return found.as<Undefined>()->why ? found : no_attribute(subject, name);
}

Result<Value> Interp::item(const Value& subject, const Value& key) {
  if (subject.undefined()) return used_undefined(subject);
  if (subject.text() && subject.text()->escaped()) return inside_escaped();
  if (subject.dict()) {
    if (key.list() || key.dict()) return no_attribute(subject, "unhashable key");
    BW_TRY(const Value* v, find(meter, *subject.dict(), key));
    if (v) return *v;
  } else if (const auto index = as_integer(key)) {
    const List* list = subject.list();
    const bool indexed = list && (list->kind == List::Kind::list || list->kind == List::Kind::tuple ||
                                  list->kind == List::Kind::range);
    if (indexed) {
      const auto n = static_cast<int64_t>(list->items.size());
      const int64_t i = *index < 0 ? *index + n : *index;
      if (i >= 0 && i < n) return list->items[static_cast<size_t>(i)];
    } else if (const MarkedText* text = subject.text()) {
      BW_CHECK(meter.read(text->size()));
      const auto n = static_cast<int64_t>(count_points(text->bytes()));
      const int64_t i = *index < 0 ? *index + n : *index;
      if (i >= 0 && i < n) {
        const size_t at = offset_of(text->bytes(), static_cast<size_t>(i));
        return make_text(meter, text->slice(at, at + code_point(text->bytes(), at).n_bytes));
      }
    }
    return no_attribute(subject, std::to_string(*index));
  }
  if (key.undefined()) return key;
  // Jinja falls back to attributes for a text key.
  if (key.text()) return attribute(subject, key.text()->bytes());
  return no_attribute(subject, type_name(key));
}

Result<Value> Interp::slice(const Value& subject, const Value& begin, const Value& end, const Value& step) {
  if (subject.undefined()) return used_undefined(subject);
  if (subject.text() && subject.text()->escaped()) return inside_escaped();
  if (const MarkedText* text = subject.text()) {
    BW_CHECK(meter.read(text->size()));
    BW_TRY(const auto which, chosen(count_points(text->bytes()), begin, end, step));
    if (which.count == 0) return make_text(meter, MarkedText());
    if (which.stride == 1) {
      const size_t from = offset_of(text->bytes(), static_cast<size_t>(which.from));
      const size_t n = offset_of(std::string_view(text->bytes()).substr(from), which.count);
      return make_text(meter, text->slice(from, from + n));
    }
    BW_TRY(const auto at, code_points(meter, text->bytes()));
    MarkedText out;
    BW_CHECK(meter.spend(which.count));
    for (size_t k = 0; k < which.count; ++k) out.append(text->slice(at[which[k]], at[which[k] + 1]));
    return make_text(meter, std::move(out));
  }
  const List* list = subject.list();
  if (!list ||
      (list->kind != List::Kind::list && list->kind != List::Kind::tuple && list->kind != List::Kind::range))
    return bad_input(type_name(subject) + " cannot be sliced");
  BW_TRY(const auto which, chosen(list->items.size(), begin, end, step));
  BW_CHECK(meter.spend(1 + which.count / 8));
  std::vector<Value> out;
  for (size_t k = 0; k < which.count; ++k) out.push_back(list->items[which[k]]);
  return make_list(meter, list->kind, std::move(out));
}

Result<ListPtr> Interp::items(const Value& subject) {
  if (const ListPtr* list = subject.as<ListPtr>()) {
    const List& l = **list;
    if (l.kind != List::Kind::generator) return *list;
    if (l.taken == 0) {
      l.taken = l.items.size();
      return *list;
    }
    std::vector<Value> left(l.items.begin() + static_cast<std::ptrdiff_t>(l.taken), l.items.end());
    l.taken = l.items.size();
    BW_TRY(const Value rest, make_list(meter, List::Kind::list, std::move(left)));
    return *rest.as<ListPtr>();
  }
  std::vector<Value> out;
  if (const Dict* dict = subject.dict()) {
    for (const auto& [key, value] : dict->entries) out.push_back(key);
  } else if (const MarkedText* text = subject.text()) {
    BW_TRY(const auto at, code_points(meter, text->bytes()));
    for (size_t i = 0; i + 1 < at.size(); ++i) {
      BW_TRY(Value letter, make_text(meter, text->slice(at[i], at[i + 1])));
      out.push_back(std::move(letter));
    }
  } else if (!subject.undefined()) {
    return bad_input(type_name(subject) + " cannot be iterated");
  }
  BW_TRY(const Value list, make_list(meter, List::Kind::list, std::move(out)));
  return *list.as<ListPtr>();
}

}  // namespace bw::text::jinja
