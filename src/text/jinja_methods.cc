// Methods of text, lists, dicts and of `loop`: the ones that change nothing, each one row of a table.
#include <array>

#include "text/jinja_interp.h"
#include "text/jinja_letters.h"
#include "text/utf8.h"

namespace bw::text::jinja {

namespace {

using Run = Result<Value> (*)(Interp&, const Value& self, Args&);
struct Row {
  std::string_view name;
  Run run;
};
using Bound = std::vector<std::optional<Value>>;

Result<const MarkedText*> need_text(const std::optional<Value>& v, std::string_view what) {
  if (v->text()) return v->text();
  if (v->undefined()) return used_undefined(*v);
  return bad_input(std::string(what) + " needs text, found " + type_name(*v));
}

// strip, lstrip, rstrip
template <bool left, bool right>
Result<Value> strip(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "strip", {"chars"}));
  const MarkedText* letters = nullptr;
  if (bound[0] && !bound[0]->none()) {
    BW_TRY(letters, need_text(bound[0], "strip"));
  }
  BW_CHECK(in.meter.read(self.text()->size() * (1 + (letters ? letters->size() : 0))));
  return make_text(in.meter, stripped(*self.text(), letters ? &letters->bytes() : nullptr, left, right));
}

// split, rsplit
template <bool from_right>
Result<Value> split(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "split", {"sep", "maxsplit"}));
  const MarkedText* by = nullptr;
  if (bound[0] && !bound[0]->none()) {
    BW_TRY(by, need_text(bound[0], "split"));
    if (by->empty()) return bad_input("split by an empty text");
  }
  int64_t most = -1;
  if (bound[1]) {
    const auto n = as_integer(*bound[1]);
    if (!n) return bad_input("split: maxsplit must be an integer, found " + type_name(*bound[1]));
    most = *n;
  }
  BW_CHECK(in.meter.read(self.text()->size()));
  std::vector<Value> out;
  for (const auto& [begin, end] : split_ranges(self.text()->bytes(), by ? &by->bytes() : nullptr,
                                               most < 0 ? SIZE_MAX : static_cast<size_t>(most), from_right)) {
    BW_TRY(Value part, make_text(in.meter, self.text()->slice(begin, end)));
    out.push_back(std::move(part));
  }
  return make_list(in.meter, List::Kind::list, std::move(out));
}

Result<Value> splitlines(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "splitlines", {"keepends"}));
  const bool keep = bound[0] && truth(*bound[0]);
  const std::string& s = self.text()->bytes();
  BW_CHECK(in.meter.read(s.size()));
  std::vector<Value> out;
  size_t begin = 0;
  for (size_t at = 0; at < s.size();) {
    const CodePoint c = code_point(s, at);
    size_t next = at + c.n_bytes;
    const bool ends = (c.value >= 0x0A && c.value <= 0x0D) || (c.value >= 0x1C && c.value <= 0x1E) ||
                      c.value == 0x85 || c.value == 0x2028 || c.value == 0x2029;
    if (c.value == '\r' && next < s.size() && s[next] == '\n') ++next;
    if (ends) {
      BW_TRY(Value line, make_text(in.meter, self.text()->slice(begin, keep ? next : at)));
      out.push_back(std::move(line));
      begin = next;
    }
    at = next;
  }
  if (begin < s.size()) {
    BW_TRY(Value line, make_text(in.meter, self.text()->slice(begin, s.size())));
    out.push_back(std::move(line));
  }
  return make_list(in.meter, List::Kind::list, std::move(out));
}

// startswith, endswith: of one text or of any in a tuple
template <bool start>
Result<Value> edge(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, start ? "startswith" : "endswith", {"part"}, 1));
  std::vector<Value> parts = {*bound[0]};
  if (bound[0]->list() && bound[0]->list()->kind == List::Kind::tuple) parts = bound[0]->list()->items;
  for (const Value& v : parts) {
    BW_TRY(const MarkedText* part, need_text(v, start ? "startswith" : "endswith"));
    BW_CHECK(in.meter.read(part->size()));
    const std::string& s = self.text()->bytes();
    if (start ? s.starts_with(part->bytes()) : s.ends_with(part->bytes())) return Value(true);
  }
  return Value(false);
}

