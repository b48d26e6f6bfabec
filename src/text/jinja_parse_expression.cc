// The expression half of the parser, loosest binding first: choice, or, and, not, comparison, + -, ~, * / //
// %, **, sign, then what follows a primary: attributes, items, calls, filters, tests.
#include <charconv>
#include <cstdlib>

#include "text/jinja_parser.h"

namespace bw::text::jinja {

bool Parser::take_op(const char* op) {
  if (!is_op(op)) return false;
  next();
  return true;
}
bool Parser::take_name(const char* name) {
  if (!is_name(name)) return false;
  next();
  return true;
}

Error Parser::wrong_at(Position at, const std::string& what) const {
  return bad_input("chat template: " + describe(at) + ": " + what);
}
Error Parser::wrong(const std::string& expected) const {
  const Token& t = now();
  std::string found;
  switch (t.kind) {
    case Tok::data:
      found = "template text";
      break;
    case Tok::output_begin:
      found = "{{";
      break;
    case Tok::block_begin:
      found = "{%";
      break;
    case Tok::end:
      found = "the end of the template";
      break;
    default:
      found = "'" + t.text.substr(0, 40) + "'";
  }
  return wrong_at(t.at, "expected " + expected + ", found " + found);
}
Status Parser::expect(Tok kind, const char* text, const char* what) {
  if (now().kind != kind || (text && now().text != text)) return wrong(what);
  next();
  return {};
}

// items separated by commas; one item without a comma is itself. `stop_name`: a name that ends the tuple (in,
// if ...).
Result<Expr> Parser::tuple(bool with_choice, const char* stop_name) {
  const Position at = now().at;
  const auto ends = [&] {
    return now().kind == Tok::block_end || now().kind == Tok::output_end || is_op(")") ||
           (stop_name && is_name(stop_name));
  };
  std::vector<Expr> items;
  bool comma = false;
  while (!ends()) {
    BW_TRY(Expr e, expression(with_choice));
    items.push_back(std::move(e));
    if (!take_op(",")) break;
    comma = true;
  }
  if (items.empty() && !(is_op(")"))) return wrong("an expression");
  if (items.size() == 1 && !comma) return std::move(items[0]);
  Expr out;
  out.kind = Expr::Kind::tuple;
  out.at = at;
  out.items = std::move(items);
  return out;
}

Result<Expr> Parser::expression(bool with_choice) {
  return with_choice ? choice() : any();
}

Result<Expr> Parser::choice() {
  const Nested nested(*this);
  BW_CHECK(nested.check());
  const Position at = now().at;
  BW_TRY(Expr e, any());
  // a if b if c: every further one nests the tree, so it counts
  for (size_t n = 1; take_name("if"); ++n) {
    if (n > max_parse_depth) return wrong("a shorter chain of ifs");
    Expr out;
    out.kind = Expr::Kind::choice;
    out.at = at;
    BW_TRY(Expr condition, any());
    Expr otherwise;
    if (take_name("else")) {
      BW_TRY(otherwise, choice());
    }
    out.items.push_back(std::move(e));
    out.items.push_back(std::move(condition));
    out.items.push_back(std::move(otherwise));
    e = std::move(out);
  }
  return e;
}

// One level of left-associative operators (or names, as "and") as a flat list.
Result<Expr> Parser::flat(Expr::Kind kind, Level next_level, std::initializer_list<const char*> ops) {
  BW_TRY(Expr first, (this->*next_level)());
  Expr out;
  out.items.push_back(std::move(first));
  const auto found = [&]() -> const char* {
    for (const char* op : ops)
      if (is_op(op) || is_name(op)) return op;
    return nullptr;
  };
  for (const char* op = found(); op; op = found()) {
    if (out.ops.empty()) {
      out.kind = kind;
      out.at = now().at;
    }
    next();
    out.ops.emplace_back(op);
    BW_TRY(Expr item, (this->*next_level)());
    out.items.push_back(std::move(item));
  }
  return out.ops.empty() ? std::move(out.items.front()) : std::move(out);
}

Result<Expr> Parser::any() {
  return flat(Expr::Kind::any, &Parser::all, {"or"});
}
Result<Expr> Parser::all() {
  return flat(Expr::Kind::all, &Parser::logical_not, {"and"});
}
Result<Expr> Parser::sum() {
  return flat(Expr::Kind::arithmetic, &Parser::joined, {"+", "-"});
}
Result<Expr> Parser::joined() {
  return flat(Expr::Kind::joined, &Parser::product, {"~"});
}
Result<Expr> Parser::product() {
  return flat(Expr::Kind::arithmetic, &Parser::power, {"*", "/", "//", "%"});
}
Result<Expr> Parser::power() {
  // Jinja takes 2**3**2 from the left, unlike Python.
  BW_TRY(Expr first, unary(true));
  if (!is_op("**")) return first;
  Expr out;
  out.kind = Expr::Kind::arithmetic;
  out.at = now().at;
  out.items.push_back(std::move(first));
  while (take_op("**")) {
    out.ops.emplace_back("**");
    BW_TRY(Expr item, unary(true));
    out.items.push_back(std::move(item));
  }
  return out;
}

Result<Expr> Parser::logical_not() {
  const Nested nested(*this);
  BW_CHECK(nested.check());
  if (!is_name("not")) return comparison();
  Expr out;
  out.kind = Expr::Kind::logical_not;
  out.at = now().at;
  next();
  BW_TRY(Expr item, logical_not());
  out.items.push_back(std::move(item));
  return out;
}

Result<Expr> Parser::comparison() {
  BW_TRY(Expr first, sum());
  Expr out;
  out.items.push_back(std::move(first));
  while (true) {
    std::string op;
    for (const char* o : {"==", "!=", "<=", ">=", "<", ">"})
      if (op.empty() && is_op(o)) op = o;
    if (is_name("in")) op = "in";
    if (is_name("not") && peek().kind == Tok::name && peek().text == "in") op = "not in";
    if (op.empty()) break;
    if (out.ops.empty()) {
      out.kind = Expr::Kind::comparison;
      out.at = now().at;
    }
    next();
    if (op == "not in") next();
    out.ops.push_back(std::move(op));
    BW_TRY(Expr item, sum());
    out.items.push_back(std::move(item));
  }
  return out.ops.empty() ? std::move(out.items.front()) : std::move(out);
}

Result<Expr> Parser::unary(bool with_filters) {
  const Nested nested(*this);
  BW_CHECK(nested.check());
  Expr out;
  out.at = now().at;
  if (is_op("-") || is_op("+")) {
    out.kind = is_op("-") ? Expr::Kind::negative : Expr::Kind::positive;
    next();
    BW_TRY(Expr item, unary(false));
    out.items.push_back(std::move(item));
  } else {
    BW_TRY(out, primary());
  }
  BW_CHECK(postfix(out));
  if (with_filters) BW_CHECK(filters(out));
  return out;
}

Result<Expr> Parser::text_literal() {
  Expr out;
  out.kind = Expr::Kind::literal;
  out.at = now().at;
  std::string text;
  while (now().kind == Tok::text) {  // adjacent literals are one
    text += now().text;
    next();
  }
  out.value = std::make_shared<const MarkedText>(std::move(text), true);
  return out;
}

Result<Expr> Parser::integer_literal() {
  Expr out;
  out.kind = Expr::Kind::literal;
  out.at = now().at;
  const std::string& s = now().text;
  const int base = s.starts_with("0x") ? 16 : s.starts_with("0o") ? 8 : s.starts_with("0b") ? 2 : 10;
  int64_t value = 0;
  const char* begin = s.data() + (base == 10 ? 0 : 2);
  const auto [end, error] = std::from_chars(begin, s.data() + s.size(), value, base);
  if (error != std::errc() || end != s.data() + s.size())
    return wrong_at(now().at, "the integer does not fit 64 bits");
  next();
  out.value = value;
  return out;
}

Result<Expr> Parser::primary() {
  Expr out;
  out.at = now().at;
  const Token& t = now();
  if (t.kind == Tok::text) return text_literal();
  if (t.kind == Tok::integer) return integer_literal();
  if (t.kind == Tok::real) {
    out.kind = Expr::Kind::literal;
    out.value = std::strtod(t.text.c_str(), nullptr);
    next();
    return out;
  }
  if (t.kind == Tok::op && (t.text == "(" || t.text == "[" || t.text == "{")) return bracketed();
  if (t.kind != Tok::name) return wrong("an expression");
  out.kind = Expr::Kind::literal;
  if (t.text == "true" || t.text == "True") {
    out.value = true;
  } else if (t.text == "false" || t.text == "False") {
    out.value = false;
  } else if (t.text == "none" || t.text == "None") {
    out.value = None{};
  } else if (t.text == "and" || t.text == "or" || t.text == "not" || t.text == "if" || t.text == "else" ||
             t.text == "in" || t.text == "is") {
    return wrong("an expression");
  } else {
    out.kind = Expr::Kind::name;
    out.name = t.text;
  }
  next();
  return out;
}

Result<Expr> Parser::bracketed() {
  Expr out;
  out.at = now().at;
  if (take_op("(")) {
    BW_TRY(out, tuple(true));
    BW_CHECK(expect(Tok::op, ")", "')'"));
    return out;
  }
  const bool dict = is_op("{");
  const char* close = dict ? "}" : "]";
  out.kind = dict ? Expr::Kind::dict : Expr::Kind::list;
  next();
  while (!is_op(close)) {
    BW_TRY(Expr item, expression());
    out.items.push_back(std::move(item));
    if (dict) {
      BW_CHECK(expect(Tok::op, ":", "':' and a value"));
      BW_TRY(Expr value, expression());
      out.items.push_back(std::move(value));
    }
    if (!take_op(",")) break;
  }
  BW_CHECK(expect(Tok::op, close, dict ? "',' or '}'" : "',' or ']'"));
  return out;
}

}  // namespace bw::text::jinja
