// Tokens -> statements. In: template source. Out: Program, or an Error with line, column and what was
// expected. Grammar: Jinja 3.1 "Template Designer Documentation", without inheritance, includes and imports,
// which a chat template has no use for and a sandbox no place for.
#pragma once
#include <algorithm>
#include <initializer_list>
#include <optional>

#include "text/jinja_ast.h"

namespace bw::text::jinja {

constexpr size_t max_source = 1u << 20;  // bytes; the longest public chat template known has 30 KB
constexpr size_t max_parse_depth = 64;   // parsing recurses, about 10 KB of stack a level

Result<Program> parse(std::string_view source);

// Shared by the two halves of the parser (statements, expressions).
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  Result<Program> program();

 private:
  // jinja_parse_statement.cc
  Result<std::vector<Node>> body(
      std::initializer_list<const char*> ends);  // leaves the ending tag's name current
  Result<Node> statement();
  Status close(Node& node, const char* end);
  Status parse_branch(Node& node);
  Status parse_loop(Node& node);
  Status parse_set(Node& node);
  Status parse_macro(Node& node);
  Status parse_call(Node& node);
  Status macro_body(Node& node, const char* end);
  Status parse_with(Node& node);
  Result<std::vector<Parameter>> parameters();
  Result<Expr> target(bool attribute_allowed);
  // jinja_parse_expression.cc
  Result<Expr> tuple(bool with_choice, const char* stop_name = nullptr);
  Result<Expr> expression(bool with_choice = true);
  Result<Expr> choice();
  Result<Expr> any();
  Result<Expr> all();
  Result<Expr> logical_not();
  Result<Expr> comparison();
  Result<Expr> sum();
  Result<Expr> joined();
  Result<Expr> product();
  Result<Expr> power();
  Result<Expr> unary(bool with_filters);
  Result<Expr> primary();
  Result<Expr> text_literal();
  Result<Expr> integer_literal();
  Result<Expr> bracketed();
  Status postfix(Expr& e);
  Status filters(Expr& e);
  Status subscript(Expr& e);
  Status test(Expr& e);
  Result<std::vector<Argument>> arguments();
  Result<std::string> dotted_name();
  using Level = Result<Expr> (Parser::*)();
  Result<Expr> flat(Expr::Kind kind, Level next, std::initializer_list<const char*> ops);

  const Token& now() const { return tokens_[at_]; }
  const Token& peek() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void next() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  bool is_op(const char* op) const { return now().kind == Tok::op && now().text == op; }
  bool is_name(const char* name) const { return now().kind == Tok::name && now().text == name; }
  bool take_op(const char* op);
  bool take_name(const char* name);
  Status expect(Tok kind, const char* text, const char* what);
  Error wrong(const std::string& expected) const;
  Error wrong_at(Position at, const std::string& what) const;

  std::vector<Token> tokens_;
  size_t at_ = 0, depth_ = 0;
  size_t in_loops_ = 0;  // break and continue need one
  friend class Nested;
};

// One level of the parser's recursion for as long as it lives.
class Nested {
 public:
  explicit Nested(Parser& parser) : parser_(parser) { ++parser_.depth_; }
  ~Nested() { --parser_.depth_; }
  Nested(const Nested&) = delete;
  Status check() const {
    if (parser_.depth_ <= max_parse_depth) return {};
    return parser_.wrong_at(parser_.now().at,
                            "nested deeper than " + std::to_string(max_parse_depth) + " levels");
  }

 private:
  Parser& parser_;
};

}  // namespace bw::text::jinja