template <bool start>
Result<Value> remove_edge(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "removeprefix", {"part"}, 1));
  BW_TRY(const MarkedText* part, need_text(bound[0], "removeprefix"));
  const MarkedText& s = *self.text();
  if (start && s.bytes().starts_with(part->bytes()))
    return make_text(in.meter, s.slice(part->size(), s.size()));
  if (!start && s.bytes().ends_with(part->bytes()))
    return make_text(in.meter, s.slice(0, s.size() - part->size()));
  return self;
}

Result<Value> replace(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "replace", {"old", "new", "count"}, 2));
  BW_TRY(const MarkedText* old, need_text(bound[0], "replace"));
  BW_TRY(const MarkedText* with, need_text(bound[1], "replace"));
  int64_t most = -1;
  if (bound[2]) {
    const auto n = as_integer(*bound[2]);
    if (!n) return bad_input("replace: count must be an integer, found " + type_name(*bound[2]));
    most = *n;
  }
  BW_TRY(MarkedText out,
         replaced(in.meter, *self.text(), *old, *with, most < 0 ? SIZE_MAX : static_cast<size_t>(most)));
  return make_text(in.meter, std::move(out));
}

template <Letters change>
Result<Value> recase(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "a change of letters", {}));
  BW_CHECK(in.meter.spend(1 + self.text()->size() / 8));
  return make_text(in.meter, recased(*self.text(), change));
}

template <LetterTest test>
Result<Value> are(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "a test of letters", {}));
  BW_CHECK(in.meter.spend(1 + self.text()->size() / 8));
  return Value(all_letters(self.text()->bytes(), test));
}

// find, rfind, index, rindex: in code points; without bounds
template <bool right, bool must>
Result<Value> find_text(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, must ? "index" : "find", {"part"}, 1));
  BW_TRY(const MarkedText* part, need_text(bound[0], "find"));
  const std::string& s = self.text()->bytes();
  BW_CHECK(in.meter.read(s.size() + part->size()));
  const size_t at = right ? find_last(s, part->bytes()) : find_first(s, part->bytes(), 0);
  if (at == std::string::npos)
    return must ? Result<Value>(bad_input("index: the part is not in the text")) : Value(int64_t{-1});
  int64_t n = 0;
  for (size_t i = 0; i < at; i += code_point(s, i).n_bytes) ++n;
  return Value(n);
}

Result<Value> count_text(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "count", {"part"}, 1));
  BW_TRY(const MarkedText* part, need_text(bound[0], "count"));
  const std::string& s = self.text()->bytes();
  BW_CHECK(in.meter.read(s.size() + part->size()));
  int64_t n = 0;
  if (part->empty()) {
    for (size_t i = 0; i < s.size(); i += code_point(s, i).n_bytes) ++n;
    return Value(n + 1);
  }
  for (size_t at = find_first(s, part->bytes(), 0); at != std::string::npos;
       at = find_first(s, part->bytes(), at + part->size()))
    ++n;
  return Value(n);
}

Result<Value> join_text(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "join", {"iterable"}, 1));
  BW_TRY(const ListPtr list, in.items(*bound[0]));
  MarkedText out;
  for (size_t i = 0; i < list->items.size(); ++i) {
    BW_TRY(const MarkedText* part, need_text(list->items[i], "join"));
    BW_CHECK(in.meter.allocate(part->size() + self.text()->size()));
    BW_CHECK(in.meter.spend());
    if (i) out.append(*self.text());
    out.append(*part);
  }
  return make_text(in.meter, std::move(out));
}

template <bool right>
Result<Value> partition(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "partition", {"sep"}, 1));
  BW_TRY(const MarkedText* by, need_text(bound[0], "partition"));
  if (by->empty()) return bad_input("partition by an empty text");
  const MarkedText& s = *self.text();
  BW_CHECK(in.meter.read(s.size()));
  const size_t at = right ? find_last(s.bytes(), by->bytes()) : find_first(s.bytes(), by->bytes(), 0);
  const bool found = at != std::string::npos;
  const size_t a = found ? at : right ? 0 : s.size(), b = found ? at + by->size() : a;
  std::vector<Value> out(3);
  BW_TRY(out[0], make_text(in.meter, s.slice(0, a)));
  BW_TRY(out[1], make_text(in.meter, s.slice(a, b)));
  BW_TRY(out[2], make_text(in.meter, s.slice(b, s.size())));
  return make_list(in.meter, List::Kind::tuple, std::move(out));
}

