#include "contract/schema_check.h"

#include <fmt/format.h>

// valijson is included here alone: a large header. Without this it ends the process where it could throw.
#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/adapters/std_string_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "base/strict_json.h"
#include "contract/keywords.h"
#include "contract/regex.h"
#include "text/json_answer.h"

namespace bw::contract {
namespace {

using Json = nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;
struct Pattern {
  Regex regex;
  std::string says;  // of a text that it does not match
};
using Patterns = std::map<std::string, Pattern, std::less<>>;

// What the visitor below needs of the check under way in this thread.
struct Matching {
  const Patterns* patterns = nullptr;
  std::string limit;  // the pattern whose work was too much
};
thread_local Matching matching;

// Empty: it matches.
std::string why_no_match(const std::string& pattern, const std::string& text) {
  const auto found = matching.patterns->find(pattern);
  if (found == matching.patterns->end()) return "a pattern that was not compiled";
  const Regex::Match m = found->second.regex.find(text);
  if (m == Regex::Match::limit) matching.limit = pattern;
  return m == Regex::Match::yes ? "" : found->second.says;
}

}  // namespace
}  // namespace bw::contract

// valijson matches patterns by std::regex, whose recursion a long text of a model's would run out of stack.
// These specialisations take the place of that one member, for values and for names of properties.
namespace valijson {
template <>
bool ValidationVisitor<bw::contract::Adapter>::visit(const PatternConstraint& constraint) {
  if (!m_target.isString()) return true;
  const auto pattern = constraint.getPattern<std::string::allocator_type>();
  const std::string why = bw::contract::why_no_match(pattern, m_target.asString());
  if (!why.empty() && m_results) m_results->pushError(m_context, why);
  return why.empty();
}
template <>
bool ValidationVisitor<adapters::StdStringAdapter>::visit(const PatternConstraint& constraint) {
  const auto pattern = constraint.getPattern<std::string::allocator_type>();
  return bw::contract::why_no_match(pattern, m_target.asString()).empty();
}
}  // namespace valijson

namespace bw::contract {
namespace {

constexpr size_t most_answer = 4u << 20;  // bytes

// "<root>", "[intent]" -> "intent"
std::string place(const std::vector<std::string>& context) {
  std::string out;
  for (size_t i = 1; i < context.size(); ++i) out += context[i];
  return out.empty() ? "the whole" : out;
}

}  // namespace

struct SchemaCheck::State {
  Json document;
  valijson::Schema schema;
  Patterns patterns;
};

SchemaCheck::SchemaCheck(std::unique_ptr<State> state) : state_(std::move(state)) {}
SchemaCheck::~SchemaCheck() = default;

Result<std::unique_ptr<SchemaCheck>> SchemaCheck::make(const std::string& text) {
  if (const auto fault = check_json(text))
    return bad_input(
        fmt::format("schema: {}{}{}", fault->where, fault->where.empty() ? "" : ": ", fault->message));
  const Json raw = Json::parse(text, nullptr, false);
  BW_TRY(Rewritten rewritten, rewrite_schema(raw));
  auto state = std::make_unique<State>();
  state->document = std::move(rewritten.schema);
  for (const auto& [p, says] : rewritten.patterns) {
    auto regex = Regex::compile(p, Regex::Dialect::ecma);
    if (!regex) return bad_input(fmt::format("schema: \"{}\": {}", p, regex.error().what));
    state->patterns.emplace(p, Pattern{std::move(*regex), says});
  }
  try {
    valijson::SchemaParser parser;
    parser.populateSchema(Adapter(state->document), state->schema);
  } catch (const std::exception& e) {
    return bad_input(fmt::format("schema: {}", e.what()));
  }
  return std::unique_ptr<SchemaCheck>(new SchemaCheck(std::move(state)));
}

std::optional<std::string> SchemaCheck::why_not(std::string_view answer) const {
  const std::string_view body = text::json_answer(answer);
  if (body.size() > most_answer)
    return fmt::format("{} bytes; at most {} are looked at", body.size(), most_answer);
  if (const auto fault = check_json(body))
    return fmt::format("{}{}{}", fault->where, fault->where.empty() ? "" : ": ", fault->message);
  Json value = Json::parse(body, nullptr, false);
  if (value.is_discarded()) return "not JSON";
  make_integral(value);
  matching = {&state_->patterns, {}};
  valijson::ValidationResults results;
  std::string why;
  try {
    valijson::Validator validator;
    if (!validator.validate(state_->schema, Adapter(value), &results)) {
      valijson::ValidationResults::Error error;
      why = results.popError(error) ? fmt::format("{}: {}", place(error.context), error.description)
                                    : "not valid";
    }
  } catch (const std::exception& e) {
    why = e.what();
  }
  if (!matching.limit.empty())
    why = fmt::format("whether the pattern {} matches could not be told in {} steps", matching.limit,
                      Regex::most_steps);
  matching = {};
  if (why.empty()) return std::nullopt;
  return why;
}

}  // namespace bw::contract
