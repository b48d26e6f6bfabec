// The closed loop: streams, passes, times. See samples.h.
#include <algorithm>

#include "engine/sampler.h"
#include "speed/samples.h"

namespace bw::speed {
namespace {

struct Stream {
  bool busy = false;
  size_t request = 0;
  int seq = -1;
  size_t fed = 0;          // prompt rows given to the context
  engine::Token next = 0;  // the token to feed, once the prompt is in
};

// A row of a pass and the stream it belongs to.
struct Pass {
  std::vector<engine::Row> rows;
  std::vector<size_t> owner;
  void add(size_t stream, int seq, engine::Token token, bool wants) {
    rows.push_back({seq, token, wants});
    owner.push_back(stream);
  }
};

// Decoding streams first, so that a long prompt does not hold up their next token by more than one pass.
Pass gather(std::vector<Stream>& streams, std::span<const std::vector<engine::Token>> prompts,
            uint32_t n_batch) {
  Pass pass;
  for (size_t i = 0; i < streams.size() && pass.rows.size() < n_batch; ++i) {
    const Stream& s = streams[i];
    if (s.busy && s.fed == prompts[s.request].size()) pass.add(i, s.seq, s.next, true);
  }
  for (size_t i = 0; i < streams.size(); ++i) {
    Stream& s = streams[i];
    if (!s.busy) continue;
    const auto& prompt = prompts[s.request];
    while (s.fed < prompt.size() && pass.rows.size() < n_batch) {
      pass.add(i, s.seq, prompt[s.fed], s.fed + 1 == prompt.size());
      ++s.fed;
    }
  }
  return pass;
}

}  // namespace

Result<Samples> run_load(engine::Context& context, std::span<const std::vector<engine::Token>> prompts,
                         const Load& load, uint32_t n_batch, const Clock& clock, const Progress& progress) {
  if (load.n_streams == 0 || load.output_tokens == 0 || n_batch == 0 || prompts.empty())
    return bad_input("load: expected at least one stream, one request and one output token");
  for (const auto& p : prompts)
    if (p.empty()) return bad_input("load: expected prompts of at least one token");
  // Streams beyond a pass's rows would wait forever behind those before them.
  if (load.n_streams > n_batch) return bad_input("load: more streams than rows in a pass");
  Samples out;
  out.requests.resize(prompts.size());
  std::vector<Stream> streams(std::min<size_t>(load.n_streams, prompts.size()));
  size_t next_request = 0, n_done = 0;
  out.begin_ns = clock();
  uint64_t now = out.begin_ns;
  while (n_done < prompts.size()) {
    for (Stream& s : streams) {
      if (s.busy || next_request == prompts.size()) continue;
      BW_TRY(const int seq, context.new_sequence());
      s = {true, next_request, seq, 0, 0};
      out.requests[next_request++].sent_ns = now;  // closed loop: sent the moment the stream is free
    }
    const Pass pass = gather(streams, prompts, n_batch);
    std::vector<std::pair<size_t, engine::Token>> made;  // stream, token
    BW_CHECK(context.forward(pass.rows, [&](size_t row, std::span<const float> logits) -> Status {
      made.emplace_back(pass.owner[row], engine::greedy(logits));
      return {};
    }));
    now = clock();
    for (const auto& [i, token] : made) {
      Stream& s = streams[i];
      auto& times = out.requests[s.request].token_ns;
      times.push_back(now);
      if (s.request == 0) out.first_output.push_back(token);
      s.next = token;
      if (times.size() < load.output_tokens) continue;
      context.drop(s.seq);
      s.busy = false;
      ++n_done;
    }
    if (progress) {
      size_t tokens = 0;
      for (const auto& r : out.requests) tokens += r.token_ns.size();
      progress("load",
               static_cast<double>(tokens) / (static_cast<double>(prompts.size()) * load.output_tokens));
    }
  }
  out.end_ns = now;
  return out;
}

}  // namespace bw::speed
