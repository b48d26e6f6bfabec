// Evaluates expressions: names, literals, chains, and the operators by way of jinja_operators.cc.
#include <algorithm>
#include <array>

#include "text/jinja_interp.h"

namespace bw::text::jinja {

Result<Value> Interp::eval(const Expr& e, const ScopePtr& scope) {
  BW_CHECK(meter.spend());
  const Deeper deeper(meter);
  BW_CHECK(deeper.check());
  switch (e.kind) {
    case Expr::Kind::absent:
      return Value();
    case Expr::Kind::literal:
      return e.value;
    case Expr::Kind::name:
      at_ = e.at;
      return eval_name(e, scope);
    case Expr::Kind::list:
    case Expr::Kind::tuple:
    case Expr::Kind::dict:
      return eval_bracketed(e, scope);
    case Expr::Kind::chain: {
      BW_TRY(Value v, eval(e.items[0], scope));
      return eval_links(std::move(v), e, scope);
    }
    case Expr::Kind::negative:
    case Expr::Kind::positive: {
      BW_TRY(const Value v, eval(e.items[0], scope));
      at_ = e.at;
      if (e.kind == Expr::Kind::negative) return negated(v);
      if (v.undefined()) return used_undefined(v);
      if (!as_number(v)) return bad_input("'+' has no meaning before " + type_name(v));
      if (v.is<bool>()) return Value(*as_integer(v));
      return v;
    }
    case Expr::Kind::logical_not: {
      BW_TRY(const Value v, eval(e.items[0], scope));
      return Value(!truth(v));
    }
    case Expr::Kind::arithmetic: {
      BW_TRY(Value v, eval(e.items[0], scope));
      for (size_t i = 0; i < e.ops.size(); ++i) {
        BW_TRY(const Value right, eval(e.items[i + 1], scope));
        at_ = e.at;
        BW_TRY(v, arithmetic(*this, e.ops[i], v, right));
      }
      return v;
    }
    case Expr::Kind::comparison:
      return eval_comparison(e, scope);
    case Expr::Kind::joined:
      return eval_joined(e, scope);
    case Expr::Kind::all:
    case Expr::Kind::any: {
      const bool stop_at = e.kind == Expr::Kind::any;  // the value that decides, as Python has it
      Value v;
      for (const Expr& item : e.items) {
        BW_TRY(v, eval(item, scope));
        if (truth(v) == stop_at) break;
      }
      return v;
    }
    case Expr::Kind::choice: {
      BW_TRY(const Value condition, eval(e.items[1], scope));
      if (truth(condition)) return eval(e.items[0], scope);
      if (e.items[2].kind == Expr::Kind::absent)
        return undefined("the inline if at " + describe(e.at) + " has no else, and its condition is false");
      return eval(e.items[2], scope);
    }
  }
  return failed("an expression of unknown kind");
}

Result<Value> Interp::eval_name(const Expr& e, const ScopePtr& scope) {
  for (const Scope* s = scope.get(); s; s = s->outer.get()) {
    BW_CHECK(meter.spend(1 + s->variables.size() / 8));
    for (const auto& [name, value] : s->variables)
      if (name == e.name) return value;
  }
  if (context_.dict()) {
    BW_CHECK(meter.spend(1 + context_.dict()->entries.size() / 8));
    if (const Value* v = context_.dict()->find(e.name)) return *v;
  }
  BW_TRY(Value v, global(*this, e.name));
  if (v.undefined()) return undefined("'" + e.name + "' is undefined");
  return v;
}

Result<Value> Interp::eval_bracketed(const Expr& e, const ScopePtr& scope) {
  std::vector<Value> items;
  for (const Expr& item : e.items) {
    BW_TRY(Value v, eval(item, scope));
    items.push_back(std::move(v));
  }
  at_ = e.at;
  if (e.kind != Expr::Kind::dict)
    return make_list(meter, e.kind == Expr::Kind::list ? List::Kind::list : List::Kind::tuple,
                     std::move(items));
  std::vector<std::pair<Value, Value>> entries;
  for (size_t i = 0; i + 1 < items.size(); i += 2)
    entries.emplace_back(std::move(items[i]), std::move(items[i + 1]));
  return make_dict(meter, std::move(entries));
}

Result<Value> Interp::eval_comparison(const Expr& e, const ScopePtr& scope) {
  BW_TRY(Value left, eval(e.items[0], scope));
  for (size_t i = 0; i < e.ops.size(); ++i) {
    BW_TRY(Value right, eval(e.items[i + 1], scope));
    at_ = e.at;
    BW_TRY(const bool holds, compare(*this, e.ops[i], left, right));
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Result<Value> Interp::eval_joined(const Expr& e, const ScopePtr& scope) {
  MarkedText out;
  for (const Expr& item : e.items) {
    BW_TRY(const Value v, eval(item, scope));
    at_ = e.at;
    BW_TRY(const MarkedText text, to_text(meter, v));
    out.append(text);
  }
  return make_text(meter, std::move(out));
}

Result<Args> Interp::eval_args(const std::vector<Argument>& args, const ScopePtr& scope) {
  Args out;
  for (const Argument& a : args) {
    BW_TRY(Value v, eval(a.value, scope));
    switch (a.kind) {
      case Argument::Kind::positional:
        out.positional.push_back(std::move(v));
        break;
      case Argument::Kind::named:
        out.named.emplace_back(a.name, std::move(v));
        break;
      case Argument::Kind::spread: {
        BW_TRY(const ListPtr list, items(v));
        BW_CHECK(meter.allocate(list->items.size() * sizeof(Value)));
        out.positional.insert(out.positional.end(), list->items.begin(), list->items.end());
        break;
      }
      case Argument::Kind::spread_named: {
        if (!v.dict()) return bad_input("** needs a dict, found " + type_name(v));
        BW_CHECK(meter.allocate(v.dict()->entries.size() * 2 * sizeof(Value)));
        for (const auto& [key, value] : v.dict()->entries) {
          if (!key.text()) return bad_input("** needs a dict with text as keys, found " + type_name(key));
          BW_CHECK(meter.allocate(key.text()->size()));
          out.named.emplace_back(key.text()->bytes(), value);
        }
      }
    }
  }
  return out;
}

Result<Value> Interp::eval_links(Value v, const Expr& e, const ScopePtr& scope, const Value* caller) {
  for (const Link& link : e.links) {
    BW_CHECK(meter.spend());
    const bool last = &link == &e.links.back();
    BW_TRY(v, eval_link(v, link, scope, last ? caller : nullptr));
  }
  return v;
}

Result<Value> Interp::eval_link(const Value& v, const Link& link, const ScopePtr& scope,
                                const Value* caller) {
  switch (link.kind) {
    case Link::Kind::attribute:
      at_ = link.at;
      return attribute(v, link.name);
    case Link::Kind::item: {
      BW_TRY(const Value key, eval(link.args[0].value, scope));
      at_ = link.at;
      return item(v, key);
    }
    case Link::Kind::slice: {
      Value bounds[3];
      for (size_t i = 0; i < 3; ++i) {
        BW_TRY(bounds[i], eval(link.args[i].value, scope));
        if (link.args[i].value.kind == Expr::Kind::absent) bounds[i] = None{};
      }
      at_ = link.at;
      return slice(v, bounds[0], bounds[1], bounds[2]);
    }
    default:
      break;
  }
  BW_TRY(Args args, eval_args(link.args, scope));
  at_ = link.at;
  if (link.kind == Link::Kind::call) {
    if (caller) args.named.emplace_back("caller", *caller);
    return call(v, args);
  }
  if (link.kind == Link::Kind::filter) return filter(*find_filter(link.name), v, args);
  BW_TRY(const bool holds, find_test(link.name)->run(*this, v, args));
  return Value(holds != link.negated);
}

Result<Value> Interp::filter(const FilterRow& row, const Value& subject, Args& args) {
  // These do the same to it as to any text, or leave it as it is; what the others would escape is not built.
  constexpr std::array known = {"count", "d", "default", "length", "safe", "string", "tojson"};
  if (subject.text() && subject.text()->escaped() &&
      std::find(known.begin(), known.end(), row.name) == known.end())
    return bad_input("the filter " + std::string(row.name) + " on what the filter safe gave is not built in");
  const Deeper deeper(meter, Deeper::What::call);
  BW_CHECK(deeper.check());
  return row.run(*this, subject, args);
}

Result<Value> Interp::call(const Value& callee, Args& args) {
  if (callee.undefined()) return used_undefined(callee);
  if (callee.is<Loop*>()) {
    BW_TRY(const auto bound, bind(args, "loop", {"iterable"}, 1));
    return run_loop_again(**callee.as<Loop*>(), *bound[0]);
  }
  const CallablePtr* function = callee.as<CallablePtr>();
  if (!function) return bad_input(type_name(callee) + " cannot be called");
  const Deeper deeper(meter, Deeper::What::call);
  BW_CHECK(deeper.check());
  const CallablePtr held = *function;
  return held->run(*this, args);
}

}  // namespace bw::text::jinja
