// One byte at a time: values, arrays, and what is kept of stacks. Objects: automaton_object.cc.
#include "grammar/automaton.h"

#include <algorithm>

#include "grammar/space.h"
#include "grammar/strings.h"

namespace bw::grammar {
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
