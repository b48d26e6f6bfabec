#include "text/jinja_json.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "text/utf8.h"

namespace bw::text::jinja {

namespace {

using Json = nlohmann::ordered_json;

// Brackets open at once, outside of strings; 0 for text that is no JSON at all, which the parser then
// refuses.
size_t nesting(std::string_view json) {
  size_t depth = 0, most = 0;
  bool inside = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (inside) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inside = false;
    } else if (c == '"') {
      inside = true;
    } else if (c == '[' || c == '{') {
      most = std::max(most, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return most;
}

Result<Value> value(Meter& m, const Json& j, bool trusted) {
  BW_CHECK(m.spend());
  switch (j.type()) {
    case Json::value_t::null:
      return Value(None{});
    case Json::value_t::boolean:
      return Value(j.get<bool>());
    case Json::value_t::number_integer:
      return Value(j.get<int64_t>());
    case Json::value_t::number_unsigned:
      if (j.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        return bad_input("an integer does not fit 64 bits");
      return Value(static_cast<int64_t>(j.get<uint64_t>()));
    case Json::value_t::number_float:
      return Value(j.get<double>());
    case Json::value_t::string:
      return make_text(m, j.get_ref<const std::string&>(), trusted);
    case Json::value_t::array: {
      std::vector<Value> items;
      for (const Json& item : j) {
        BW_TRY(Value v, value(m, item, false));
        items.push_back(std::move(v));
      }
      return make_list(m, List::Kind::list, std::move(items));
    }
    case Json::value_t::object: {
      std::vector<std::pair<Value, Value>> entries;
      for (const auto& [key, item] : j.items()) {
        BW_TRY(Value k, make_text(m, key, false));
        BW_TRY(Value v, value(m, item, false));
        entries.emplace_back(std::move(k), std::move(v));
      }
      return make_dict(m, std::move(entries));
    }
    default:
      return bad_input("JSON of an unknown kind");
  }
}

class Writer {
 public:
  Writer(Meter& m, const JsonStyle& style) : m_(m), style_(style) {}
  MarkedText out;

  Status write(const Value& v, size_t level) {
    BW_CHECK(m_.spend());  // also for the few bytes a number or a bracket takes
    if (v.text()) return text(*v.text());
    if (v.none()) {
      out.append("null", false);
    } else if (v.is<bool>()) {
      out.append(*v.as<bool>() ? "true" : "false", false);
    } else if (v.is<int64_t>()) {
      out.append(std::to_string(*v.as<int64_t>()), false);
    } else if (v.is<double>()) {
      out.append(real(*v.as<double>()), false);
    } else if (v.dict()) {
      return dict(*v.dict(), level);
    } else if (const List* l = v.list(); l && (l->kind == List::Kind::list || l->kind == List::Kind::tuple)) {
      return list(*l, level);
    } else {
      return bad_input("tojson: " + type_name(v) + " has no JSON");
    }
    return {};
  }

 private:
  static std::string real(double x) {
    if (std::isnan(x)) return "NaN";
    if (std::isinf(x)) return x < 0 ? "-Infinity" : "Infinity";
    return real_text(x);
  }

  Status line(size_t level) {
    if (!style_.indent) return {};
    BW_CHECK(m_.allocate(1 + style_.indent->size() * level));
    out.append("\n", false);
    for (size_t i = 0; i < level; ++i) out.append(*style_.indent, false);
    return {};
  }

  Status list(const List& l, size_t level) {
    out.append("[", false);
    for (size_t i = 0; i < l.items.size(); ++i) {
      if (i) out.append(style_.between);
      BW_CHECK(line(level + 1));
      BW_CHECK(write(l.items[i], level + 1));
    }
    if (!l.items.empty()) BW_CHECK(line(level));
    out.append("]", false);
    return {};
  }

  Result<MarkedText> key(const Value& k) {
    if (k.text()) return *k.text();
    if (k.is<int64_t>()) return MarkedText(std::to_string(*k.as<int64_t>()), false);
    if (k.is<double>()) return MarkedText(real(*k.as<double>()), false);
    if (k.is<bool>()) return MarkedText(*k.as<bool>() ? "true" : "false", false);
    return MarkedText("null", false);
  }

  Status dict(const Dict& d, size_t level) {
    std::vector<const std::pair<Value, Value>*> entries;
    for (const auto& e : d.entries) entries.push_back(&e);
    if (style_.sort_keys) {
      BW_CHECK(m_.spend(entries.size() * 8));
      for (const auto* e : entries)
        if (!e->first.text()) return bad_input("tojson: sort_keys needs text as keys");
      std::stable_sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) {
        return a->first.text()->bytes() < b->first.text()->bytes();
      });
    }
    out.append("{", false);
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i) out.append(style_.between);
      BW_CHECK(line(level + 1));
      BW_TRY(const MarkedText k, key(entries[i]->first));
      BW_CHECK(text(k));
      out.append(style_.after_key);
      BW_CHECK(write(entries[i]->second, level + 1));
    }
    if (!entries.empty()) BW_CHECK(line(level));
    out.append("}", false);
    return {};
  }

