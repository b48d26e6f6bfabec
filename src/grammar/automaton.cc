// One byte at a time. White space: after { [ , : and before ] }, one space, or a line's end with what indents
// the next line; a run of it is bounded, so nobody can go on in it for ever.
#include "grammar/automaton.h"

#include <algorithm>

#include "grammar/strings.h"

namespace bw::grammar {
namespace {
constexpr uint8_t one_space = 1, line_end = 2, most_spaces = line_end + 64, first_tab = most_spaces + 1,
                  most_tabs = first_tab + 15;
// The white space read, with `byte`: 0: `byte` is none, or no more may come.
uint8_t space_after(uint8_t space, uint8_t byte) {
  switch (byte) {
    case ' ':
      if (space == 0) return one_space;
      return space >= line_end && space < most_spaces ? uint8_t(space + 1) : uint8_t(0);
    case '\n':
      return space == 0 ? line_end : uint8_t(0);
    case '\t':
      if (space == line_end) return first_tab;
      return space >= first_tab && space < most_tabs ? uint8_t(space + 1) : uint8_t(0);
    default:
      return 0;
  }
}
}  // namespace

bool Automaton::complete(const Frame* f) const {
  if (!f) return true;
  return f->at == At::dfa && !f->up && program_.dfas[f->machine].label[f->a] >= 0;
}

void Automaton::step(const Frame* stack, Stacks& out) {
  if (!stack) return;
  const Frame& f = *stack;
  const auto byte = uint8_t(text.back());
  switch (f.at) {
    case At::value:
      return begin(f.a, f.up, out);
    case At::dfa: {
      const Dfa& dfa = program_.dfas[f.machine];
      const int32_t to = dfa.step(int32_t(f.a), byte);
      if (to >= 0) {
        if (dfa.ends[size_t(to)]) {
          out.push_back(f.up);
        } else if (uint32_t(to) == f.a) {
          out.push_back(stack);
        } else {
          Frame next = f;
          next.a = uint32_t(to);
          out.push_back(frames.put(next));
        }
      }
      if (dfa.label[f.a] >= 0) step(f.up, out);  // a number, which only what follows ends
      return;
    }
    case At::string: {
      const Dfa& dfa = any_string_inside();
      const int32_t to = dfa.step(int32_t(f.a), byte);
      if (to < 0) return;
      const Program::String& s = program_.strings[f.machine];
      if (dfa.ends[size_t(to)]) {
        if (f.b >= s.min) out.push_back(f.up);
        return;
      }
      Frame next = f;
      next.a = uint32_t(to);
      if (f.a == 0) {
        if (s.max != no_limit && f.b == s.max) return;
        if (s.max != no_limit || f.b < s.min) ++next.b;
      }
      out.push_back(next.a == f.a && next.b == f.b ? stack : frames.put(next));
      return;
    }
    case At::name:
      return step_name(f, byte, out);
    case At::other_name:
      return step_other_name(f, byte, out);
    case At::array_open:
    case At::array_after:
    case At::array_next:
      return step_array(f, byte, out);
    default:
      return step_object(f, byte, out);
  }
}

void Automaton::begin(uint32_t node, const Frame* up, Stacks& out) {
  const auto byte = uint8_t(text.back());
  for (const Program::Machine& m : program_.nodes[node].machines) {
    Frame f;
    f.up = up;
    f.machine = m.index;
    switch (m.reads) {
      case Program::Reads::dfa: {
        const Dfa& dfa = program_.dfas[m.index];
        const int32_t to = dfa.step(0, byte);
        if (to < 0) continue;
        if (dfa.ends[size_t(to)]) {
          out.push_back(up);
          continue;
        }
        f.at = At::dfa;
        f.a = uint32_t(to);
        break;
      }
      case Program::Reads::string:
        if (byte != '"') continue;
        f.at = At::string;
        break;
      case Program::Reads::array:
        if (byte != '[') continue;
        f.at = At::array_open;
        break;
      case Program::Reads::object:
        if (byte != '{') continue;
        f.at = At::object_open;
        break;
    }
    out.push_back(frames.put(f));
  }
}

void Automaton::step_array(const Frame& f, uint8_t byte, Stacks& out) {
  const Program::Array& array = program_.arrays[f.machine];
  const bool more = f.a < array.max && array.item(f.a) != no_node;
  const bool closes = f.at != At::array_next && f.a >= array.min;
  if (byte == ']') {
    if (closes) out.push_back(f.up);
    return;
  }
  Frame next = f;
  if (const uint8_t space = space_after(f.space, byte)) {
    if (f.at == At::array_after && !closes) return;
    next.space = space;
    out.push_back(frames.put(next));
    return;
  }
  if (!more) return;
  next.space = 0;
  if (f.at == At::array_after) {
    if (byte != ',' || f.space) return;
    next.at = At::array_next;
    out.push_back(frames.put(next));
    return;
  }
  // Beyond what decides anything, items are not counted.
  if (array.max != no_limit || f.a < std::max<size_t>(array.min, array.prefix.size())) ++next.a;
  next.at = At::array_after;
  const size_t mark = frames.mark(), n = out.size();
  begin(array.item(f.a), frames.put(next), out);
  if (out.size() == n) frames.release(mark);
}

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

namespace {
bool same(const Frame* a, const Frame* b) {
  for (; a != b; a = a->up, b = b->up)
    if (!a || !b || a->at != b->at || a->space != b->space || a->machine != b->machine || a->a != b->a ||
        a->b != b->b || a->c != b->c || a->d != b->d)
      return false;
  return true;
}
}  // namespace

void Automaton::read(Stacks& stacks) {
  next_.clear();
  for (const Frame* s : stacks) step(s, next_);
  stacks.clear();
  for (const Frame* s : next_) {
    const bool known = std::any_of(stacks.begin(), stacks.end(), [&](const Frame* o) { return same(o, s); });
    if (!known && stacks.size() < max_stacks) stacks.push_back(s);
  }
}

void Automaton::compact(Stacks& stacks) {
  std::vector<std::vector<Frame>> copies;
  for (const Frame* s : stacks) {
    copies.emplace_back();
    for (; s; s = s->up) copies.back().push_back(*s);
  }
  frames.release(0);
  for (size_t i = 0; i < stacks.size(); ++i) {
    const Frame* up = nullptr;
    for (size_t k = copies[i].size(); k-- > 0;) {
      copies[i][k].up = up;
      up = frames.put(copies[i][k]);
    }
    stacks[i] = up;
  }
}

void Automaton::key(const Frame* f, uint32_t n_most, std::string& out) const {
  const auto put = [&](const auto& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  for (; f; f = f->up) {
    put(f->at);
    put(f->space);
    put(f->machine);
    switch (f->at) {
      case At::string: {
        const Program::String& s = program_.strings[f->machine];
        put(f->a);
        put(s.min > f->b ? std::min(s.min - f->b, n_most) : uint32_t(0));
        put(s.max == no_limit ? n_most : std::min(s.max - f->b, n_most));
        break;
      }
      case At::array_open:
      case At::array_after:
      case At::array_next: {
        const Program::Array& a = program_.arrays[f->machine];
        put(f->a < a.prefix.size() ? f->a : no_limit);
        put(a.min > f->a ? std::min(a.min - f->a, n_most) : uint32_t(0));
        put(a.max == no_limit ? n_most : std::min(a.max - f->a, n_most));
        break;
      }
      case At::other_name:
        put(f->a);
        for (const std::string_view rest : forbidden(*f)) {
          put(uint32_t(rest.size()));
          out += rest;
        }
        put(no_limit);
        break;
      default: {
        put(f->a);
        put(f->b);
        put(f->d);
        const bool is_object = f->at >= At::object_open && f->at <= At::object_next;
        if (!is_object) break;
        const Program::Object& o = program_.objects[f->machine];
        if (!o.names || o.names->words[0] == endless) break;
        for (uint32_t i = f->c; i != 0; i = used[i].before) {
          put(used[i].n);
          out += std::string_view(text).substr(used[i].from, used[i].n);
        }
        put(no_limit);
      }
    }
  }
}

}  // namespace bw::grammar
