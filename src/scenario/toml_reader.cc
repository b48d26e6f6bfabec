#include "scenario/toml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "scenario/quantity.h"
#include "scenario/toml_text.h"

namespace bw::scenario {

Result<toml::table> parse_toml(const std::string& text, const std::string& label) {
  BW_CHECK(check_toml_text(text, label));
  toml::parse_result parsed = toml::parse(text, label);
  if (!parsed) {
    const auto& where = parsed.error().source().begin;
    return bad_input(
        fmt::format("{}:{}:{}: not TOML: {}", label, where.line, where.column, parsed.error().description()));
  }
  return std::move(parsed).table();
}

std::string kind(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return fmt::format("the text \"{}\"", node.as_string()->get());
    case toml::node_type::integer:
      return fmt::format("the whole number {}", node.as_integer()->get());
    case toml::node_type::floating_point:
      return fmt::format("the number {}", node.as_floating_point()->get());
    case toml::node_type::boolean:
      return node.as_boolean()->get() ? "true" : "false";
    default:
      return "a date or time";
  }
}

std::string joined(const std::string& table, const std::string& key) {
  return table.empty() ? key : fmt::format("{}.{}", table, key);
}

bool is_name(std::string_view s) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !s.empty() && letter(s[0]) && std::all_of(s.begin(), s.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '_';
  });
}

Error TomlReader::at(const toml::source_region& where, std::string_view message, std::string next) const {
  return bad_input(fmt::format("{}:{}:{}: {}", label_, where.begin.line, where.begin.column, message),
                   std::move(next));
}

Error TomlReader::wrong(const toml::node& node, const std::string& key, std::string_view expected) const {
  return at(node.source(), fmt::format("{}: expected {}, found {}", key, expected, kind(node)));
}

Error TomlReader::unknown_key(const toml::source_region& where, const std::string& full,
                              const std::string& key, const std::vector<std::string>& names) const {
  std::string known;
  for (const std::string& n : names) known += (known.empty() ? "" : ", ") + n;
  const std::string near = nearest(key, names);
  return at(where,
            near.empty() ? fmt::format("{}: unknown key", full)
                         : fmt::format("{}: unknown key; the nearest known one is {}", full, near),
            "known here: " + known);
}

Status TomlReader::section(const toml::table& table, const std::string& prefix,
                           const std::vector<Entry>& entries) const {
  for (const auto& [key, node] : table) {
    const std::string own(key.str()), full = joined(prefix, own);
    const auto found =
        std::find_if(entries.begin(), entries.end(), [&own](const Entry& e) { return e.key == own; });
    if (found == entries.end()) {
      std::vector<std::string> names;
      names.reserve(entries.size());
      for (const Entry& e : entries) names.push_back(e.key);
      return unknown_key(key.source(), full, own, names);
    }
    BW_CHECK(found->handle(node, full));
    note(full);
  }
  return {};
}

TomlReader::Handler TomlReader::table(
    std::function<Status(const toml::table&, const std::string&)> inner) const {
  return [this, inner = std::move(inner)](const toml::node& node, const std::string& key) -> Status {
    const toml::table* t = node.as_table();
    if (!t) return wrong(node, key, "a table");
    if (t->empty())
      return at(node.source(), fmt::format("[{}] is empty: what it should decide is not said", key),
                "give it a key, or leave the section out");
    return inner(*t, key);
  };
}

TomlReader::Handler TomlReader::inside(std::vector<Entry> entries) const {
  return table([this, entries = std::move(entries)](const toml::table& t, const std::string& key) {
    return section(t, key, entries);
  });
}

TomlReader::Handler TomlReader::text(std::string& into) const {
  return [this, &into](const toml::node& node, const std::string& key) -> Status {
    const auto* v = node.as_string();
    if (!v || v->get().empty()) return wrong(node, key, "a text");
    into = v->get();
    return {};
  };
}

TomlReader::Handler TomlReader::texts(std::vector<std::string>& into) const {
  return [this, &into](const toml::node& node, const std::string& key) -> Status {
    const toml::array* list = node.as_array();
    if (!list || list->empty()) return wrong(node, key, "a list of texts, [\"...\", ...]");
    into.clear();
    for (const toml::node& item : *list) {
      const auto* v = item.as_string();
      if (!v || v->get().empty()) return wrong(item, fmt::format("{}[{}]", key, into.size()), "a text");
      into.push_back(v->get());
    }
    return {};
  };
}

TomlReader::Handler TomlReader::flag(bool& into) const {
  return [this, &into](const toml::node& node, const std::string& key) -> Status {
    const auto* v = node.as_boolean();
    if (!v) return wrong(node, key, "true or false");
    into = v->get();
    return {};
  };
}

TomlReader::Handler TomlReader::whole(uint32_t& into, uint32_t least, uint32_t most) const {
  return [this, &into, least, most](const toml::node& node, const std::string& key) -> Status {
    uint64_t wide = 0;
    BW_CHECK(whole(wide, least, most)(node, key));
    into = static_cast<uint32_t>(wide);
    return {};
  };
}

TomlReader::Handler TomlReader::whole(uint64_t& into, uint64_t least, uint64_t most) const {
  return [this, &into, least, most](const toml::node& node, const std::string& key) -> Status {
    const auto* v = node.as_integer();
    if (!v || v->get() < 0 || static_cast<uint64_t>(v->get()) < least ||
        static_cast<uint64_t>(v->get()) > most)
      return wrong(node, key, fmt::format("a whole number from {} to {}", least, most));
    into = static_cast<uint64_t>(v->get());
    return {};
  };
}

TomlReader::Handler TomlReader::one_of(size_t& into, std::vector<std::string> names) const {
  return [this, &into, names = std::move(names)](const toml::node& node, const std::string& key) -> Status {
    std::string all;
    for (size_t i = 0; i < names.size(); ++i) {
      if (const auto* v = node.as_string(); v && v->get() == names[i]) {
        into = i;
        return {};
      }
      all += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", names[i]);
    }
    return wrong(node, key, all);
  };
}

Result<double> TomlReader::value(const toml::node& node, const std::string& key, std::string_view unit,
                                 double least, double most) const {
  double v = 0;
  if (const auto* i = node.as_integer())
    v = static_cast<double>(i->get());
  else if (const auto* f = node.as_floating_point())
    v = f->get();
  else if (const auto* t = node.as_string()) {
    auto q = quantity(t->get(), unit);
    if (!q) return at(node.source(), fmt::format("{}: {}", key, q.error().what));
    v = *q;
  } else
    return wrong(node, key, fmt::format("a number ({})", unit));
  if (!std::isfinite(v)) return wrong(node, key, "a finite number");
  if (v < least || v > most) {
    const std::string range = std::isfinite(most) ? fmt::format("from {} to {}", least, most)
                                                  : fmt::format("of at least {}", least);
    return wrong(node, key, fmt::format("a number {} ({})", range, unit));
  }
  return v;
}

TomlReader::Handler TomlReader::number(double& into, std::string unit, double least, double most) const {
  return [this, &into, unit = std::move(unit), least, most](const toml::node& node,
                                                            const std::string& key) -> Status {
    BW_TRY(into, value(node, key, unit, least, most));
    return {};
  };
}

TomlReader::Handler TomlReader::milliseconds(uint64_t& into, uint64_t least, uint64_t most) const {
  return [this, &into, least, most](const toml::node& node, const std::string& key) -> Status {
    BW_TRY(const double ms, value(node, key, "ms", static_cast<double>(least), static_cast<double>(most)));
    into = static_cast<uint64_t>(std::llround(ms));
    return {};
  };
}

}  // namespace bw::scenario
