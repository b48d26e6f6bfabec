#include "pilot/toml.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "scenario/quantity.h"
#include "scenario/toml_reader.h"

namespace bw::pilot {
namespace {

// toml++ follows nesting by recursion and has its own limit (256); the tree below it is bounded with it.
Node convert(const toml::node& n) {
  Node out;
  out.line = n.source().begin.line;
  out.column = n.source().begin.column;
  switch (n.type()) {
    case toml::node_type::table:
      for (const auto& [key, value] : *n.as_table()) {
        out.inner.push_back({std::string(key.str()), convert(value)});
        Node& inner = out.inner.back().node;
        if (inner.line == 0 || inner.kind == Node::Kind::table) {
          inner.line = key.source().begin.line;
          inner.column = key.source().begin.column;
        }
      }
      return out;
    case toml::node_type::array:
      out.kind = Node::Kind::list;
      for (const toml::node& value : *n.as_array()) out.inner.push_back({"", convert(value)});
      return out;
    case toml::node_type::string:
      out.kind = Node::Kind::text;
      out.text = n.as_string()->get();
      return out;
    case toml::node_type::integer:
      out.kind = Node::Kind::whole;
      out.number = double(n.as_integer()->get());
      return out;
    case toml::node_type::floating_point:
      out.kind = Node::Kind::real;
      out.number = n.as_floating_point()->get();
      return out;
    case toml::node_type::boolean:
      out.kind = Node::Kind::truth;
      out.truth = n.as_boolean()->get();
      return out;
    case toml::node_type::date_time: {
      const toml::date_time& t = n.as_date_time()->get();
      out.kind = Node::Kind::local_time;
      if (!t.offset) return out;
      const int minutes = t.offset->minutes;
      const std::string text =
          fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", t.date.year, t.date.month, t.date.day,
                      t.time.hour, t.time.minute, t.time.second, t.time.nanosecond / 1'000'000);
      // toml++ has checked the form; a year before 1970 is left as no moment.
      if (const auto ms = parse_rfc3339(text)) {
        out.kind = Node::Kind::moment;
        out.ms = *ms - int64_t(minutes) * 60'000;
        out.offset_minutes = minutes;
      }
      return out;
    }
    default:
      out.kind = Node::Kind::local_time;
      return out;
  }
}

std::string found(const Node& n) {
  switch (n.kind) {
    case Node::Kind::table:
      return "a table";
    case Node::Kind::list:
      return "a list";
    case Node::Kind::text:
      return fmt::format("the text \"{}\"", n.text.substr(0, 80));
    case Node::Kind::whole:
    case Node::Kind::real:
      return fmt::format("the number {}", n.number);
    case Node::Kind::truth:
      return n.truth ? "true" : "false";
    case Node::Kind::moment:
      return "a moment";
    case Node::Kind::local_time:
      return "a date or time without an offset";
  }
  return "something else";
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const auto& [k, node] : inner)
    if (k == key) return &node;
  return nullptr;
}

Result<Node> parse_toml(const std::string& text, const std::string& label) {
  BW_TRY(const toml::table table, scenario::parse_toml(text, label));
  return convert(table);
}

const Node* Reader::get(const char* key) {
  known_.emplace_back(key);
  return status_ ? table_.find(key) : nullptr;
}
Error Reader::wrong(const Node& at, const std::string& key, std::string_view expected) const {
  return bad_input(fmt::format("{}:{}:{}: {}: expected {}, found {}", label_, at.line, at.column, full(key),
                               expected, found(at)));
}
void Reader::fail(const Node& at, const std::string& key, const std::string& message, std::string next) {
  if (status_)
    status_ = bad_input(fmt::format("{}:{}:{}: {}: {}", label_, at.line, at.column, full(key), message),
                        std::move(next));
}

void Reader::fail(const char* key, const std::string& message, std::string next) {
  const Node* n = table_.find(key);
  fail(n ? *n : table_, key, message, std::move(next));
}