Result<Value> list_index(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "index", {"value"}, 1));
  for (size_t i = 0; i < self.list()->items.size(); ++i) {
    BW_TRY(const bool same, equal(in.meter, self.list()->items[i], *bound[0]));
    if (same) return Value(static_cast<int64_t>(i));
  }
  return bad_input("index: the value is not in the list");
}
Result<Value> list_count(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "count", {"value"}, 1));
  int64_t n = 0;
  for (const Value& item : self.list()->items) {
    BW_TRY(const bool same, equal(in.meter, item, *bound[0]));
    n += same ? 1 : 0;
  }
  return Value(n);
}
Result<Value> copy(Interp&, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "copy", {}));
  return self;  // values cannot change, so a copy is the value
}

Result<Value> dict_get(Interp& in, const Value& self, Args& args) {
  if (!args.named.empty()) return bad_input("get takes no named arguments");
  BW_TRY(const Bound bound, bind(args, "get", {"key", "default"}, 1));
  if (bound[0]->list() || bound[0]->dict())
    return bad_input("get: " + type_name(*bound[0]) + " cannot be a dict key");
  BW_TRY(const Value* found, find(in.meter, *self.dict(), *bound[0]));
  return found ? *found : bound[1] ? *bound[1] : Value(None{});
}
template <List::Kind kind>
Result<Value> dict_view(Interp& in, const Value& self, Args& args) {
  BW_TRY(const Bound bound, bind(args, "a view of a dict", {}));
  std::vector<Value> out;
  for (const auto& [key, value] : self.dict()->entries) {
    Value item = kind == List::Kind::keys ? key : value;
    if (kind == List::Kind::items) {
      BW_TRY(item, make_list(in.meter, List::Kind::tuple, {key, value}));
    }
    out.push_back(std::move(item));
  }
  return make_list(in.meter, kind, std::move(out));
}

constexpr std::array text_methods = {
    Row{"capitalize", recase<Letters::capitalize>},
    Row{"casefold", recase<Letters::lower>},
    Row{"count", count_text},
    Row{"endswith", edge<false>},
    Row{"find", find_text<false, false>},
    Row{"index", find_text<false, true>},
    Row{"isalnum", are<LetterTest::alnum>},
    Row{"isalpha", are<LetterTest::alpha>},
    Row{"isdecimal", are<LetterTest::decimal>},
    Row{"isdigit", are<LetterTest::digit>},
    Row{"islower", are<LetterTest::lower>},
    Row{"isspace", are<LetterTest::space>},
    Row{"isupper", are<LetterTest::upper>},
    Row{"join", join_text},
    Row{"lower", recase<Letters::lower>},
    Row{"lstrip", strip<true, false>},
    Row{"partition", partition<false>},
    Row{"removeprefix", remove_edge<true>},
    Row{"removesuffix", remove_edge<false>},
    Row{"replace", replace},
    Row{"rfind", find_text<true, false>},
    Row{"rindex", find_text<true, true>},
    Row{"rpartition", partition<true>},
    Row{"rsplit", split<true>},
    Row{"rstrip", strip<false, true>},
    Row{"split", split<false>},
    Row{"splitlines", splitlines},
    Row{"startswith", edge<true>},
    Row{"strip", strip<true, true>},
    Row{"title", recase<Letters::title>},
    Row{"upper", recase<Letters::upper>},
};
constexpr std::array list_methods = {Row{"copy", copy}, Row{"count", list_count}, Row{"index", list_index}};
constexpr std::array dict_methods = {
    Row{"copy", copy},
    Row{"get", dict_get},
    Row{"items", dict_view<List::Kind::items>},
    Row{"keys", dict_view<List::Kind::keys>},
    Row{"values", dict_view<List::Kind::values>},
};
// Python has these, so a template may mean them; using one is an error rather than a silent nothing.
constexpr std::array missing = {"center",      "encode",   "expandtabs",   "format",
                                "format_map",  "isascii",  "isidentifier", "isnumeric",
                                "isprintable", "istitle",  "ljust",        "maketrans",
                                "rjust",       "swapcase", "translate",    "zfill"};
