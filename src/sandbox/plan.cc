#include "sandbox/plan.h"

#include <cstring>

namespace bw::sandbox {
namespace {

struct Out {
  std::string bytes;
  template <class T>
  void value(const T& v) {
    bytes.append(reinterpret_cast<const char*>(&v), sizeof v);
  }
  void text(const std::string& s) {
    value(s.size());
    bytes += s;
  }
};

struct In {
  std::string_view bytes;
  bool ok = true;
  template <class T>
  void value(T& v) {
    if (bytes.size() < sizeof v) {
      ok = false;
      return;
    }
    std::memcpy(&v, bytes.data(), sizeof v);
    bytes.remove_prefix(sizeof v);
  }
  void text(std::string& s) {
    size_t n = 0;
    value(n);
    if (!ok || n > bytes.size()) {
      ok = false;
      return;
    }
    s = bytes.substr(0, n);
    bytes.remove_prefix(n);
  }
};

// The one list of a plan's plain members; both directions walk it.
template <class Io, class P>
void plain(Io& io, P& p) {
  io.value(p.parent);
  io.value(p.deadline_ns);
  io.value(p.uid);
  io.value(p.gid);
  io.value(p.limits);
  io.value(p.landlock_abi);
  io.value(p.probe);
  io.text(p.program);
  io.text(p.filter);
}

}  // namespace

std::string pack(const Plan& plan) {
  Out out;
  plain(out, plan);
  out.value(plan.argv.size());
  for (const std::string& a : plan.argv) out.text(a);
  out.value(plan.visible.size());
  for (const Visible& v : plan.visible) {
    out.value(v.kind);
    out.text(v.path);
    out.text(v.target);
  }
  return std::move(out.bytes);
}

std::optional<Plan> unpack(std::string_view bytes) {
  In in{bytes};
  Plan plan;
  plain(in, plan);
  size_t n = 0;
  in.value(n);
  for (size_t i = 0; in.ok && i < n; ++i) in.text(plan.argv.emplace_back());
  in.value(n);
  for (size_t i = 0; in.ok && i < n; ++i) {
    Visible& v = plan.visible.emplace_back();
    in.value(v.kind);
    in.text(v.path);
    in.text(v.target);
  }
  if (!in.ok || !in.bytes.empty()) return std::nullopt;
  return plan;
}

const char* words(Step step) {
  switch (step) {
#define BW_STEP(name, words) \
  case Step::name:           \
    return words;
    BW_SANDBOX_STEPS(BW_STEP)
#undef BW_STEP
  }
  return "?";
}

}  // namespace bw::sandbox