void Reader::text(const char* key, std::string& into) {
  const Node* n = get(key);
  if (!n) return;
  if (n->kind != Node::Kind::text)
    status_ = wrong(*n, key, "a text");
  else
    into = n->text;
}
void Reader::texts(const char* key, std::vector<std::string>& into) {
  const Node* n = get(key);
  if (!n) return;
  into.clear();
  if (n->kind != Node::Kind::list) {
    status_ = wrong(*n, key, "a list of texts");
    return;
  }
  for (const auto& [none, each] : n->inner) {
    if (each.kind != Node::Kind::text) {
      status_ = wrong(each, key, "a list of texts");
      return;
    }
    into.push_back(each.text);
  }
}
void Reader::number(const char* key, double& into, double least, double most, std::string_view unit) {
  const Node* n = get(key);
  if (!n) return;
  double value = n->number;
  if (n->kind == Node::Kind::text) {
    const auto q = scenario::quantity(n->text, unit);
    if (!q) {
      fail(*n, key, q.error().what);
      return;
    }
    value = *q;
  } else if (n->kind != Node::Kind::whole && n->kind != Node::Kind::real) {
    status_ = wrong(*n, key, "a number");
    return;
  }
  if (!std::isfinite(value) || value < least || value > most) {
    status_ = wrong(*n, key,
                    std::isfinite(most) ? fmt::format("a number from {} to {}", least, most)
                                        : fmt::format("a number of at least {}", least));
    return;
  }
  into = value;
}
void Reader::whole(const char* key, uint32_t& into, uint32_t least, uint32_t most) {
  const Node* n = get(key);
  if (!n) return;
  if (n->kind != Node::Kind::whole || n->number < least || n->number > most)
    status_ = wrong(*n, key, fmt::format("a whole number from {} to {}", least, most));
  else
    into = uint32_t(n->number);
}
void Reader::duration(const char* key, int64_t& into_ms) {
  const Node* n = get(key);
  if (!n) return;
  constexpr const char* expected = "a time with its unit, \"2 d\", \"6 h\" or \"30 min\"";
  if (n->kind != Node::Kind::text) {
    status_ = wrong(*n, key, expected);
    return;
  }
  // Days are this file's own; the other units are the scenario's.
  double days = 0;
  const size_t d = n->text.find('d');
  Result<double> ms = bad_input("");
  if (d != std::string::npos && d + 1 == n->text.size()) {
    const auto seconds = scenario::quantity(n->text.substr(0, d) + "h", "s");
    if (seconds) days = *seconds / 3600;
    ms = days * 86'400'000;
  } else if (const auto seconds = scenario::quantity(n->text, "s")) {
    ms = *seconds * 1000;
  }
  if (!ms || !(*ms >= 1000 && *ms <= 1e12))
    status_ = wrong(*n, key, expected);
  else
    into_ms = int64_t(*ms);
}
void Reader::truth(const char* key, bool& into) {
  const Node* n = get(key);
  if (!n) return;
  if (n->kind != Node::Kind::truth)
    status_ = wrong(*n, key, "true or false");
  else
    into = n->truth;
}
void Reader::moment(const char* key, int64_t& into_ms, int* offset_minutes) {
  const Node* n = get(key);
  if (!n || (n->kind == Node::Kind::text && n->text.empty())) return;
  if (n->kind == Node::Kind::moment) {
    into_ms = n->ms;
    if (offset_minutes) *offset_minutes = n->offset_minutes;
    return;
  }
  status_ = wrong(*n, key, "a moment with its offset, not in quotes: 2026-12-01T08:00:00+01:00");
}
int Reader::word(const char* key, std::vector<std::string> words) {
  const Node* n = get(key);
  if (!n) return -1;
  std::string all;
  for (size_t i = 0; i < words.size(); ++i) {
    if (n->kind == Node::Kind::text && n->text == words[i]) return int(i);
    all += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", words[i]);
  }
  status_ = wrong(*n, key, all);
  return -1;
}
const Node* Reader::table(const char* key) {
  const Node* n = get(key);
  if (n && n->kind != Node::Kind::table) {
    status_ = wrong(*n, key, "a table");
    return nullptr;
  }
  return n;
}
bool Reader::has(const char* key) {
  return table_.find(key) != nullptr;
}

void Reader::done() {
  if (!status_) return;
  for (const auto& [key, node] : table_.inner) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string all;
    for (const std::string& k : known_) all += (all.empty() ? "" : ", ") + k;
    const std::string near = scenario::nearest(key, known_);
    fail(node, key, near.empty() ? "unknown key" : "unknown key; the nearest known one is " + near,
         "known here: " + all);
    return;
  }
}

}  // namespace bw::pilot
