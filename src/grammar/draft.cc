// What is possible, and the Program of it.
#include "grammar/draft.h"

#include <algorithm>

#include "grammar/strings.h"

namespace bw::grammar {
namespace {
constexpr size_t max_name_states = 100'000;

class Finisher {
 public:
  explicit Finisher(Draft& d) : d_(d) {}

  Status find() {
    d_.possible.assign(d_.nodes.size(), 0);
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = d_.nodes.size(); i-- > 0;) {  // what a node needs mostly comes after it
        if (d_.possible[i]) continue;
        for (const Program::Machine& m : d_.nodes[i].machines) {
          BW_TRY(const bool can, possible(m));
          if (can) d_.possible[i] = changed = true;
        }
      }
    }
    return {};
  }

  Result<Program> finish(uint32_t root) {
    Program p;
    p.root = root;
    p.strings = d_.strings;
    p.nodes.resize(d_.nodes.size());
    p.dfas = std::move(d_.dfas);
    for (size_t i = 0; i < d_.nodes.size(); ++i)
      for (const Program::Machine& m : d_.nodes[i].machines) {
        BW_TRY(const bool can, possible(m));
        if (!can) continue;
        Program::Machine out = m;
        if (m.reads == Program::Reads::array) {
          out.index = uint32_t(p.arrays.size());
          p.arrays.push_back(array(d_.arrays[m.index]));
        } else if (m.reads == Program::Reads::object) {
          out.index = uint32_t(p.objects.size());
          BW_TRY(Program::Object o, object(d_.objects[m.index]));
          p.objects.push_back(std::move(o));
        }
        p.nodes[i].machines.push_back(out);
      }
    return p;
  }

 private:
  bool is_possible(uint32_t node) const { return d_.possible[node]; }

  Result<bool> possible(const Program::Machine& m) {
    switch (m.reads) {
      case Program::Reads::dfa:
        return true;  // empty ones are not put
      case Program::Reads::string:
        return true;
      case Program::Reads::array: {
        const DraftArray& a = d_.arrays[m.index];
        return a.min <= std::min(a.max, n_possible_items(a));
      }
      case Program::Reads::object:
        return possible_object(d_.objects[m.index]);
    }
    return false;
  }
  uint64_t n_possible_items(const DraftArray& a) const {
    for (size_t i = 0; i < a.prefix.size(); ++i)
      if (!is_possible(a.prefix[i])) return i;
    return is_possible(a.items) ? endless : a.prefix.size();
  }
  Result<bool> possible_object(const DraftObject& o) {
    uint64_t n_required = 0, n_declared = 0;
    for (const auto& property : o.properties) {
      if (property.required && !is_possible(property.node)) return false;
      n_required += property.required;
      n_declared += is_possible(property.node);
    }
    if (n_required > o.max || o.min > o.max) return false;
    if (n_declared >= o.min) return true;
    BW_TRY(const Dfa names, other_names(o));
    if (names.empty()) return false;
    const uint64_t words = names.words[0];
    return words == endless || n_declared + words - n_taken(o, names) >= o.min;
  }

  // The names of other members that may have a value; label: the bits of the patterns matched.
  Result<Dfa> other_names(const DraftObject& o) const {
    const auto label = [&](uint32_t bits) {
      const uint32_t matched = bits & 0x7FFFFFFF;
      return is_possible(o.other_nodes.at(matched)) ? int32_t(matched) : nowhere;
    };
    if (o.other_names.empty()) return label(0) < 0 ? Dfa{} : any_name_inside();
    return string_dfa(o.other_names, false, max_name_states, label);
  }
  static uint64_t n_taken(const DraftObject& o, const Dfa& names) {
    uint64_t n = 0;
    for (const auto& property : o.properties)
      if (const int32_t end = names.walk(0, property.name + '"'); end >= 0)
        n += names.label[size_t(end)] >= 0;
    return n;
  }

  Program::Array array(const DraftArray& a) const {
    Program::Array out;
    const uint64_t most = std::min(a.max, n_possible_items(a));
    for (size_t i = 0; i < std::min<uint64_t>(a.prefix.size(), most); ++i) out.prefix.push_back(a.prefix[i]);
    if (most > a.prefix.size()) out.items = a.items;
    out.min = uint32_t(a.min);
    out.max = most == endless ? no_limit : uint32_t(most);
    return out;
  }

  Result<Program::Object> object(const DraftObject& o) {
    Program::Object out;
    for (const auto& property : o.properties) {
      out.taken.push_back(property.name);
      if (is_possible(property.node)) out.properties.push_back(property);
    }
    std::sort(out.taken.begin(), out.taken.end());
    const auto n = uint32_t(out.properties.size());
    out.letters.emplace_back();
    for (uint32_t i = 0; i < n; ++i) put_name(out, i);
    out.n_required_from.assign(n + 1, 0);
    out.next_required.assign(n + 1, n);
    for (uint32_t i = n; i-- > 0;) {
      const bool required = out.properties[i].required;
      out.n_required_from[i] = out.n_required_from[i + 1] + required;
      out.next_required[i] = required ? i : out.next_required[i + 1];
    }
    out.min = uint32_t(o.min);
    out.max = o.max == endless ? no_limit : uint32_t(o.max);
    out.counts = out.min > 0 || out.max != no_limit;

    BW_TRY(Dfa names, other_names(o));
    if (names.empty()) return out;
    std::map<int32_t, int32_t> index;  // of the bits
    for (int32_t& label : names.label) {
      if (label < 0) continue;
      const auto [at, is_new] = index.try_emplace(label, int32_t(out.name_nodes.size()));
      if (is_new) out.name_nodes.push_back(o.other_nodes.at(uint32_t(label)));
      label = at->second;
    }
    mark_open(names);
    out.names = std::make_shared<const Dfa>(std::move(names));
    return out;
  }
  static void put_name(Program::Object& o, uint32_t property) {
    uint32_t at = 0;
    o.letters[0].below.push_back(property);
    for (const char c : o.properties[property].name) {
      const auto& next = o.letters[at].next;
      const auto found =
          std::find_if(next.begin(), next.end(), [&](const auto& e) { return e.first == uint8_t(c); });
      if (found != next.end()) {
        at = found->second;
      } else {
        o.letters[at].next.emplace_back(uint8_t(c), uint32_t(o.letters.size()));
        at = uint32_t(o.letters.size());
        o.letters.emplace_back();
      }
      o.letters[at].below.push_back(property);
    }
    o.letters[at].property = property;
  }

  Draft& d_;
};
}  // namespace

Status find_possible(Draft& draft) {
  return Finisher(draft).find();
}
Result<Program> finish(Draft& draft, uint32_t root) {
  return Finisher(draft).finish(root);
}

}  // namespace bw::grammar