constexpr std::array changing = {"append",  "clear", "extend",  "insert",     "pop",   "remove",
                                 "reverse", "sort",  "popitem", "setdefault", "update"};

template <class Table>
const Row* look(const Table& table, std::string_view name) {
  for (const Row& row : table)
    if (row.name == name) return &row;
  return nullptr;
}

}  // namespace

// An undefined value with a reason where the name means something that templates must not have.
Result<Value> method(Interp& in, const Value& subject, std::string_view name) {
  const List* list = subject.list();
  const bool plain = list && (list->kind == List::Kind::list || list->kind == List::Kind::tuple);
  const Row* row = subject.text()   ? look(text_methods, name)
                   : plain          ? look(list_methods, name)
                   : subject.dict() ? look(dict_methods, name)
                                    : nullptr;
  if (!row) {
    if (subject.text())
      for (const char* m : missing)
        if (name == m) return bad_input("the method " + std::string(name) + " of text is not built in");
    if (plain || subject.dict())
      for (const char* m : changing)
        if (name == m)
          return undefined("the method " + std::string(name) +
                           " would change a value, which templates cannot");
    return Value();
  }
  BW_CHECK(in.meter.allocate(sizeof(Callable) + 64));
  auto callable = std::make_shared<Callable>();
  callable->name = std::string(name);
  callable->run = [run = row->run, self = subject](Interp& i, Args& args) { return run(i, self, args); };
  return Value(CallablePtr(std::move(callable)));
}

namespace {
Result<Value> bound_to_loop(Interp& in, Loop& loop, std::string_view name,
                            Result<Value> (*run)(Interp&, Loop&, Args&)) {
  BW_CHECK(in.meter.allocate(sizeof(Callable) + 64));
  auto callable = std::make_shared<Callable>();
  callable->name = std::string(name);
  callable->run = [run, &loop](Interp& i, Args& args) { return run(i, loop, args); };
  return Value(CallablePtr(std::move(callable)));
}
Result<Value> cycle(Interp&, Loop& loop, Args& args) {
  if (args.positional.empty() || !args.named.empty()) return bad_input("cycle needs values to choose from");
  return args.positional[loop.index0 % args.positional.size()];
}
Result<Value> changed(Interp& in, Loop& loop, Args& args) {
  bool same = loop.last_changed && loop.last_changed->size() == args.positional.size();
  for (size_t i = 0; same && i < args.positional.size(); ++i) {
    BW_TRY(same, equal(in.meter, (*loop.last_changed)[i], args.positional[i]));
  }
  loop.last_changed = args.positional;
  return Value(!same);
}
}  // namespace

Result<Value> loop_attribute(Interp& in, Loop& loop, std::string_view name) {
  const auto integer = [](size_t n) { return Value(static_cast<int64_t>(n)); };
  const bool over = loop.index0 >= loop.n;
  if (name == "index") return integer(loop.index0 + 1);
  if (name == "index0") return integer(loop.index0);
  if (name == "revindex") return integer(loop.n - loop.index0);
  if (name == "revindex0") return integer(loop.n - loop.index0 - (over ? 0 : 1));
  if (name == "first") return Value(loop.index0 == 0);
  if (name == "last") return Value(loop.index0 + 1 >= loop.n);
  if (name == "length") return integer(loop.n);
  if (name == "depth") return integer(loop.depth0 + 1);
  if (name == "depth0") return integer(loop.depth0);
  if (name == "previtem")
    return loop.index0 == 0 ? undefined("there is no previous item") : loop.items->items[loop.index0 - 1];
  if (name == "nextitem")
    return loop.index0 + 1 >= loop.n ? undefined("there is no next item")
                                     : loop.items->items[loop.index0 + 1];
  if (name == "cycle") return bound_to_loop(in, loop, name, cycle);
  if (name == "changed") return bound_to_loop(in, loop, name, changed);
  return undefined("a loop has no attribute '" + std::string(name) + "'");
}

}  // namespace bw::text::jinja
