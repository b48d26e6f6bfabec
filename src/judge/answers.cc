#include "judge/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bw::judge {
namespace {

// What looks over the output of a category where figures say that it must be looked over.
struct Control {
  const char* category;
  const char* how;
};
constexpr Control kControls[] = {
    {"extraction", "check that each value stands in the input text"},
    {"code", "compile it and run its tests"},
    {"arithmetic", "compute the result again"},
};
std::string control_for(const std::string& category) {
  for (const Control& c : kControls)
    if (category == c.category) return c.how;
  return "have a person look at a sample";
}

std::string gained(const Candidate& c, const std::optional<Reference>& reference) {
  if (c.role == Role::control) return "nothing: this is the control, made to fail";
  if (!reference) return "not known: no reference to compare with (--reference FILE)";
  std::vector<std::string> parts;
  if (const Figure& saved = c.memory.saved; saved.known())
    parts.push_back(fmt::format("{:.0f} MiB {} memory than the reference ({})", std::fabs(mib(saved.value)),
                                saved.value >= 0 ? "less" : "more", saved.reason));
  const double file =
      static_cast<double>(reference->format.file_bytes) - static_cast<double>(c.format.file_bytes);
  parts.push_back(
      fmt::format("a file {:.0f} MiB {}", std::fabs(mib(file)), file >= 0 ? "smaller" : "larger"));
  const Figure &mine = c.speed.report.decode_tokens_per_s, &its = reference->speed.report.decode_tokens_per_s;
  if (mine.known() && its.known() && its.value > 0)
    parts.push_back(fmt::format("decode at {:.2f} times its speed", mine.value / its.value));
  std::string out;
  for (const std::string& p : parts) out += (out.empty() ? "" : ", ") + p;
  return out;
}

std::string control_needed(const Candidate& c) {
  if (c.role == Role::control) return "none: a control is not for use";
  if (c.degradation.categories.empty()) return "not known: no category was judged";
  std::string out;
  for (const auto& [category, r] : c.degradation.categories) {
    const bool silent = r.silent_failures.known() && r.silent_failures.value > 0;
    const bool bad = r.outcome == quality::Equivalence::worse;
    const bool open = r.outcome == quality::Equivalence::cannot_tell;
    if (!silent && !bad && !open) continue;
    if (!out.empty()) out += "; ";
    out += fmt::format("{}: {}", category, control_for(category));
    if (silent)
      out += fmt::format(
          " ({:.0f} in 100 were accepted and not true; the reference: {})", 100 * r.silent_failures.value,
          r.silent_failures_reference.known() ? fmt::format("{:.0f}", 100 * r.silent_failures_reference.value)
                                              : std::string("not known"));
    else
      out += bad ? " (it is worse there)" : " (not decided there)";
  }
  return out.empty() ? "none that these tasks show" : out;
}

std::string first_silent_failure(const Candidate& c) {
  for (const auto& [category, r] : c.degradation.categories)
    if (!r.first_silent_failure.empty()) return r.first_silent_failure;
  if (c.degradation.categories.empty()) return "not known: no task was run";
  uint32_t n = 0;
  for (const auto& [category, r] : c.degradation.categories) n += r.n_items;
  if (n == 0) return "not known: no item was finished";
  return fmt::format("none in {} items", n);
}

}  // namespace

Answers answers(const Candidate& c, const std::optional<Reference>& reference) {
  return {gained(c, reference), control_needed(c), first_silent_failure(c)};
}

std::vector<RunHint> run_without_bitworth(const Candidate& c, const scenario::Scenario& s) {
  if (c.role == Role::control) return {};
  std::string threads_flag, threads_line;
  if (s.load.threads) {
    threads_flag = fmt::format(" --threads {}", s.load.threads);
    threads_line = fmt::format("PARAMETER num_thread {}\n", s.load.threads);
  }
  // Their nearest to our q8, which is rotated first; neither quantizes a cache without flash attention.
  std::string kv_flags, kv_line;
  if (c.kv_type == engine::KvType::q8) {
    kv_flags = " --flash-attn on --cache-type-k q8_0 --cache-type-v q8_0";
    kv_line = "# ollama serve must be started with OLLAMA_FLASH_ATTENTION=1 OLLAMA_KV_CACHE_TYPE=q8_0\n";
  }
  // A path with a quote or space in it must survive the shell.
  std::string quoted = "'";
  for (char ch : c.path) quoted += ch == '\'' ? std::string("'\\''") : std::string(1, ch);
  quoted += "'";
  return {
      {"llama-server", fmt::format("llama-server --model {} --ctx-size {} --parallel {}{}{}", quoted,
                                   s.load.context * s.load.streams, s.load.streams, threads_flag, kv_flags)},
      {"ollama",
       fmt::format("{}FROM {}\nPARAMETER num_ctx {}\n{}", kv_line, c.path, s.load.context, threads_line)}};
}

}  // namespace bw::judge
