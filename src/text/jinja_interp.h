// Walks a parsed template. In: Program, the context, limits. Out: marked text, or an Error with line and
// column. Nothing here reaches outside: names come from the context, the template and the tables of
// jinja_names.h alone.
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/jinja_ast.h"
#include "text/jinja_names.h"
#include "text/jinja_value.h"

namespace bw::text::jinja {

// Variables of a block; a name not found here is looked for further out, then in the context.
struct Scope {
  std::shared_ptr<Scope> outer;
  std::vector<std::pair<std::string_view, Value>> variables;  // names are views into the Program
};
using ScopePtr = std::shared_ptr<Scope>;

// One run of a for statement: what `loop` says.
struct Loop {
  ListPtr items;
  size_t begin = 0, n = 0, index0 = 0, depth0 = 0;  // items[begin, begin + n)
  std::optional<std::vector<Value>> last_changed;
  const Node* node = nullptr;  // recursive: what loop(...) runs again
  ScopePtr scope;
};

// A macro, or the caller of a call block.
struct Macro {
  const Node* node = nullptr;
  ScopePtr scope;  // where it was defined: its free names are looked for there
  std::string name;
};

class Interp {
 public:
  struct Settings {
    size_t max_steps, max_output, max_depth;
    std::optional<int64_t> now;  // seconds since 1970 (UTC) that strftime_now tells; none: it does not exist
  };
  Interp(const Program& program, Value context, const Settings& settings);
  Result<MarkedText> render();

  // For the tables of filters, tests, methods and functions.
  Meter meter;
  Settings settings;
  Result<Value> attribute(const Value& subject, std::string_view name);
  Result<Value> item(const Value& subject, const Value& key);
  Result<Value> slice(const Value& subject, const Value& begin, const Value& end, const Value& step);
  // The items of anything that can be iterated. A generator is emptied.
  Result<ListPtr> items(const Value& subject);
  Result<Value> filter(const FilterRow& row, const Value& subject, Args& args);
  Result<Value> make_namespace(std::vector<std::pair<std::string, Value>> attributes);
  Result<Value> run_loop_again(const Loop& loop, const Value& iterable);

 private:
  enum class Flow { on, stop, skip };
  // jinja_eval_statement.cc
  Result<Flow> run(const std::vector<Node>& body, const ScopePtr& scope);
  Result<Flow> run(const Node& node, const ScopePtr& scope);
  Result<Flow> run_branch(const Node& node, const ScopePtr& scope);
  Result<Flow> run_loop(const Node& node, const ScopePtr& scope, const Value& iterable, size_t depth0);
  Status run_macro_definition(const Node& node, const ScopePtr& scope);
  Status run_call(const Node& node, const ScopePtr& scope);
  Result<MarkedText> capture(const std::vector<Node>& body, const ScopePtr& scope);
  Result<Value> call_macro(const Macro& macro, Args& args);
  Result<Value> macro_value(const Node& node, const ScopePtr& scope, std::string name);
  Status assign(const Expr& target, const Value& value, const ScopePtr& scope);
  Status write(const MarkedText& text);
  ScopePtr inner(const ScopePtr& scope);
  // jinja_eval_expression.cc
  Result<Value> eval(const Expr& e, const ScopePtr& scope);
  Result<Value> eval_name(const Expr& e, const ScopePtr& scope);
  Result<Value> eval_links(Value v, const Expr& e, const ScopePtr& scope, const Value* caller = nullptr);
  Result<Value> eval_link(const Value& v, const Link& link, const ScopePtr& scope, const Value* caller);
  Result<Args> eval_args(const std::vector<Argument>& args, const ScopePtr& scope);
  Result<Value> eval_comparison(const Expr& e, const ScopePtr& scope);
  Result<Value> eval_joined(const Expr& e, const ScopePtr& scope);
  Result<Value> eval_bracketed(const Expr& e, const ScopePtr& scope);
  Result<Value> call(const Value& callee, Args& args);

  const Program& program_;
  Value context_;
  Position at_;  // of what is being evaluated, for messages
  MarkedText output_;
  MarkedText* sink_ = &output_;
  std::deque<Macro> macros_;  // values point at these three, so they live as long as the rendering
  std::deque<Loop> loops_;
  std::deque<Namespace> namespaces_;
};

// jinja_operators.cc
Result<Value> arithmetic(Interp& in, const std::string& op, const Value& a, const Value& b);
Result<Value> negated(const Value& v);
Result<bool> contains(Interp& in, const Value& container, const Value& v);
Result<bool> compare(Interp& in, const std::string& op, const Value& a, const Value& b);
Result<Value> formatted(Interp& in, const MarkedText& format, const Value& args);  // '%s %d' % args

}  // namespace bw::text::jinja
