// The statement half of the parser: template text, {{ }} and the tags.
#include "text/jinja_parser.h"

namespace bw::text::jinja {

Result<Program> parse(std::string_view source) {
  if (source.size() > max_source)
    return bad_input("chat template: expected at most " + std::to_string(max_source) + " bytes, found " +
                     std::to_string(source.size()));
  BW_TRY(auto tokens, lex(source));
  return Parser(std::move(tokens)).program();
}

Result<Program> Parser::program() {
  Program out;
  BW_TRY(out.body, body({}));
  return out;
}

// Up to a tag named in `ends`, whose name is then the current token; without ends, up to the end of the
// template.
Result<std::vector<Node>> Parser::body(std::initializer_list<const char*> ends) {
  const Nested nested(*this);
  BW_CHECK(nested.check());
  std::vector<Node> out;
  while (true) {
    Node node;
    node.at = now().at;
    switch (now().kind) {
      case Tok::end:
        if (ends.size() == 0) return out;
        return wrong("{% " + std::string(*(ends.end() - 1)) + " %}");
      case Tok::data:
        node.value = std::make_shared<const MarkedText>(now().text, true);
        next();
        break;
      case Tok::output_begin: {
        next();
        node.kind = Node::Kind::output;
        BW_TRY(Expr e, tuple(true));
        node.exprs.push_back(std::move(e));
        BW_CHECK(expect(Tok::output_end, nullptr, "an operator or }}"));
        break;
      }
      default: {
        next();  // block_begin: nothing else stands between tags
        for (const char* end : ends)
          if (is_name(end)) return out;
        BW_TRY(node, statement());
      }
    }
    out.push_back(std::move(node));
  }
}

Status Parser::close(Node& node, const char* end) {
  BW_TRY(auto inner, body({end}));
  node.bodies.push_back(std::move(inner));
  next();
  return expect(Tok::block_end, nullptr, "%}");
}

Result<Node> Parser::statement() {
  static constexpr const char* known =
      "if, for, set, macro, call, filter, with, break, continue, generation, raw";
  Node node;
  node.at = now().at;
  const std::string tag = now().text;
  BW_CHECK(expect(Tok::name, nullptr, "the name of a tag"));
  if (tag == "if") {
    BW_CHECK(parse_branch(node));
  } else if (tag == "for") {
    BW_CHECK(parse_loop(node));
  } else if (tag == "set") {
    BW_CHECK(parse_set(node));
  } else if (tag == "macro") {
    BW_CHECK(parse_macro(node));
  } else if (tag == "call") {
    BW_CHECK(parse_call(node));
  } else if (tag == "with") {
    BW_CHECK(parse_with(node));
  } else if (tag == "filter") {
    node.kind = Node::Kind::filter;
    // The filters apply to what stands in the place of a literal, which the evaluator fills in.
    Expr subject;
    subject.kind = Expr::Kind::literal;
    subject.at = node.at;
    tokens_[--at_].kind = Tok::op;  // "filter a|b": the tag's name stands where the first bar would
    tokens_[at_].text = "|";
    BW_CHECK(filters(subject));
    node.exprs.push_back(std::move(subject));
    BW_CHECK(expect(Tok::block_end, nullptr, "%}"));
    BW_CHECK(close(node, "endfilter"));
  } else if (tag == "generation") {
    node.kind = Node::Kind::scope;
    BW_CHECK(expect(Tok::block_end, nullptr, "%}"));
    BW_CHECK(close(node, "endgeneration"));
  } else if (tag == "break" || tag == "continue") {
    if (in_loops_ == 0) return wrong_at(node.at, "'" + tag + "' outside of a loop");
    node.kind = tag == "break" ? Node::Kind::stop : Node::Kind::skip;
    BW_CHECK(expect(Tok::block_end, nullptr, "%}"));
  } else {
    return wrong_at(node.at, "unknown tag '" + tag.substr(0, 40) + "'; known: " + known);
  }
  return node;
}

Status Parser::parse_branch(Node& node) {
  node.kind = Node::Kind::branch;
  while (true) {
    BW_TRY(Expr condition, tuple(false));
    node.exprs.push_back(std::move(condition));
    BW_CHECK(expect(Tok::block_end, nullptr, "an operator or %}"));
    BW_TRY(auto then, body({"elif", "else", "endif"}));
    node.bodies.push_back(std::move(then));
    if (take_name("elif")) continue;
    if (take_name("else")) {
      BW_CHECK(expect(Tok::block_end, nullptr, "%}"));
      return close(node, "endif");
    }
    next();
    return expect(Tok::block_end, nullptr, "%}");
  }
}

Status Parser::parse_loop(Node& node) {
  node.kind = Node::Kind::loop;
  BW_TRY(node.target, target(false));
  BW_CHECK(expect(Tok::name, "in", "'in'"));
  BW_TRY(Expr iterable, tuple(false, "recursive"));
  node.exprs.push_back(std::move(iterable));
  node.exprs.emplace_back();
  if (take_name("if")) {
    BW_TRY(node.exprs.back(), expression());
  }
  node.recursive = take_name("recursive");
  BW_CHECK(expect(Tok::block_end, nullptr, "an operator or %}"));
  ++in_loops_;
  BW_TRY(auto each, body({"else", "endfor"}));
  --in_loops_;
  node.bodies.push_back(std::move(each));
  if (take_name("else")) {
    BW_CHECK(expect(Tok::block_end, nullptr, "%}"));
    return close(node, "endfor");
  }
  next();
  node.bodies.emplace_back();
  return expect(Tok::block_end, nullptr, "%}");
}

// A name, names in a tuple (nested ones too), or NAME.ATTRIBUTE where allowed.
Result<Expr> Parser::target(bool attribute_allowed) {
  const Nested nested(*this);
  BW_CHECK(nested.check());
  std::vector<Expr> items;
  Expr out;
  out.at = now().at;
  bool comma = false;
  while (true) {
    Expr item;
    item.at = now().at;
    if (take_op("(")) {
      BW_TRY(item, target(attribute_allowed));
      BW_CHECK(expect(Tok::op, ")", "')'"));
    } else {
      item.kind = Expr::Kind::name;
      item.name = now().text;
      for (const char* reserved :
           {"true", "false", "none", "True", "False", "None", "in", "and", "or", "not", "if", "else", "is"})
        if (is_name(reserved)) return wrong("a name that can be assigned to");
      if (is_name("loop") && !attribute_allowed) return wrong("another name, as 'loop' is the loop's own");
      BW_CHECK(expect(Tok::name, nullptr, "a name"));
      if (attribute_allowed && take_op(".")) {
        Expr chain;
        chain.kind = Expr::Kind::chain;
        chain.at = item.at;
        chain.items.push_back(std::move(item));
        Link& l = chain.links.emplace_back();
        l.at = now().at;
        l.name = now().text;
        BW_CHECK(expect(Tok::name, nullptr, "the name of an attribute"));
        item = std::move(chain);
      }
    }
    items.push_back(std::move(item));
    if (!take_op(",")) break;
    comma = true;
    if (now().kind != Tok::name && !is_op("(")) break;
    if (is_name("in")) break;
  }
  if (items.size() == 1 && !comma) return std::move(items[0]);
  out.kind = Expr::Kind::tuple;
  out.items = std::move(items);
  return out;
}

Status Parser::parse_set(Node& node) {
  BW_TRY(node.target, target(true));
  if (take_op("=")) {
    node.kind = Node::Kind::set;
    BW_TRY(Expr value, tuple(true));
    node.exprs.push_back(std::move(value));
    return expect(Tok::block_end, nullptr, "an operator or %}");
  }
  node.kind = Node::Kind::capture;
  Expr subject;
  if (is_op("|")) {
    subject.kind = Expr::Kind::literal;
    subject.at = now().at;
    BW_CHECK(filters(subject));
  }
  node.exprs.push_back(std::move(subject));
  BW_CHECK(expect(Tok::block_end, nullptr, "'=' or %}"));
  return close(node, "endset");
}

// (a, b=1)
Result<std::vector<Parameter>> Parser::parameters() {
  std::vector<Parameter> out;
  BW_CHECK(expect(Tok::op, "(", "'('"));
  while (!is_op(")")) {
    Parameter p;
    p.name = now().text;
    BW_CHECK(expect(Tok::name, nullptr, "the name of a parameter"));
    for (const Parameter& other : out)
      if (other.name == p.name) return wrong("every parameter once, but '" + p.name + "' is there twice");
    if (take_op("=")) {
      BW_TRY(p.fallback, expression());
    } else if (!out.empty() && out.back().fallback.kind != Expr::Kind::absent) {
      return wrong("a default value, as the parameter before has one");
    }
    out.push_back(std::move(p));
    if (!take_op(",")) break;
  }
  BW_CHECK(expect(Tok::op, ")", "',' or ')'"));
  return out;
}

// What a macro may be called with depends on whether its body names these three, as in Jinja.
Status Parser::macro_body(Node& node, const char* end) {
  const size_t outside = std::exchange(in_loops_, 0), begin = at_;
  BW_CHECK(close(node, end));
  in_loops_ = outside;
  for (size_t i = begin; i < at_; ++i) {
    if (tokens_[i].kind != Tok::name) continue;
    node.takes_varargs = node.takes_varargs || tokens_[i].text == "varargs";
    node.takes_kwargs = node.takes_kwargs || tokens_[i].text == "kwargs";
    node.takes_caller = node.takes_caller || tokens_[i].text == "caller";
  }
  return {};
}

Status Parser::parse_macro(Node& node) {
  node.kind = Node::Kind::macro;
  node.name = now().text;
  BW_CHECK(expect(Tok::name, nullptr, "the macro's name"));
  BW_TRY(node.parameters, parameters());
  BW_CHECK(expect(Tok::block_end, nullptr, "%}"));
  return macro_body(node, "endmacro");
}

Status Parser::parse_call(Node& node) {
  node.kind = Node::Kind::call;
  if (is_op("(")) {
    BW_TRY(node.parameters, parameters());
  }
  BW_TRY(Expr call, expression());
  if (call.kind != Expr::Kind::chain || call.links.back().kind != Link::Kind::call)
    return wrong_at(call.at, "expected a call of a macro");
  node.exprs.push_back(std::move(call));
  BW_CHECK(expect(Tok::block_end, nullptr, "%}"));
  return macro_body(node, "endcall");
}

Status Parser::parse_with(Node& node) {
  node.kind = Node::Kind::with;
  while (now().kind != Tok::block_end) {
    Parameter p;
    p.name = now().text;
    BW_CHECK(expect(Tok::name, nullptr, "a name"));
    BW_CHECK(expect(Tok::op, "=", "'='"));
    BW_TRY(p.fallback, expression());
    node.parameters.push_back(std::move(p));
    if (!take_op(",")) break;
  }
  BW_CHECK(expect(Tok::block_end, nullptr, "',' or %}"));
  return close(node, "endwith");
}

}  // namespace bw::text::jinja
