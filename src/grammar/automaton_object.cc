// Objects: declared names in their order, then others; which may come next, and that none comes twice.
#include <algorithm>

#include "grammar/automaton.h"
#include "grammar/space.h"

namespace bw::grammar {

bool Automaton::may_close(const Frame& f) const {
  const Program::Object& o = program_.objects[f.machine];
  return o.n_required_from[f.a] == 0 && f.b >= o.min;
}

uint64_t Automaton::n_names_left(const Program::Object& o, uint32_t used_names) const {
  if (!o.names) return 0;
  const uint64_t words = o.names->words[0];
  if (words == endless) return endless;
  uint64_t n = 0;
  const auto count = [&](std::string_view name) {
    const int32_t end = o.names->walk(o.names->walk(0, name), "\"");
    n += end >= 0;
  };
  for (const std::string& name : o.taken) count(name);
  for (uint32_t i = used_names; i != 0; i = used[i].before)
    count(std::string_view(text).substr(used[i].from, used[i].n));
  return words - n;
}

Automaton::Choice Automaton::choice(const Frame& f) const {
  const Program::Object& o = program_.objects[f.machine];
  const auto n = uint32_t(o.properties.size());
  Choice c{f.a, std::min(n, o.next_required[f.a] + 1), false};
  const bool nothing_required = o.n_required_from[f.a] == 0;
  if (!o.counts) {
    c.other = nothing_required && n_names_left(o, f.c) > 0;
    return c;
  }
  const uint64_t left = n_names_left(o, f.c);
  const uint64_t max = o.max == no_limit ? endless : o.max;
  // At most: an optional one may come where it and all that is required still fit.
  if (f.b + uint64_t{1} + o.n_required_from[f.a] > max)
    c.from = f.b + uint64_t{o.n_required_from[f.a]} <= max ? o.next_required[f.a] : c.to;
  // At least: as many may be passed over as are not needed.
  if (left != endless) {
    const uint64_t reach = f.b + uint64_t{n} + left;  // members, should property i come next: reach - i
    if (reach < o.min)
      c.to = c.from;
    else
      c.to = uint32_t(std::min<uint64_t>(c.to, reach - o.min + 1));
  }
  c.from = std::min(c.from, c.to);
  c.other = nothing_required && left > 0 && f.b < max && (left == endless || f.b + left >= o.min);
  return c;
}

void Automaton::begin_names(const Frame& f, Stacks& out) {
  const Choice c = choice(f);
  Frame name;
  name.up = &f;
  name.machine = f.machine;
  if (c.from < c.to) {
    name.at = At::name;
    out.push_back(frames.put(name));
  }
  if (c.other) {
    name.at = At::other_name;
    name.b = uint32_t(text.size());
    out.push_back(frames.put(name));
  }
}

void Automaton::step_object(const Frame& f, uint8_t byte, Stacks& out) {
  Frame next = f;
  if (const uint8_t space = space_after(f.space, byte)) {
    if (f.at == At::object_colon || (f.at == At::object_after && !may_close(f))) return;
    next.space = space;
    out.push_back(frames.put(next));
    return;
  }
  next.space = 0;
  switch (f.at) {
    case At::object_open:
    case At::object_next:
      if (byte == '"') return begin_names(f, out);
      if (byte == '}' && f.at == At::object_open && may_close(f)) out.push_back(f.up);
      return;
    case At::object_colon:
      if (byte != ':') return;
      next.at = At::object_value;
      out.push_back(frames.put(next));
      return;
    case At::object_value: {
      next.at = At::object_after;
      next.d = 0;
      const size_t mark = frames.mark(), n = out.size();
      begin(f.d, frames.put(next), out);
      if (out.size() == n) frames.release(mark);
      return;
    }
    case At::object_after: {
      if (byte == '}' && may_close(f)) out.push_back(f.up);
      if (byte != ',' || f.space) return;
      const Choice c = choice(f);
      if (c.from == c.to && !c.other) return;
      next.at = At::object_next;
      out.push_back(frames.put(next));
      return;
    }
    default:
      return;
  }
}

void Automaton::step_name(const Frame& f, uint8_t byte, Stacks& out) {
  const Frame& object = *f.up;
  const Program::Object& o = program_.objects[f.machine];
  const Program::Object::Letter& letter = o.letters[f.a];
  const Choice c = choice(object);
  for (const auto& [b, to] : letter.next) {
    if (b != byte) continue;  // a quote too, behind its backslash
    const std::vector<uint32_t>& below = o.letters[to].below;
    const auto first = std::lower_bound(below.begin(), below.end(), c.from);
    if (first == below.end() || *first >= c.to) return;
    Frame next = f;
    next.a = to;
    out.push_back(frames.put(next));
    return;
  }
  const uint32_t i = letter.property;
  if (byte != '"' || i == no_node || i < c.from || i >= c.to) return;
  Frame next = object;
  next.at = At::object_colon;
  next.space = 0;
  next.a = i + 1;
  if (o.counts) ++next.b;
  next.d = o.properties[i].node;
  out.push_back(frames.put(next));
}

bool Automaton::is_used(std::string_view name, uint32_t used_names) const {
  for (uint32_t i = used_names; i != 0; i = used[i].before)
    if (std::string_view(text).substr(used[i].from, used[i].n) == name) return true;
  return false;
}

std::vector<std::string_view> Automaton::forbidden(const Frame& f) const {
  const Program::Object& o = program_.objects[f.machine];
  const std::string_view read = std::string_view(text).substr(f.b);
  std::vector<std::string_view> out;
  for (auto i = std::lower_bound(o.taken.begin(), o.taken.end(), read); i != o.taken.end(); ++i) {
    if (std::string_view(*i).substr(0, read.size()) != read) break;
    out.push_back(std::string_view(*i).substr(read.size()));
  }
  for (uint32_t i = f.up->c; i != 0; i = used[i].before) {
    const std::string_view name = std::string_view(text).substr(used[i].from, used[i].n);
    if (name.substr(0, read.size()) == read) out.push_back(name.substr(read.size()));
  }
  return out;
}

void Automaton::step_other_name(const Frame& f, uint8_t byte, Stacks& out) {
  const Program::Object& o = program_.objects[f.machine];
  const int32_t to = o.names->step(int32_t(f.a), byte);
  if (to < 0) return;
  if (const int32_t label = o.names->label[size_t(to)]; label >= 0) {
    const std::string_view name = std::string_view(text).substr(f.b, text.size() - 1 - f.b);
    if (f.b > no_name_from || std::binary_search(o.taken.begin(), o.taken.end(), name) ||
        is_used(name, f.up->c))
      return;
    Frame next = *f.up;
    if (const UsedName& last = used.back(); last.from != f.b || last.before != next.c)
      used.push_back({f.b, uint32_t(name.size()), next.c});
    next.at = At::object_colon;
    next.space = 0;
    next.a = uint32_t(o.properties.size());
    if (o.counts) ++next.b;
    next.c = uint32_t(used.size() - 1);
    next.d = o.name_nodes[size_t(label)];
    out.push_back(frames.put(next));
    return;
  }
  Frame next = f;
  next.a = uint32_t(to);
  if (const uint64_t words = o.names->words[size_t(to)]; words != endless) {
    // Of few names, all that begin so may be used.
    uint64_t n = 0;
    for (const std::string_view rest : forbidden(next))
      n += o.names->walk(o.names->walk(to, rest), "\"") >= 0;
    if (words <= n) return;
  }
  out.push_back(next.a == f.a ? &f : frames.put(next));
}

}  // namespace bw::grammar
