#include "serve/openai_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace bw::serve {
namespace {
using Use = Field::Use;

constexpr std::string_view no_names =
    "chat templates know no names of participants; say in the content who speaks";
constexpr std::string_view no_tools = "tools are not supported";
constexpr Field kMessage[] = {
    {"role"},
    {"content"},
    {"name", Use::refused, no_names},
    {"refusal", Use::refused, "a refusal of the assistant cannot be handed back; give it as content"},
    {"audio", Use::refused, "text only"},
    {"tool_calls", Use::refused, no_tools},
    {"function_call", Use::refused, no_tools},
    {"tool_call_id", Use::refused, no_tools},
    {"annotations"},  // of an answer that is handed back: an empty list is accepted
};
constexpr Field kTextPart[] = {{"type"}, {"text"}, {"prompt_cache_breakpoint", Use::ignored}};
constexpr Field kFormat[] = {{"type"}, {"json_schema"}};
constexpr Field kJsonSchema[] = {{"name"}, {"description", Use::ignored_text}, {"schema"}, {"strict"}};

bool read_part(Reader& r, const Json& part, const std::string& path, std::string& out) {
  if (!part.is_object()) return r.wrong_type(part, path, "an object");
  const auto type = r.text(part, path, "type");
  if (r.error) return false;
  if (!type) return r.fail("missing_required_parameter", path + ".type", path + ".type: required");
  if (*type != "text")
    return r.unsupported(path, fmt::format("parts of type \"{}\"; text only", type->substr(0, 32)));
  if (!r.check_fields(part, path, kTextPart)) return false;
  const auto text = r.text(part, path, "text");
  if (!text) return r.fail("missing_required_parameter", path + ".text", path + ".text: expected a string");
  out += *text;
  return true;
}

bool read_content(Reader& r, const Json& content, const std::string& path, std::string& out) {
  if (content.is_string()) {
    out = content.get<std::string>();
    return true;
  }
  if (content.is_null())
    return r.fail("missing_required_parameter", path, path + ": expected a string or text parts");
  if (!content.is_array()) return r.wrong_type(content, path, "a string or an array of text parts");
  if (content.empty()) return r.fail("invalid_value", path, path + ": expected at least one part");
  for (size_t i = 0; i < content.size(); ++i) {
    if (i > 0) out += '\n';
    if (!read_part(r, content[i], fmt::format("{}[{}]", path, i), out)) return false;
  }
  return true;
}

bool read_message(Reader& r, const Json& m, const std::string& path, Json& out) {
  if (!m.is_object()) return r.wrong_type(m, path, "an object");
  if (!r.check_fields(m, path, kMessage)) return false;
  if (const Json& a = member(m, "annotations"); !a.is_null() && !(a.is_array() && a.empty()))
    return r.unsupported(path + ".annotations", "an answer here has none");
  const auto role = r.text(m, path, "role");
  if (r.error) return false;
  if (!role) return r.fail("missing_required_parameter", path + ".role", path + ".role: required");
  if (*role == "tool" || *role == "function") return r.unsupported(path + ".role", no_tools);
  if (*role != "system" && *role != "developer" && *role != "user" && *role != "assistant")
    return r.fail("invalid_value", path + ".role",
                  fmt::format("{}.role: expected system, developer, user or assistant, found \"{}\"", path,
                              role->substr(0, 32)));
  std::string content;
  if (!read_content(r, member(m, "content"), path + ".content", content)) return false;
  out.push_back(Json{{"role", *role == "developer" ? "system" : *role}, {"content", std::move(content)}});
  return true;
}

bool is_ids(const Json& j) {
  return j.is_array() && !j.empty() &&
         std::all_of(j.begin(), j.end(), [](const Json& e) { return e.is_number(); });
}

bool read_ids(Reader& r, const Json& ids, const std::string& path, std::vector<backend::Ask>& out) {
  std::vector<text::Token> tokens;
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto id = r.integer(ids[i], fmt::format("{}[{}]", path, i), 0, INT32_MAX);
    if (!id) return false;
    tokens.push_back(text::Token(*id));
  }
  out.emplace_back().tokens = std::move(tokens);
  return true;
}

}  // namespace

