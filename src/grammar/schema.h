// A JSON Schema read as sets of assertions: what has to hold of one place in the instance is a set of
// subschemas, all at once. References, allOf, anyOf and oneOf are taken apart here, so that what remains of
// an alternative is facts by type. In: the document. Out: alternatives, facts; an error names the keyword and
// its JSON Pointer.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "grammar/char_dfa.h"
#include "grammar/json.h"
#include "grammar/numbers.h"

namespace bw::grammar {

// Subschemas that hold together, in the document's order, each once. Empty: anything.
using Schemas = std::vector<const Json*>;
Schemas joined(Schemas a, const Schemas& b);

enum Type : uint8_t {
  null_type = 1,
  boolean_type = 2,
  integer_type = 4,  // number_type stands for numbers that are no integers too
  number_type = 8,
  string_type = 16,
  array_type = 32,
  object_type = 64,
  every_type = 127
};

// What one alternative asserts, by type.
struct Facts {
  uint8_t types = every_type;
  std::optional<std::vector<const Json*>>
      literals;        // nothing but these, which have been checked against all else
  NumberRange number;  // its integer flag: every number must be one
  uint64_t min_length = 0, max_length = endless;
  std::vector<const Json*> patterns, formats;
  std::vector<const Json*> arrays;  // subschemas with prefixItems or items
  uint64_t min_items = 0, max_items = endless;
  std::vector<const Json*> objects;  // subschemas with properties, patternProperties or additionalProperties
  std::vector<std::string> required;
  uint64_t min_properties = 0, max_properties = endless;
};

class Schema {
 public:
  Schema(const Document& document, size_t max_states) : document_(document), max_states_(max_states) {}

  struct Alternatives {
    std::vector<Schemas> all;
    // Of each pair of branches of a oneOf: what must have no instance for the pair to exclude each other.
    struct Pair {
      const Json* one_of;
      Schemas both;
    };
    std::vector<Pair> pairs;
    size_t n_tried = 0;
  };
  Result<Alternatives> alternatives(const Schemas& set);
  // Of one of alternatives(): nothing where they contradict each other. `formats` false: as if there were
  // none (what a format excludes here, another reader may take).
  Result<std::optional<Facts>> facts(const Schemas& alternative, bool formats);

  // What has to hold of item `i`, of items after every prefixItems, and of a member called `name`.
  static Schemas item(const Facts& facts, size_t i);
  static size_t n_prefix(const Facts& facts);
  Result<Schemas> member(const Facts& facts, const std::string& name);
  // patternProperties in order, and what holds of a member that none of the declared names is, by the bits of
  // the patterns it matches.
  struct NamePattern {
    const Json *in, *pattern_properties;
    std::string pattern;
    const Json* value;
  };
  static std::vector<NamePattern> name_patterns(const Facts& facts);
  static Schemas other_member(const Facts& facts, const std::vector<NamePattern>& patterns, uint32_t matched);

  Result<const CharDfa*> pattern(const std::string& text, const Json& where);
  size_t max_states() const { return max_states_; }

 private:
  Status check(const Json& schema);
  Status check_keyword(const Json& schema, const Json::Member& keyword);
  Status check_cycle(const Json& schema, int depth = 0);
  Result<const Json*> target(const Json& ref);
  Result<std::vector<const Json*>> same_place(const Json& schema);
  struct Choice {
    const Json* branches;
    bool one;
  };
  Status expand(std::vector<const Json*> pending, Schemas so_far, std::vector<Choice> choices,
                Alternatives& out);
  Status add(Facts& f, const Json& schema, bool formats);
  // schema_valid.cc: whether a literal is valid against a subschema; `direct`: its own assertions alone, not
  // those of references and of allOf, anyOf, oneOf.
  Result<bool> valid(const Json& value, const Json& schema, bool formats);
  Result<bool> look(const Json& value, const Json& schema, bool formats);
  Result<bool> direct(const Json& value, const Json& schema, bool formats);
  Result<bool> direct_array(const Json& value, const Json& schema, bool formats);
  Result<bool> direct_object(const Json& value, const Json& schema, bool formats);

  const Document& document_;
  const size_t max_states_;
  std::set<const Json*> checked_;
  std::map<const Json*, int> cycle_;  // 1: on the way, 2: done
  std::map<std::string, CharDfa> patterns_;
  std::map<const Json*, std::set<std::string>> enums_;            // canonical
  size_t work_ = 0;                                               // of patterns
  std::map<std::pair<const Json*, const Json*>, bool> valid_[2];  // by formats
};

uint8_t types_of(const Json& type_keyword);           // 0: not a type's name
std::optional<uint64_t> count_of(const Json& value);  // a number of 0 or more without a fraction

}  // namespace bw::grammar
