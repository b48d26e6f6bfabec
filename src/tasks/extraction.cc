#include "tasks/extraction.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "text/json_answer.h"

namespace bw::tasks {
namespace {

using Json = nlohmann::json;
using text::is_json_space;
using text::trimmed;

// Reads one flat object of strings by events, so that a repeated name is seen and nothing is built from a
// reply that is refused. `why` holds the first rule that broke.
struct FlatObject : nlohmann::json_sax<Json> {
  Fields fields;
  std::string name, why;
  bool open = false;

  bool refuse(std::string reason) {
    why = std::move(reason);
    return false;
  }
  bool other(const char* kind) {
    return refuse(open ? "the value of \"" + name + "\" is " + kind + ", not a string"
                       : std::string("the answer is ") + kind + ", not an object");
  }
  bool null() override { return other("null"); }
  bool boolean(bool) override { return other("a boolean"); }
  bool number_integer(number_integer_t) override { return other("a number"); }
  bool number_unsigned(number_unsigned_t) override { return other("a number"); }
  bool number_float(number_float_t, const string_t&) override { return other("a number"); }
  bool binary(binary_t&) override { return other("binary"); }
  bool start_array(size_t) override { return other("an array"); }
  bool end_array() override { return true; }
  bool start_object(size_t) override {
    if (open) return other("an object");
    return open = true;
  }
  bool end_object() override { return true; }
  bool key(string_t& k) override {
    name = k;
    const auto same = [&](const auto& f) { return f.first == k; };
    if (std::any_of(fields.begin(), fields.end(), same)) return refuse("\"" + k + "\" is given twice");
    return true;
  }
  bool string(string_t& v) override {
    if (!open) return other("a string");
    fields.emplace_back(name, v);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return refuse("not a JSON object: byte " + std::to_string(position) + " breaks it");
  }
};

// Normalised, empty values dropped, sorted: two lists of fields say the same iff these are equal.
Fields facts(const Fields& fields) {
  Fields out;
  for (const auto& [name, value] : fields)
    if (std::string v = normalised(value); !v.empty()) out.emplace_back(name, std::move(v));
  std::sort(out.begin(), out.end());
  return out;
}

const std::string* find(const Fields& fields, const std::string& name) {
  for (const auto& f : fields)
    if (f.first == name) return &f.second;
  return nullptr;
}

std::string differences(const Fields& found, const Fields& gold) {
  std::string out;
  const auto say = [&](const std::string& s) { out += (out.empty() ? "" : "; ") + s; };
  for (const auto& [name, value] : gold) {
    const std::string* v = find(found, name);
    if (!v)
      say("missing " + name + " \"" + value + "\"");
    else if (*v != value)
      say("wrong " + name + " \"" + *v + "\", gold \"" + value + "\"");
  }
  for (const auto& [name, value] : found)
    if (!find(gold, name)) say("added " + name + " \"" + value + "\"");
  return out;
}

}  // namespace

size_t object_end(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '{') {
      ++depth;
    } else if (depth > 0 && c == '"') {
      in_string = true;
    } else if (depth > 0 && c == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

bool may_become_object(std::string_view text) {
  while (!text.empty() && is_json_space(text.front())) text.remove_prefix(1);
  return text.empty() || text.front() == '{' || text.front() == '`';
}

Result<Fields> parse_fields(std::string_view output, const std::vector<std::string>& allowed) {
  const std::string_view body = text::json_answer(output);
  FlatObject reader;
  // strict: anything after the object is an error. Invalid UTF-8 is refused by the parser's reader of
  // strings.
  const bool ok = Json::sax_parse(body.begin(), body.end(), &reader, Json::input_format_t::json, true);
  if (!ok) return bad_input(reader.why);
  for (const auto& [name, value] : reader.fields)
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end())
      return bad_input("\"" + name + "\" is no field of this schema");
  return std::move(reader.fields);
}

std::string normalised(std::string_view value) {
  std::string out;
  for (char c : trimmed(value)) {
    if (!is_json_space(c))
      out += c;
    else if (out.back() != ' ')
      out += ' ';
  }
  return out;
}

double field_f1(const Fields& found, const Fields& gold) {
  const Fields a = facts(found), b = facts(gold);
  if (a.empty() && b.empty()) return 1;
  size_t both = 0;
  for (const auto& f : a) both += std::binary_search(b.begin(), b.end(), f);
  return 2.0 * static_cast<double>(both) / static_cast<double>(a.size() + b.size());
}

Check check_extraction(std::string_view output, const AcceptSpec& accept, const TruthSpec& truth) {
  Check check;
  const auto found = parse_fields(output, accept.fields);
  if (!found) {
    check.detail = found.error().what;
    return check;
  }
  check.accepted = true;
  const Fields a = facts(*found), b = facts(truth.fields);
  check.truth = a == b;
  check.score = field_f1(*found, truth.fields);
  check.detail = differences(a, b);
  return check;
}

}  // namespace bw::tasks
