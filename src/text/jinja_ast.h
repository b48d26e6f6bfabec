// What a parsed template is: statements that hold expressions. Plain structs; the evaluator walks them.
// Chains (a.b[0](x)|f is t), sums, comparisons and joins are flat lists, so that long ones do not nest.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "text/jinja_lexer.h"
#include "text/jinja_value.h"

namespace bw::text::jinja {

struct Argument;

struct Link {
  enum class Kind { attribute, item, slice, call, filter, test };
  Kind kind = Kind::attribute;
  Position at;
  std::string name;            // attribute, filter, test
  bool negated = false;        // test: is not
  std::vector<Argument> args;  // call, filter, test; item: one; slice: three, each possibly absent
};

struct Expr {
  enum class Kind {
    absent,   // a missing slice bound or else branch
    literal,  // value
    name,     // name
    list,
    tuple,  // items
    dict,   // items: key, value, key, value, ...
    chain,  // items[0], then links
    negative,
    positive,
    logical_not,  // items[0]
    arithmetic,   // items[0] ops[0] items[1] ops[1] items[2] ..., from the left
    comparison,   // the same, as in a < b < c
    joined,       // items with ~ between
    all,
    any,     // items with and / or between
    choice,  // items: then, condition, else
  };
  Kind kind = Kind::absent;
  Position at;
  std::string name;
  Value value;
  std::vector<Expr> items;
  std::vector<std::string> ops;
  std::vector<Link> links;
};

struct Argument {
  enum class Kind { positional, named, spread, spread_named };
  Kind kind = Kind::positional;
  std::string name;
  Expr value;
};

struct Parameter {
  std::string name;
  Expr fallback;  // absent: none
};

struct Node {
  enum class Kind {
    data,     // value
    output,   // exprs[0]
    branch,   // exprs: conditions; bodies: one each, and one more for else
    loop,     // target; exprs: iterable, condition or absent; bodies: each, else
    set,      // target = exprs[0]
    capture,  // target = bodies[0] rendered, through exprs[0] if that is not absent
    macro,    // name, parameters, bodies[0]
    call,     // exprs[0] is a call; parameters and bodies[0] make its caller
    filter,   // bodies[0] rendered, through exprs[0]
    with,     // parameters (fallbacks are the values), bodies[0]
    scope,    // bodies[0], nothing else: {% generation %}
    stop,
    skip,  // {% break %}, {% continue %}
  };
  Kind kind = Kind::data;
  Position at;
  std::string name;
  Value value;
  Expr target;  // a name, a tuple of names, or a chain NAME.ATTRIBUTE (namespace)
  bool recursive = false;
  bool takes_varargs = false, takes_kwargs = false, takes_caller = false;  // macro: its body names them
  std::vector<Expr> exprs;
  std::vector<Parameter> parameters;
  std::vector<std::vector<Node>> bodies;
};

struct Program {
  std::vector<Node> body;
};

}  // namespace bw::text::jinja
