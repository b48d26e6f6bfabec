// What follows a primary: attributes, items, slices, calls, filters and tests, as links of one flat chain.
#include "text/jinja_names.h"
#include "text/jinja_parser.h"

namespace bw::text::jinja {

namespace {
// `e` as a chain to which a link can be added.
Link& link(Expr& e, Link::Kind kind, Position at) {
  if (e.kind != Expr::Kind::chain) {
    Expr chain;
    chain.kind = Expr::Kind::chain;
    chain.at = e.at;
    chain.items.push_back(std::move(e));
    e = std::move(chain);
  }
  Link& l = e.links.emplace_back();
  l.kind = kind;
  l.at = at;
  return l;
}
}  // namespace

Status Parser::postfix(Expr& e) {
  while (true) {
    const Position at = now().at;
    if (take_op(".")) {
      Link& l = link(e, Link::Kind::attribute, at);
      if (now().kind == Tok::integer) {
        l.kind = Link::Kind::item;
        BW_TRY(Expr index, integer_literal());
        l.args.push_back({Argument::Kind::positional, "", std::move(index)});
      } else {
        l.name = now().text;
        BW_CHECK(expect(Tok::name, nullptr, "the name of an attribute"));
      }
    } else if (is_op("[")) {
      BW_CHECK(subscript(e));
    } else if (is_op("(")) {
      BW_TRY(auto args, arguments());
      link(e, Link::Kind::call, at).args = std::move(args);
    } else {
      return {};
    }
  }
}

Status Parser::subscript(Expr& e) {
  const Position at = now().at;
  next();
  std::vector<Argument> bounds;
  bool slice = false;
  while (!is_op("]")) {
    if (take_op(":")) {
      slice = true;
      if (bounds.empty()) bounds.emplace_back();
      bounds.emplace_back();
      if (bounds.size() > 3) return wrong("']'");
      continue;
    }
    BW_TRY(Expr bound, expression());
    if (bounds.empty()) bounds.emplace_back();
    bounds.back().value = std::move(bound);
    if (!is_op(":") && !is_op("]")) return wrong("']'");
  }
  next();
  if (bounds.empty()) return wrong_at(at, "expected a subscript between [ and ]");
  Link& l = link(e, slice ? Link::Kind::slice : Link::Kind::item, at);
  if (slice) bounds.resize(3);
  l.args = std::move(bounds);
  return {};
}

Result<std::string> Parser::dotted_name() {
  std::string name = now().text;
  BW_CHECK(expect(Tok::name, nullptr, "a name"));
  while (is_op(".") && peek().kind == Tok::name) {
    next();
    name += "." + now().text;
    next();
  }
  return name;
}

Status Parser::filters(Expr& e) {
  while (true) {
    const Position at = now().at;
    if (take_op("|")) {
      BW_TRY(std::string name, dotted_name());
      if (const auto why = unknown_filter(name)) return wrong_at(at, *why);
      Link& l = link(e, Link::Kind::filter, at);
      l.name = std::move(name);
      if (is_op("(")) {
        BW_TRY(l.args, arguments());
      }
    } else if (is_name("is")) {
      BW_CHECK(test(e));
    } else if (is_op("(")) {
      BW_TRY(auto args, arguments());
      link(e, Link::Kind::call, at).args = std::move(args);
    } else {
      return {};
    }
  }
}

Status Parser::test(Expr& e) {
  const Position at = now().at;
  next();
  const bool negated = take_name("not");
  BW_TRY(std::string name, dotted_name());
  if (const auto why = unknown_test(name)) return wrong_at(at, *why);
  Link& l = link(e, Link::Kind::test, at);
  l.name = std::move(name);
  l.negated = negated;
  const bool bare =
      now().kind == Tok::text || now().kind == Tok::integer || now().kind == Tok::real || is_op("[") ||
      is_op("{") ||
      (now().kind == Tok::name && !is_name("else") && !is_name("or") && !is_name("and") && !is_name("is"));
  if (is_op("(")) {
    BW_TRY(l.args, arguments());
  } else if (is_name("is")) {
    return wrong("no second 'is' after a test; use parentheses");
  } else if (bare) {
    BW_TRY(Expr argument, primary());
    BW_CHECK(postfix(argument));
    l.args.push_back({Argument::Kind::positional, "", std::move(argument)});
  }
  return {};
}

Result<std::vector<Argument>> Parser::arguments() {
  const Nested nested(*this);
  BW_CHECK(nested.check());
  BW_CHECK(expect(Tok::op, "(", "'('"));
  std::vector<Argument> out;
  bool named = false;
  while (!is_op(")")) {
    Argument a;
    if (take_op("**")) {
      a.kind = Argument::Kind::spread_named;
    } else if (take_op("*")) {
      a.kind = Argument::Kind::spread;
    } else if (now().kind == Tok::name && peek().kind == Tok::op && peek().text == "=") {
      a.kind = Argument::Kind::named;
      a.name = now().text;
      next();
      next();
    }
    if (a.kind == Argument::Kind::positional && named)
      return wrong("no positional argument after a named one");
    named = named || a.kind == Argument::Kind::named || a.kind == Argument::Kind::spread_named;
    BW_TRY(a.value, expression());
    out.push_back(std::move(a));
    if (!take_op(",")) break;
  }
  BW_CHECK(expect(Tok::op, ")", "',' or ')'"));
  return out;
}

}  // namespace bw::text::jinja
