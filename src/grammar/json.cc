// nlohmann's SAX parser into a Document.
#include "grammar/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "grammar/decimal.h"

namespace bw::grammar {

struct DocumentReader {
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  Document& document;
  const size_t max_depth;
  std::vector<Json*> open = {};
  std::string name = {};
  std::string error = {};

  Json* put(Json::Kind kind) {
    Json& v = document.values_.emplace_back();
    v.kind = kind;
    v.index = document.values_.size() - 1;
    if (open.empty()) return &v;
    Json& up = *open.back();
    v.up = &up;
    if (up.is(Json::Kind::array)) {
      v.name_in_up = std::to_string(up.items.size());
      up.items.push_back(&v);
    } else {
      v.name_in_up = name;
      up.members.push_back({std::move(name), &v});
      name.clear();
    }
    return &v;
  }
  bool put_text(Json::Kind kind, std::string text) {
    put(kind)->text = std::move(text);
    return true;
  }
  bool begin(Json::Kind kind) {
    open.push_back(put(kind));
    if (open.size() <= max_depth) return true;
    error = fmt::format("nested deeper than {}", max_depth);
    return false;
  }
  bool null() { return put(Json::Kind::null) != nullptr; }
  bool boolean(bool b) {
    put(Json::Kind::boolean)->boolean = b;
    return true;
  }
  bool number_integer(number_integer_t n) { return put_text(Json::Kind::number, std::to_string(n)); }
  bool number_unsigned(number_unsigned_t n) { return put_text(Json::Kind::number, std::to_string(n)); }
  bool number_float(number_float_t, const string_t& text) { return put_text(Json::Kind::number, text); }
  bool string(string_t& s) { return put_text(Json::Kind::string, std::move(s)); }
  bool binary(binary_t&) { return false; }
  bool start_object(size_t) { return begin(Json::Kind::object); }
  bool start_array(size_t) { return begin(Json::Kind::array); }
  bool end_object() { return end_array(); }
  bool end_array() {
    open.pop_back();
    return true;
  }
  bool key(string_t& k) {
    name = std::move(k);
    // A quadratic search would let a schema of 256 KiB cost seconds; names are checked when the object ends.
    return true;
  }
  bool parse_error(size_t at, const std::string&, const nlohmann::detail::exception& e) {
    // nlohmann's message begins with its own code in brackets.
    const std::string what = e.what();
    const size_t from = what.find("] ");
    error = fmt::format("byte {}: {}", at, from == std::string::npos ? what : what.substr(from + 2));
    return false;
  }
};

namespace {
std::string where(const Json& value) {
  return value.up ? value.pointer() : "the document";
}
Status no_member_twice(const std::deque<Json>& values) {
  std::vector<std::string_view> names;
  for (const Json& v : values) {
    names.assign(v.members.size(), {});
    for (size_t i = 0; i < names.size(); ++i) names[i] = v.members[i].name;
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end())
      return bad_input(fmt::format("{}: the member \"{}\" is given twice", where(v), *twice));
  }
  return {};
}
}  // namespace

Result<Document> Document::parse(std::string_view text, size_t max_depth) {
  Document d;
  DocumentReader reader{d, max_depth};
  if (!nlohmann::json::sax_parse(text, &reader)) return bad_input(reader.error);
  BW_CHECK(no_member_twice(d.values_));
  return d;
}

const Json* Document::at(std::string_view pointer) const {
  const Json* v = &root();
  while (!pointer.empty()) {
    if (pointer[0] != '/') return nullptr;
    pointer.remove_prefix(1);
    const std::string_view part = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(part.size());
    std::string name;
    for (size_t i = 0; i < part.size(); ++i) {
      const bool escape = part[i] == '~' && i + 1 < part.size();
      if (escape && (part[i + 1] == '0' || part[i + 1] == '1'))
        name += part[++i] == '0' ? '~' : '/';
      else
        name += part[i];
    }
    const Json* next = v->find(name);
    for (size_t i = 0; !next && i < v->items.size(); ++i)
      if (v->items[i]->name_in_up == name) next = v->items[i];
    if (!next) return nullptr;
    v = next;
  }
  return v;
}

std::string Json::pointer() const {
  if (!up) return {};
  std::string out = up->pointer() + "/";
  for (const char c : name_in_up) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::string escaped(std::string_view utf8) {
  std::string out;
  for (const char c : utf8) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
          out += c;
    }
  }
  return out;
}

namespace {
std::string written(const Json& v, bool by_name) {
  std::string out;
  switch (v.kind) {
    case Json::Kind::null:
      return "null";
    case Json::Kind::boolean:
      return v.boolean ? "true" : "false";
    case Json::Kind::number:
      return Decimal::parse(v.text).text();
    case Json::Kind::string:
      return '"' + escaped(v.text) + '"';
    case Json::Kind::array:
      for (const Json* item : v.items) out += (out.empty() ? "" : ",") + written(*item, by_name);
      return "[" + out + "]";
    case Json::Kind::object: {
      std::vector<Json::Member> members = v.members;
      if (by_name)
        std::sort(members.begin(), members.end(),
                  [](const auto& a, const auto& b) { return a.name < b.name; });
      for (const Json::Member& m : members)
        out += (out.empty() ? "\"" : ",\"") + escaped(m.name) + "\":" + written(*m.value, by_name);
      return "{" + out + "}";
    }
  }
  return out;
}
}  // namespace

std::string compact(const Json& value) {
  return written(value, false);
}
std::string canonical(const Json& value) {
  return written(value, true);
}

size_t n_characters(std::string_view utf8) {
  size_t n = 0;
  for (const char c : utf8) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

}  // namespace bw::grammar
