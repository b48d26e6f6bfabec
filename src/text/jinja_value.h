// The values a template computes with: Python's, as far as chat templates use them, and none of them can
// change. In: literals, the caller's context. Out: values; their truth, equality, order and text as Python
// has them. A list or a dict cannot be changed once made, so values form no cycles; only a namespace is
// assigned to, and it belongs to the rendering, not to values.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja_meter.h"
#include "text/marked_text.h"

namespace bw::text::jinja {

class Interp;
struct List;
struct Dict;
struct Callable;
struct Namespace;
struct Loop;

struct None {};
// What a missing name or attribute gives: prints as nothing, is false, and any use of it is an error that
// says why.
struct Undefined {
  std::shared_ptr<const std::string> why;
};

using TextPtr = std::shared_ptr<const MarkedText>;
using ListPtr = std::shared_ptr<const List>;
using DictPtr = std::shared_ptr<const Dict>;
using CallablePtr = std::shared_ptr<const Callable>;

class Value {
 public:
  using Data = std::variant<Undefined, None, bool, int64_t, double, TextPtr, ListPtr, DictPtr, CallablePtr,
                            Namespace*, Loop*>;
  Value() = default;  // undefined
  template <class T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, Value> && std::is_constructible_v<Data, T>) Value(T data)
      : data_(std::move(data)) {}

  template <class T>
  const T* as() const {
    return std::get_if<T>(&data_);
  }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(data_);
  }
  const MarkedText* text() const { return is<TextPtr>() ? std::get<TextPtr>(data_).get() : nullptr; }
  const List* list() const { return is<ListPtr>() ? std::get<ListPtr>(data_).get() : nullptr; }
  const Dict* dict() const { return is<DictPtr>() ? std::get<DictPtr>(data_).get() : nullptr; }
  bool undefined() const { return is<Undefined>(); }
  bool none() const { return is<None>(); }

 private:
  Data data_;
};

struct List {
  // A generator gives its items once; views are a dict's items(), keys() and values().
  enum class Kind { list, tuple, range, generator, items, keys, values };
  Kind kind = Kind::list;
  std::vector<Value> items;
  size_t depth = 1;          // nesting of lists and dicts, itself included
  mutable size_t taken = 0;  // generator: items already given
};

struct Dict {
  std::vector<std::pair<Value, Value>> entries;  // in order of insertion
  size_t depth = 1;
  const Value* find(std::string_view key) const;
};

struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct Callable {
  std::string name;
  std::function<Result<Value>(Interp&, Args&)> run;
};

struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
};

// Deeper nesting of lists and dicts is refused: printing and freeing them recurses.
constexpr size_t max_nesting = 100;

Value undefined(std::string why);
Result<Value> make_text(Meter& m, MarkedText text);
Result<Value> make_text(Meter& m, std::string bytes, bool trusted);
Result<Value> make_list(Meter& m, List::Kind kind, std::vector<Value> items);
// A later entry with an equal key replaces the earlier one's value. Keys must be text, numbers, booleans or
// none.
Result<Value> make_dict(Meter& m, std::vector<std::pair<Value, Value>> entries);
Result<const Value*> find(Meter& m, const Dict& dict, const Value& key);  // nullptr: no such key

std::string type_name(const Value& v);  // "text", "list", "undefined", ... for messages
Error used_undefined(const Value& v);   // v is undefined
bool truth(const Value& v);
Result<bool> equal(Meter& m, const Value& a, const Value& b);
// a < b; an error where Python has no order for the pair.
Result<bool> less(Meter& m, const Value& a, const Value& b);
// str(v) and repr(v). Letters of v keep their marks; what printing adds (digits, quotes, brackets) is not
// trusted.
Result<MarkedText> to_text(Meter& m, const Value& v);
Result<MarkedText> to_repr(Meter& m, const Value& v);
std::string real_text(double x);  // Python's repr(float)
// int or bool as a number; nullopt for anything else.
std::optional<int64_t> as_integer(const Value& v);
std::optional<double> as_number(const Value& v);

}  // namespace bw::text::jinja