  Status text(const MarkedText& t) {
    const std::string& s = t.bytes();
    BW_CHECK(m_.allocate(s.size() + 2));
    BW_CHECK(m_.spend(s.size() / 32));
    out.append("\"", false);
    size_t plain = 0;  // start of what is copied as it is
    for (size_t at = 0; at < s.size();) {
      const CodePoint c = code_point(s, at);
      std::string escape;
      static constexpr std::string_view from = "\"\\\n\r\t\f\b", to = "\"\\nrtfb";
      if (const size_t i = c.value < 0x80 ? from.find(static_cast<char>(c.value)) : std::string_view::npos;
          i != std::string_view::npos) {
        escape = {'\\', to[i]};
      } else if (c.value < 0x20 || (style_.ascii && c.value >= 0x7F)) {
        char buffer[16];
        if (c.value >= 0x10000)
          std::snprintf(buffer, sizeof buffer, "\\u%04x\\u%04x",
                        0xD800 + ((unsigned(c.value) - 0x10000) >> 10),
                        0xDC00 + ((unsigned(c.value) - 0x10000) & 0x3FF));
        else
          std::snprintf(buffer, sizeof buffer, "\\u%04x", unsigned(c.value));
        escape = buffer;
      }
      if (!escape.empty()) {
        out.append(t.slice(plain, at));
        BW_CHECK(m_.allocate(escape.size()));
        out.append(escape, false);
        plain = at + c.n_bytes;
      }
      at += c.n_bytes;
    }
    out.append(t.slice(plain, s.size()));
    out.append("\"", false);
    return {};
  }

  Meter& m_;
  const JsonStyle& style_;
};

}  // namespace

Result<Value> from_json(Meter& m, std::string_view json,
                        std::initializer_list<std::string_view> trusted_keys) {
  BW_CHECK(m.allocate(json.size()));
  if (const size_t n = nesting(json); n > max_nesting)
    return bad_input("the context nests deeper than " + std::to_string(max_nesting) + " levels");
  const Json j = Json::parse(json, nullptr, false);
  if (j.is_discarded()) return bad_input("the context is not valid JSON");
  if (!j.is_object())
    return bad_input(std::string("the context must be a JSON object, found ") + j.type_name());
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& [key, item] : j.items()) {
    BW_TRY(Value k, make_text(m, key, false));
    const bool trusted = std::find(trusted_keys.begin(), trusted_keys.end(), key) != trusted_keys.end();
    BW_TRY(Value v, value(m, item, trusted));
    entries.emplace_back(std::move(k), std::move(v));
  }
  return make_dict(m, std::move(entries));
}

Result<MarkedText> to_json(Meter& m, const Value& v, const JsonStyle& style) {
  Writer w(m, style);
  BW_CHECK(w.write(v, 0));
  return std::move(w.out);
}

}  // namespace bw::text::jinja
