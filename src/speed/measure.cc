// The parent's side of a measurement: start the child, follow it, turn its times into figures or its end into
// an Error.
#include <fmt/format.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "speed/process.h"
#include "speed/wire.h"

namespace bw::speed {
namespace {

std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of(" \n");
  if (end == std::string::npos) return {};
  const size_t begin = text.find_last_of('\n', end);
  return text.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

Error why_it_ended(const std::string& model, const Ended& e) {
  const char* const less =
      "use a scenario with less context or fewer streams, or a smaller file; `bitworth plan` shows "
      "what it needs and what this host leaves";
  if (e.out_of_memory)
    return failed(fmt::format("{}: the kernel killed the measuring process for lack of memory", model), less);
  if (e.signal == SIGKILL)
    return failed(
        fmt::format("{}: the measuring process was killed (SIGKILL), by somebody or for lack of memory",
                    model),
        less);
  if (e.signal == SIGINT || e.signal == SIGTERM || e.signal == SIGHUP)
    return failed(fmt::format("{}: the measurement was interrupted", model),
                  "run the same command with --resume");
  const std::string words = last_line(e.last_words);
  const std::string said = words.empty() ? std::string("it said nothing") : "its last words: " + words;
  if (e.signal != 0)
    return failed(fmt::format("{}: the measuring process crashed (signal {}, {}); {}", model, e.signal,
                              ::strsignal(e.signal), said),
                  "this is a fault of bitworth: report it with this message");
  return failed(fmt::format("{}: the measuring process ended with exit code {} and no answer; {}", model,
                            e.exit_code, said));
}

}  // namespace

Result<Measured> measure(const std::string& program, const std::string& model_path, const Load& load,
                         const Progress& progress) {
  ChildRequest request{model_path, load, monotonic_ns(), child_progress_fd};
  BW_CHECK(child_request(to_json(request)));  // a load out of range is refused before a process is made
  BW_TRY(const Ended ended,
         run_child(program, {"child-measure"}, to_json(request), [&](std::string_view line) {
           const auto p = progress ? progress_of(line) : std::nullopt;
           if (p) progress(p->what, p->share);
         }));
  if (ended.signal != 0 || ended.exit_code != 0) return why_it_ended(model_path, ended);
  BW_TRY(const ChildAnswer answer, child_answer(ended.output));
  Measured m;
  m.speed = report(answer.samples, load, answer.around);
  m.peak_bytes = answer.peak_bytes > 0 ? measured(static_cast<double>(answer.peak_bytes), "bytes",
                                                  "VmHWM of the measuring process")
                                       : unknown("bytes", "/proc/self/status does not say VmHWM here");
  m.logits_digest = digest(answer.samples.first_output);
  m.isa = answer.isa;
  m.n_threads = answer.n_threads;
  m.raw = ended.output;
  return m;
}

}  // namespace bw::speed
