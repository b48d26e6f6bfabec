// Places of the instance become nodes, each compiled once: a set of subschemas names it. Then what can have
// no instance at all is found (the least fixed point: a value that must contain itself has none), and taken
// out wherever it was optional.
#include "grammar/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "grammar/draft.h"
#include "grammar/schema.h"
#include "grammar/strings.h"

namespace bw::grammar {
namespace {
constexpr size_t max_pattern_states = 5'000;
constexpr size_t max_name_patterns = 12;

class Compiler {
 public:
  Compiler(const Document& document, const Limits& limits)
      : document_(document), limits_(limits), schema_(document, max_pattern_states) {}

  Result<Program> run() {
    const uint32_t root = node({&document_.root()}, false);
    // Nodes are added while this goes on.
    for (size_t i = 0; i < draft_.nodes.size(); ++i) {
      BW_CHECK(compile(uint32_t(i)));
      BW_CHECK(small_enough());
    }
    BW_CHECK(find_possible(draft_));
    for (const auto& [one_of, node, at] : exclusive_)
      if (draft_.possible[node])
        return bad_input(
            fmt::format("#{}: these branches are not seen to exclude each other: {}", one_of->pointer(), at),
            "give each a required property with its own const, or say anyOf");
    if (!draft_.possible[root]) return bad_input("no value is valid against this schema");
    return finish(draft_, root);
  }

 private:
  struct Place {
    Schemas set;
    bool probe;  // only whether it has instances is asked: a superset, and nothing is generated from it
    friend bool operator<(const Place& a, const Place& b) {
      return a.probe != b.probe ? a.probe < b.probe : a.set < b.set;
    }
  };
  struct Exclusive {
    const Json* one_of;
    uint32_t node;
    std::string at;
  };

  uint32_t node(Schemas set, bool probe) {
    // What asserts nothing does not make another place.
    std::erase_if(set,
                  [](const Json* s) { return s->is(Json::Kind::boolean) ? s->boolean : s->members.empty(); });
    const auto [at, is_new] = ids_.try_emplace({std::move(set), probe}, uint32_t(draft_.nodes.size()));
    if (is_new) {
      places_.push_back(at->first);
      draft_.nodes.emplace_back();
    }
    return at->second;
  }
  Status small_enough(size_t n_more = 0) const {
    if (draft_.nodes.size() + draft_.n_states + n_more <= limits_.max_nodes) return {};
    return bad_input(
        fmt::format("the schema's grammar has more than {} nodes and states", limits_.max_nodes));
  }

  Status compile(uint32_t id) {
    const Place place = places_[id];
    BW_TRY(const Schema::Alternatives alternatives, schema_.alternatives(place.set));
    draft_.n_states += alternatives.n_tried - 1;  // combinations cost time as nodes do
    for (const Schemas& alternative : alternatives.all) {
      BW_TRY(const std::optional<Facts> facts, schema_.facts(alternative, !place.probe));
      if (facts) BW_CHECK(compile(id, *facts, place.probe));
    }
    if (place.probe) return {};
    for (const auto& pair : alternatives.pairs) {
      std::string at;
      for (const Json* s : pair.both)
        if (s->up == pair.one_of) at += (at.empty() ? "" : " and ") + s->name_in_up;
      exclusive_.push_back({pair.one_of, node(pair.both, true), at});
    }
    return {};
  }

  Status compile(uint32_t id, const Facts& f, bool probe) {
    if (f.literals) {
      std::vector<std::string> words;
      size_t n_bytes = 0;
      for (const Json* v : *f.literals) {
        words.push_back(compact(*v));
        n_bytes += words.back().size();
      }
      BW_CHECK(small_enough(n_bytes));  // before a table is made of them
      return put(id, words_dfa(words));
    }
    std::vector<std::string> words;
    if (f.types & null_type) words.emplace_back("null");
    if (f.types & boolean_type) words.insert(words.end(), {"true", "false"});
    if (!words.empty()) BW_CHECK(put(id, words_dfa(words)));
    if (f.types & (integer_type | number_type)) BW_CHECK(put_number(id, f, probe));
    if (f.types & string_type) BW_CHECK(put_string(id, f));
    if (f.types & array_type) put_array(id, f, probe);
    if (f.types & object_type) BW_CHECK(put_object(id, f, probe));
    return {};
  }

  Status put(uint32_t id, Dfa dfa) {
    if (dfa.empty()) return {};
    draft_.n_states += dfa.cost();
    draft_.nodes[id].machines.push_back({Program::Reads::dfa, uint32_t(draft_.dfas.size())});
    draft_.dfas.push_back(std::move(dfa));
    return small_enough();
  }

  Status put_number(uint32_t id, const Facts& f, bool probe) {
    NumberRange range = f.number;
    if (range.integer) range.tighten();
    // What is written here has few digits; whether two branches exclude each other must not hang on that.
    if (probe) return range.empty() ? Status{} : put(id, words_dfa(std::vector<std::string>{"0"}));
    auto dfa = number_dfa(range, limits_.max_nodes);
    if (!dfa) return Error{dfa.error().code, "#: " + dfa.error().what, dfa.error().next};
    return put(id, std::move(*dfa));
  }

