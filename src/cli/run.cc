// bitworth run FILE --prompt P: one answer, streamed to stdout.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/log_probs.h"
#include "cli/model_session.h"
#include "cli/usage.h"
#include "engine/generate.h"
#include "engine/stop_strings.h"
#include "memory/memory.h"
#include "text/chat.h"
#include "text/text_stream.h"

namespace bw::cli {
namespace {

struct Options {
  std::string path, prompt, system;
  bool raw = false;
  int threads = 0;
  engine::KvType kv = engine::KvType::f16;
  uint32_t n_ctx = 0, max_tokens = 256;
  engine::SamplerOptions sampler;
  std::vector<std::string> bias, stop;
  int log_probs = -1;
};

// "ID=VALUE".
Result<engine::LogitBias> bias_of(const std::string& s) {
  engine::LogitBias b;
  const char* const end = s.data() + s.size();
  const auto id = std::from_chars(s.data(), end, b.token);
  if (id.ec == std::errc{} && id.ptr != end && *id.ptr == '=') {
    const auto value = std::from_chars(id.ptr + 1, end, b.bias);
    if (value.ec == std::errc{} && value.ptr == end) return b;
  }
  return bad_input(fmt::format("--logit-bias {}: expected ID=VALUE", s), "`bitworth tokenize` shows ids");
}

// The sampler of the options, every part of it checked against the vocabulary.
Result<engine::SamplerOptions> sampler_of(const Options& o, size_t n_vocab) {
  engine::SamplerOptions sampler = o.sampler;
  for (const std::string& s : o.bias) {
    BW_TRY(const engine::LogitBias b, bias_of(s));
    if (b.token >= 0 && size_t(b.token) >= n_vocab)
      return bad_input(fmt::format("--logit-bias {}: expected an id from 0 to {}", s, n_vocab - 1));
    sampler.bias.push_back(b);
  }
  BW_CHECK(engine::check(sampler));
  return sampler;
}

int run(const Shared& shared, const Options& o) {
  auto opened = open_readable(o.path);
  if (!opened) return complain(opened.error());
  const auto& file = opened->file;
  const auto& tokenizer = opened->tokenizer;
  warn_of_lost_bytes(tokenizer, o.system + o.prompt);
  engine::Request request;
  if (o.raw) {
    request.prompt =
        tokenizer.encode(o.prompt, text::Tokenizer::Special::as_text, text::Tokenizer::Bos::as_declared);
  } else {
    std::vector<text::Message> messages;
    if (!o.system.empty()) messages.push_back({"system", o.system});
    messages.push_back({"user", o.prompt});
    auto ids = text::chat_tokens(tokenizer, messages, true);
    if (!ids) return complain(ids.error());
    request.prompt = *ids;
  }
  if (request.prompt.empty())
    return complain(bad_input("run: the prompt has no tokens", "give some text with --prompt"));
  for (size_t id = 0; id < tokenizer.size(); ++id)
    if (tokenizer.ends_generation(static_cast<text::Token>(id)))
      request.stop.push_back(static_cast<text::Token>(id));
  request.max_tokens = o.max_tokens;
  auto sampler = sampler_of(o, tokenizer.size());
  if (!sampler) return complain(sampler.error());
  request.sampler = *std::move(sampler);
  auto stops = engine::StopStrings::make(o.stop);
  if (!stops) return complain(stops.error());
  if (o.log_probs >= 0 && !shared.json)
    return complain(bad_input("run: --log-probs is printed as JSON only", "add --json"));
  request.log_probs = o.log_probs >= 0;
  request.top_log_probs = uint32_t(std::max(o.log_probs, 0));
  engine::ContextOptions options;
  options.n_ctx = o.n_ctx ? o.n_ctx : static_cast<uint32_t>(request.prompt.size()) + o.max_tokens;
  options.n_logits = 1;
  options.kv_type = o.kv;
  if (request.prompt.size() >= options.n_ctx)
    return complain(bad_input(
        fmt::format("run: the prompt has {} tokens, --ctx holds {}", request.prompt.size(), options.n_ctx),
        "raise --ctx, or shorten the prompt; nothing is ever cut silently"));
  // The last token of the output is never pushed, so it needs no position.
  const uint32_t room = options.n_ctx - static_cast<uint32_t>(request.prompt.size()) + 1;
  const bool cut_at_ctx = room < request.max_tokens;
  request.max_tokens = std::min(request.max_tokens, room);
  if (const Status s = memory::fits(file, options, o.threads); !s) return complain(s.error());
  engine::LoadOptions load;
  load.n_threads = o.threads;
  auto model = load_with_progress(shared, file, load);
  if (!model) return complain(model.error());
  auto context = engine::make_context(*model, options);
  if (!context) return complain(context.error());
  catch_interrupts();
  text::TextStream characters(tokenizer, request.prompt.back());
  std::string all;
  size_t n_seen = 0;
  const auto show = [&](const std::string& text) {
    all += text;
    if (shared.json) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  request.stop_when = [&](std::span<const text::Token> output) {
    for (; n_seen < output.size(); ++n_seen) show(stops->push(characters.push(output[n_seen])));
    return stops->stopped() || interrupted().load();
  };
  auto done = engine::generate(**context, {}, std::span(&request, 1));
  if (!done) return complain(done.error());
  const engine::Completion& c = done->front();
  show(stops->push(characters.finish()));
  show(stops->finish());
  if (!shared.json) {
    fmt::print("\n");
    std::fflush(stdout);  // before the line on stderr
  }
  const double first = 1e-9 * double(c.ns_first), rest = 1e-9 * double(c.ns_total - c.ns_first);
  if (shared.json) {
    nlohmann::ordered_json j{{"text", all},
                             {"tokens", c.tokens},
                             {"n_prompt", c.n_prompt},
                             {"reason", c.reason == engine::Completion::Reason::stop ? "stop" : "length"},
                             {"time_to_first_token_s", first},
                             {"isa", std::string((*model)->isa())}};
    if (stops->stopped()) j["stop_string"] = o.stop[size_t(stops->which())];
    for (const engine::LogProbs& p : c.log_probs) j["log_probs"].push_back(log_probs_json(p, tokenizer));
    if (c.tokens.size() > 1 && rest > 0) j["decode_tokens_per_s"] = double(c.tokens.size() - 1) / rest;
    fmt::print("{}\n", j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else if (!shared.quiet) {
    fmt::print(stderr, "[{} prompt tokens, first token after {:.2f} s", c.n_prompt, first);
    if (c.tokens.size() > 1 && rest > 0)
      fmt::print(stderr, ", then {:.1f} tokens/s, {}", double(c.tokens.size() - 1) / rest, (*model)->isa());
    fmt::print(stderr, "{}]\n",
               c.reason != engine::Completion::Reason::length ? ""
               : cut_at_ctx                                   ? ", cut at --ctx"
                                                              : ", cut at --max-tokens");
  }
  return interrupted() ? 1 : 0;
}

}  // namespace

void add_run(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("run", "One answer to one prompt, streamed");
  sub->footer(
      "Example:\n  bitworth run model.gguf --prompt 'Write a haiku about memory' --max-tokens 64\n"
      "  bitworth run model.gguf --prompt 'Yes or no?' --max-tokens 1 --json --log-probs 20");
  auto o = std::make_shared<Options>();
  sub->add_option("FILE", o->path, "GGUF file, or a name from `bitworth models`")->required();
  sub->add_option("--prompt", o->prompt, "The user's message")->required();
  sub->add_option("--system", o->system, "A system message before it");
  sub->add_flag("--raw", o->raw, "No chat template: the model continues the prompt");
  sub->add_option("--max-tokens", o->max_tokens, "Most tokens of output")
      ->check(whole(1, 1 << 20))
      ->capture_default_str();
  sub->add_option("--ctx", o->n_ctx, "Positions; by default as many as prompt and output need")
      ->check(whole(0, 1 << 20));
  add_kv_option(*sub, o->kv, "Type of the KV cache");
  sub->add_option("--threads", o->threads, "0: every processor this process may use")->check(whole(0, 1024));
  sub->add_option("--temperature", o->sampler.temperature, "0: greedy")
      ->check(real(0, 100))
      ->capture_default_str();
  sub->add_option("--top-k", o->sampler.top_k, "0: all")->check(whole(0, 2147483647));
  sub->add_option("--top-p", o->sampler.top_p)->check(real(0, 1))->capture_default_str();
  sub->add_option("--min-p", o->sampler.min_p)->check(real(0, 1))->capture_default_str();
  sub->add_option("--seed", o->sampler.seed, "Same seed, same answer, on any machine")
      ->check(whole(0, any_seed))
      ->capture_default_str();
  sub->add_option("--typical", o->sampler.typical, "Locally typical sampling; 1: off")
      ->check(real(0, 1))
      ->capture_default_str();
  sub->add_option("--repeat-penalty", o->sampler.repeat_penalty, "1: off")
      ->check(real(0.01, 100))
      ->capture_default_str();
  sub->add_option("--repeat-window", o->sampler.repeat_window, "Latest tokens it looks at")
      ->check(whole(0, 1 << 20))
      ->capture_default_str();
  sub->add_option("--frequency-penalty", o->sampler.frequency_penalty)
      ->check(real(-100, 100))
      ->capture_default_str();
  sub->add_option("--presence-penalty", o->sampler.presence_penalty)
      ->check(real(-100, 100))
      ->capture_default_str();
  sub->add_option("--logit-bias", o->bias, "ID=VALUE, added to that token's logit; may be repeated")
      ->allow_extra_args(false);
  sub->add_option("--stop", o->stop, "Text that ends the answer, not part of it; may be repeated")
      ->allow_extra_args(false);
  sub->add_option("--log-probs", o->log_probs,
                  "With --json: the log-probability of each token and of the N likeliest beside it")
      ->check(whole(0, engine::max_top_log_probs));
  sub->callback([&shared, o] { shared.chosen = [&shared, o] { return run(shared, *o); }; });
}

}  // namespace bw::cli