std::string read_messages(Reader& r, const Json& messages) {
  if (messages.is_null()) {
    r.fail("missing_required_parameter", "messages", "messages: required");
    return {};
  }
  if (!messages.is_array()) {
    r.wrong_type(messages, "messages", "an array");
    return {};
  }
  if (messages.empty()) {
    r.fail("invalid_value", "messages", "messages: expected at least one");
    return {};
  }
  Json out = Json::array();
  for (size_t i = 0; i < messages.size(); ++i)
    if (!read_message(r, messages[i], fmt::format("messages[{}]", i), out)) return {};
  return out.dump();
}

std::vector<backend::Ask> read_prompts(Reader& r, const Json& prompt) {
  std::vector<backend::Ask> out;
  if (prompt.is_string()) {
    out.emplace_back().prompt = prompt.get<std::string>();
  } else if (is_ids(prompt)) {
    read_ids(r, prompt, "prompt", out);
  } else if (prompt.is_array() && !prompt.empty()) {
    for (size_t i = 0; i < prompt.size(); ++i) {
      const std::string path = fmt::format("prompt[{}]", i);
      if (prompt[i].is_string() && prompt[0].is_string())
        out.emplace_back().prompt = prompt[i].get<std::string>();
      else if (!is_ids(prompt[i]) || !is_ids(prompt[0]))
        r.wrong_type(prompt[i], path, "only strings, only token ids, or only lists of token ids");
      else
        read_ids(r, prompt[i], path, out);
      if (r.error) break;
    }
  } else if (prompt.is_null()) {
    r.fail("missing_required_parameter", "prompt", "prompt: required; here no model begins without one");
  } else if (prompt.is_array()) {
    r.fail("invalid_value", "prompt", "prompt: expected at least one");
  } else {
    r.wrong_type(prompt, "prompt", "a string, an array of strings, token ids, or an array of token ids");
  }
  return out;
}

void read_response_format(Reader& r, const Json& format, backend::Ask& ask) {
  const std::string path = "response_format";
  if (format.is_null()) return;
  if (!format.is_object()) {
    r.wrong_type(format, path, "an object");
    return;
  }
  if (!r.check_fields(format, path, kFormat)) return;
  const auto type = r.text(format, path, "type");
  if (r.error) return;
  const Json& wrapped = member(format, "json_schema");
  if (!type || (*type != "text" && *type != "json_object" && *type != "json_schema")) {
    r.fail("invalid_value", path + ".type",
           "response_format.type: expected text, json_object or json_schema");
    return;
  }
  if (*type != "json_schema" && !wrapped.is_null()) {
    r.fail("invalid_value", path + ".json_schema", "response_format.json_schema: only with type json_schema");
    return;
  }
  if (*type == "text") return;
  ask.response_format_json = format.dump();
  if (*type == "json_object") {
    ask.grammar = grammar::Grammar::any_object();
    return;
  }
  const std::string at = path + ".json_schema";
  if (!wrapped.is_object()) {
    r.wrong_type(wrapped, at, "an object");
    return;
  }
  if (!r.check_fields(wrapped, at, kJsonSchema)) return;
  r.boolean(wrapped, at, "strict");  // enforced either way
  const auto name = r.text(wrapped, at, "name");
  if (r.error) return;
  const auto in_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  };
  if (!name || name->empty() || name->size() > 64 || !std::all_of(name->begin(), name->end(), in_name)) {
    r.fail("invalid_value", at + ".name",
           at + ".name: expected 1 to 64 letters, digits, underscores or dashes");
    return;
  }
  const Json& schema = member(wrapped, "schema");
  if (!schema.is_object()) {
    r.wrong_type(schema, at + ".schema", "an object");
    return;
  }
  ask.schema = schema.dump();
  auto grammar = grammar::Grammar::from_schema(ask.schema);
  if (!grammar) {
    const Error& e = grammar.error();
    r.fail("unsupported_schema", at + ".schema",
           fmt::format("{}.schema: {}{}{}", at, e.what, e.next.empty() ? "" : "; ", e.next));
    return;
  }
  ask.grammar = *std::move(grammar);
}

}  // namespace bw::serve