  Status put_string(uint32_t id, const Facts& f) {
    if (f.min_length > f.max_length) return {};
    if (f.patterns.empty() && f.formats.empty()) {
      const Program::String s{uint32_t(f.min_length),
                              f.max_length == endless ? no_limit : uint32_t(f.max_length)};
      draft_.nodes[id].machines.push_back({Program::Reads::string, uint32_t(draft_.strings.size())});
      draft_.strings.push_back(s);
      return {};
    }
    CharDfa all = any_string();
    const Json* last = nullptr;
    const auto too_large = [&](const Error& e) {
      return bad_input(fmt::format("#{}: pattern, format and length together: {}", last->pointer(), e.what),
                       "make maxLength smaller or the pattern simpler");
    };
    for (const bool format : {false, true})
      for (const Json* p : format ? f.formats : f.patterns) {
        last = p;
        BW_TRY(const CharDfa* dfa,
               schema_.pattern(format ? std::string(*format_pattern(p->text)) : p->text, *p));
        draft_.n_states += all.n_states() + dfa->n_states();  // the work, even where nothing remains
        BW_CHECK(small_enough());
        auto narrowed = both(all, *dfa, max_pattern_states);
        if (!narrowed) return too_large(narrowed.error());
        all = std::move(*narrowed);
      }
    auto counted = of_length(all, f.min_length, f.max_length, max_pattern_states);
    if (!counted) return too_large(counted.error());
    auto bytes = string_dfa(*counted, true, limits_.max_nodes, [](uint32_t) { return 0; });
    if (!bytes) return too_large(bytes.error());
    mark_open(*bytes);
    return put(id, std::move(*bytes));
  }

  void put_array(uint32_t id, const Facts& f, bool probe) {
    DraftArray a;
    for (size_t i = 0; i < Schema::n_prefix(f); ++i) a.prefix.push_back(node(Schema::item(f, i), probe));
    a.items = node(Schema::item(f, a.prefix.size()), probe);
    a.min = f.min_items;
    a.max = f.max_items;
    draft_.nodes[id].machines.push_back({Program::Reads::array, uint32_t(draft_.arrays.size())});
    draft_.arrays.push_back(std::move(a));
  }

  Status put_object(uint32_t id, const Facts& f, bool probe) {
    DraftObject o;
    const auto add = [&](const std::string& name, bool required) -> Status {
      BW_TRY(Schemas set, schema_.member(f, name));
      o.properties.push_back({escaped(name), node(std::move(set), probe), required});
      draft_.n_states += name.size() + 1;
      return {};
    };
    std::map<std::string, bool> known;  // required?
    for (const std::string& name : f.required) known[name] = true;
    std::map<std::string, bool> seen;
    for (const Json* s : f.objects)
      if (const Json* properties = s->find("properties"))
        for (const Json::Member& m : properties->members)
          if (!std::exchange(seen[m.name], true)) BW_CHECK(add(m.name, known.count(m.name) > 0));
    for (const std::string& name : f.required)
      if (!std::exchange(seen[name], true)) BW_CHECK(add(name, true));
    o.min = f.min_properties;
    o.max = f.max_properties;
    BW_CHECK(small_enough());

    const std::vector<Schema::NamePattern> patterns = Schema::name_patterns(f);
    if (patterns.empty()) {
      o.other_nodes[0] = node(Schema::other_member(f, {}, 0), probe);
    } else {
      if (patterns.size() > max_name_patterns)
        return bad_input(fmt::format("#{}: more than {} patterns of names at one place",
                                     patterns[0].pattern_properties->pointer(), max_name_patterns));
      std::vector<CharDfa> dfas;
      for (const Schema::NamePattern& p : patterns) {
        BW_TRY(const CharDfa* dfa, schema_.pattern(p.pattern, *p.value));
        dfas.push_back(*dfa);
      }
      auto told = told_apart(dfas, max_pattern_states);
      if (!told)
        return bad_input(fmt::format("#{}: these patterns together: {}",
                                     patterns[0].pattern_properties->pointer(), told.error().what));
      o.other_names = std::move(*told);
      for (const uint32_t bits : o.other_names.accepted) {
        const uint32_t matched = bits & 0x7FFFFFFF;
        if (!o.other_nodes.count(matched))
          o.other_nodes[matched] = node(Schema::other_member(f, patterns, matched), probe);
      }
      draft_.n_states += o.other_names.n_states();
    }
    draft_.nodes[id].machines.push_back({Program::Reads::object, uint32_t(draft_.objects.size())});
    draft_.objects.push_back(std::move(o));
    return {};
  }

  const Document& document_;
  const Limits& limits_;
  Schema schema_;
  Draft draft_;
  std::map<Place, uint32_t> ids_;
  std::vector<Place> places_;
  std::vector<Exclusive> exclusive_;
};
}  // namespace

Result<Program> compile(std::string_view schema, const Limits& limits) {
  if (schema.size() > limits.max_schema_bytes)
    return bad_input(
        fmt::format("a schema of {} bytes: at most {} are taken", schema.size(), limits.max_schema_bytes));
  auto document = Document::parse(schema, limits.max_depth);
  if (!document)
    return Error{document.error().code, "schema: " + document.error().what, document.error().next};
  const Json& root = document->root();
  if (!root.is(Json::Kind::object) && !root.is(Json::Kind::boolean))
    return bad_input("schema: expected an object, true or false");
  auto program = Compiler(*document, limits).run();
  if (!program) return Error{program.error().code, "schema: " + program.error().what, program.error().next};
  return program;
}

}  // namespace bw::grammar
