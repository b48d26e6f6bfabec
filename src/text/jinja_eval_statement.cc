// Runs statements: output, branches, loops, assignments, macros. Flow tells a loop that break or continue was
// met.
#include "text/jinja_interp.h"

namespace bw::text::jinja {

namespace {
// Values may cost 16 times the output: a message is copied about four times on its way out (+, trim, set).
constexpr size_t bytes_per_output_byte = 16;
}  // namespace

Interp::Interp(const Program& program, Value context, const Settings& s)
    : meter(s.max_steps, s.max_output * bytes_per_output_byte, s.max_depth),
      settings(s),
      program_(program),
      context_(std::move(context)) {}

Result<MarkedText> Interp::render() {
  auto scope = std::make_shared<Scope>();
  if (auto flow = run(program_.body, scope); !flow) {
    Error e = std::move(flow.error());
    e.what = "chat template: " + describe(at_) + ": " + e.what;
    return e;
  }
  return std::move(output_);
}

ScopePtr Interp::inner(const ScopePtr& scope) {
  auto s = std::make_shared<Scope>();
  s->outer = scope;
  return s;
}

Status Interp::write(const MarkedText& text) {
  if (text.size() > settings.max_output - std::min(settings.max_output, sink_->size()))
    return bad_input("the output is longer than " + std::to_string(settings.max_output) + " bytes");
  BW_CHECK(meter.allocate(text.size()));
  sink_->append(text);
  return {};
}

Result<Interp::Flow> Interp::run(const std::vector<Node>& body, const ScopePtr& scope) {
  const Deeper deeper(meter);
  BW_CHECK(deeper.check());
  for (const Node& node : body) {
    BW_CHECK(meter.spend());
    BW_TRY(const Flow flow, run(node, scope));
    if (flow != Flow::on) return flow;
  }
  return Flow::on;
}

Result<Interp::Flow> Interp::run(const Node& node, const ScopePtr& scope) {
  switch (node.kind) {
    case Node::Kind::data:
      BW_CHECK(write(*node.value.text()));
      return Flow::on;
    case Node::Kind::output: {
      BW_TRY(const Value v, eval(node.exprs[0], scope));
      if (v.text()) {
        BW_CHECK(write(*v.text()));
      } else {
        at_ = node.at;
        BW_TRY(const MarkedText text, to_text(meter, v));
        BW_CHECK(write(text));
      }
      return Flow::on;
    }
    case Node::Kind::branch:
      return run_branch(node, scope);
    case Node::Kind::loop: {
      BW_TRY(const Value iterable, eval(node.exprs[0], scope));
      return run_loop(node, scope, iterable, 0);
    }
    case Node::Kind::set: {
      BW_TRY(const Value v, eval(node.exprs[0], scope));
      BW_CHECK(assign(node.target, v, scope));
      return Flow::on;
    }
    case Node::Kind::capture:
    case Node::Kind::filter: {
      BW_TRY(MarkedText text, capture(node.bodies[0], inner(scope)));
      BW_TRY(Value v, make_text(meter, std::move(text)));
      if (node.exprs[0].kind != Expr::Kind::absent) {
        BW_TRY(v, eval_links(std::move(v), node.exprs[0], scope));
      }
      if (node.kind == Node::Kind::capture) {
        BW_CHECK(assign(node.target, v, scope));
      } else {
        BW_TRY(const MarkedText shown, to_text(meter, v));
        BW_CHECK(write(shown));
      }
      return Flow::on;
    }
    case Node::Kind::macro:
      BW_CHECK(run_macro_definition(node, scope));
      return Flow::on;
    case Node::Kind::call:
      BW_CHECK(run_call(node, scope));
      return Flow::on;
    case Node::Kind::with: {
      const ScopePtr s = inner(scope);
      for (const Parameter& p : node.parameters) {  // values are taken outside, before any is set
        BW_TRY(Value v, eval(p.fallback, scope));
        s->variables.emplace_back(p.name, std::move(v));
      }
      return run(node.bodies[0], s);
    }
    case Node::Kind::scope:
      return run(node.bodies[0], scope);
    case Node::Kind::stop:
      return Flow::stop;
    case Node::Kind::skip:
      return Flow::skip;
  }
  return failed("a statement of unknown kind");
}

Result<Interp::Flow> Interp::run_branch(const Node& node, const ScopePtr& scope) {
  for (size_t i = 0; i < node.exprs.size(); ++i) {
    BW_TRY(const Value condition, eval(node.exprs[i], scope));
    if (truth(condition)) return run(node.bodies[i], scope);
  }
  return node.bodies.size() > node.exprs.size() ? run(node.bodies.back(), scope) : Flow::on;
}

Result<Interp::Flow> Interp::run_loop(const Node& node, const ScopePtr& scope, const Value& iterable,
                                      size_t depth0) {
  at_ = node.exprs[0].at;
  BW_TRY(ListPtr all, items(iterable));
  if (node.exprs[1].kind != Expr::Kind::absent) {  // for ... if: the loop counts only what passes
    std::vector<Value> kept;
    for (const Value& v : all->items) {
      const ScopePtr s = inner(scope);
      BW_CHECK(assign(node.target, v, s));
      BW_TRY(const Value passes, eval(node.exprs[1], s));
      if (truth(passes)) kept.push_back(v);
    }
    BW_TRY(const Value filtered, make_list(meter, List::Kind::list, std::move(kept)));
    all = *filtered.as<ListPtr>();
  }
  BW_CHECK(meter.allocate(sizeof(Loop)));
  Loop& loop = loops_.emplace_back();
  loop.items = all;
  loop.n = all->items.size();
  loop.depth0 = depth0;
  loop.node = node.recursive ? &node : nullptr;
  loop.scope = scope;
  for (loop.index0 = 0; loop.index0 < loop.n; ++loop.index0) {
    BW_CHECK(meter.spend());
    const ScopePtr s = inner(scope);
    s->variables.emplace_back("loop", &loop);
    BW_CHECK(assign(node.target, all->items[loop.index0], s));
    BW_TRY(const Flow flow, run(node.bodies[0], s));
    if (flow == Flow::stop) break;
  }
  if (loop.n > 0) return Flow::on;
  return run(node.bodies[1], inner(scope));  // break and continue there belong to the loop around
}

Result<Value> Interp::run_loop_again(const Loop& loop, const Value& iterable) {
  if (!loop.node) return bad_input("loop() needs a loop marked recursive");
  const Deeper deeper(meter, Deeper::What::call);
  BW_CHECK(deeper.check());
  MarkedText out;
  MarkedText* before = std::exchange(sink_, &out);
  auto done = run_loop(*loop.node, loop.scope, iterable, loop.depth0 + 1);
  sink_ = before;
  if (!done) return std::move(done.error());
  return make_text(meter, std::move(out));
}

Result<MarkedText> Interp::capture(const std::vector<Node>& body, const ScopePtr& scope) {
  MarkedText out;
  MarkedText* before = std::exchange(sink_, &out);
  auto flow = run(body, scope);
  sink_ = before;
  if (!flow) return std::move(flow.error());
  if (*flow != Flow::on) return bad_input("break or continue must not leave a set, filter or macro block");
  return out;
}

Status Interp::assign(const Expr& target, const Value& value, const ScopePtr& scope) {
  if (target.kind == Expr::Kind::name) {
    for (auto& [name, old] : scope->variables)
      if (name == target.name) {
        old = value;
        return {};
      }
    BW_CHECK(meter.allocate(sizeof(Value) + 16));
    scope->variables.emplace_back(target.name, value);
    return {};
  }
  if (target.kind == Expr::Kind::chain) {
    BW_TRY(const Value owner, eval(target.items[0], scope));
    at_ = target.at;
    if (!owner.is<Namespace*>())
      return bad_input("only a namespace's attributes can be set, found " + type_name(owner));
    Namespace& ns = **owner.as<Namespace*>();
    BW_CHECK(meter.spend(1 + ns.attributes.size() / 8));
    for (auto& [name, old] : ns.attributes)
      if (name == target.links[0].name) {
        old = value;
        return {};
      }
    BW_CHECK(meter.allocate(sizeof(Value) + 64));
    ns.attributes.emplace_back(target.links[0].name, value);
    return {};
  }
  at_ = target.at;
  BW_TRY(const ListPtr parts, items(value));
  if (parts->items.size() != target.items.size())
    return bad_input("expected " + std::to_string(target.items.size()) + " values to assign, found " +
                     std::to_string(parts->items.size()));
  for (size_t i = 0; i < target.items.size(); ++i) BW_CHECK(assign(target.items[i], parts->items[i], scope));
  return {};
}

Result<Value> Interp::macro_value(const Node& node, const ScopePtr& scope, std::string name) {
  BW_CHECK(meter.allocate(sizeof(Macro) + 64));
  Macro& macro = macros_.emplace_back(Macro{&node, scope, std::move(name)});
  auto callable = std::make_shared<Callable>();
  callable->name = macro.name;
  callable->run = [&macro](Interp& in, Args& args) { return in.call_macro(macro, args); };
  return Value(CallablePtr(std::move(callable)));
}

Status Interp::run_macro_definition(const Node& node, const ScopePtr& scope) {
  BW_TRY(const Value macro, macro_value(node, scope, node.name));
  for (auto& [name, old] : scope->variables)
    if (name == node.name) {
      old = macro;
      return {};
    }
  scope->variables.emplace_back(node.name, macro);
  return {};
}

Status Interp::run_call(const Node& node, const ScopePtr& scope) {
  BW_TRY(const Value caller, macro_value(node, scope, "caller"));
  BW_TRY(Value callee, eval(node.exprs[0].items[0], scope));
  BW_TRY(const Value v, eval_links(std::move(callee), node.exprs[0], scope, &caller));
  BW_TRY(const MarkedText text, to_text(meter, v));
  return write(text);
}

Result<Value> Interp::call_macro(const Macro& macro, Args& args) {
  const ScopePtr s = inner(macro.scope);
  const auto& parameters = macro.node->parameters;
  std::vector<std::optional<Value>> bound(parameters.size());
  std::vector<Value> more;
  for (size_t i = 0; i < args.positional.size(); ++i) {
    if (i < bound.size())
      bound[i] = args.positional[i];
    else
      more.push_back(args.positional[i]);
  }
  if (!more.empty() && !macro.node->takes_varargs)
    return bad_input("macro " + macro.name + " takes not more than " + std::to_string(bound.size()) +
                     " arguments");
  std::vector<std::pair<Value, Value>> more_named;
  Value caller = undefined("no caller: the macro was not called by {% call %}");
  for (const auto& [name, value] : args.named) {
    size_t i = 0;
    while (i < parameters.size() && parameters[i].name != name) ++i;
    if (i < parameters.size()) {
      if (bound[i]) return bad_input("macro " + macro.name + ": parameter '" + name + "' is given twice");
      bound[i] = value;
    } else if (name == "caller" && macro.node->takes_caller) {
      caller = value;
    } else if (macro.node->takes_kwargs) {
      BW_TRY(Value key, make_text(meter, name, false));
      more_named.emplace_back(std::move(key), value);
    } else {
      return bad_input("macro " + macro.name + " has no parameter '" + name + "'");
    }
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    if (!bound[i]) {
      if (p.fallback.kind == Expr::Kind::absent) {
        bound[i] = undefined("parameter '" + p.name + "' was not provided");
      } else {
        BW_TRY(bound[i], eval(p.fallback, s));
      }
    }
    s->variables.emplace_back(p.name, std::move(*bound[i]));
  }
  if (macro.node->takes_caller) s->variables.emplace_back("caller", std::move(caller));
  if (macro.node->takes_varargs) {
    BW_TRY(Value varargs, make_list(meter, List::Kind::tuple, std::move(more)));
    s->variables.emplace_back("varargs", std::move(varargs));
  }
  if (macro.node->takes_kwargs) {
    BW_TRY(Value kwargs, make_dict(meter, std::move(more_named)));
    s->variables.emplace_back("kwargs", std::move(kwargs));
  }
  BW_TRY(MarkedText text, capture(macro.node->bodies[0], s));
  return make_text(meter, std::move(text));
}

Result<Value> Interp::make_namespace(std::vector<std::pair<std::string, Value>> attributes) {
  BW_CHECK(meter.allocate(sizeof(Namespace) + attributes.size() * (sizeof(Value) + 32)));
  Namespace& ns = namespaces_.emplace_back();
  ns.attributes = std::move(attributes);
  return Value(&ns);
}

}  // namespace bw::text::jinja
