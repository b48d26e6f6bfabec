#include "speed/wire.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/figure_json.h"

namespace bw::speed {
namespace {
using json = nlohmann::ordered_json;

// Largest counts a load may ask for; beyond them a number is a mistake, not a scenario.
constexpr uint64_t most_streams = 1024, most_tokens = 1u << 20, most_requests = 1u << 20, most_threads = 4096;

Result<uint64_t> uint_in(const json& j, const char* key, uint64_t low, uint64_t high) {
  const auto it = j.find(key);
  if (it == j.end() || !it->is_number_unsigned())
    return bad_input(fmt::format("child-measure: {}: expected an integer from {} to {}", key, low, high));
  const auto v = it->get<uint64_t>();
  if (v < low || v > high)
    return bad_input(fmt::format("child-measure: {}: expected {} to {}, found {}", key, low, high, v));
  return v;
}

Result<engine::KvType> kv_type_in(const json& j) {
  const auto it = j.find("kv_type");
  if (it != j.end() && it->is_string())
    for (const engine::KvType t : kernels::kv_types)
      if (it->get<std::string>() == kernels::name(t)) return t;
  return bad_input(fmt::format("child-measure: kv_type: expected f16 or q8, found {}",
                               it == j.end() ? "nothing" : it->dump()));
}

Error unreadable(const std::string& why) {
  return failed("the measuring process answered something unreadable: " + why,
                "run the same command again; if it repeats, report it with this message");
}

Code code_of(int c) {
  if (c == static_cast<int>(Code::bad_input)) return Code::bad_input;
  if (c == static_cast<int>(Code::unsupported)) return Code::unsupported;
  return Code::failed;
}

}  // namespace

std::string to_json(const ChildRequest& r) {
  return json{{"model", r.model},
              {"n_streams", r.load.n_streams},
              {"prompt_tokens", r.load.prompt_tokens},
              {"output_tokens", r.load.output_tokens},
              {"n_requests", r.load.n_requests},
              {"n_ctx", r.load.n_ctx},
              {"n_threads", r.load.n_threads},
              {"kv_type", kernels::name(r.load.kv_type)},
              {"spawned_ns", r.spawned_ns},
              {"progress_fd", r.progress_fd}}
      .dump();
}

Result<ChildRequest> child_request(const std::string& text) {
  const json j = json::parse(text, nullptr, false);
  if (!j.is_object()) return bad_input("child-measure: expected a JSON object on standard input");
  ChildRequest r;
  const auto model = j.find("model");
  if (model == j.end() || !model->is_string()) return bad_input("child-measure: model: expected a path");
  r.model = model->get<std::string>();
  BW_TRY(const uint64_t streams, uint_in(j, "n_streams", 1, most_streams));
  BW_TRY(const uint64_t prompt, uint_in(j, "prompt_tokens", 1, most_tokens));
  BW_TRY(const uint64_t output, uint_in(j, "output_tokens", 1, most_tokens));
  BW_TRY(const uint64_t requests, uint_in(j, "n_requests", 1, most_requests));
  BW_TRY(const uint64_t n_ctx, uint_in(j, "n_ctx", 1, most_tokens));
  BW_TRY(const uint64_t threads, uint_in(j, "n_threads", 0, most_threads));
  BW_TRY(const engine::KvType kv_type, kv_type_in(j));
  BW_TRY(r.spawned_ns, uint_in(j, "spawned_ns", 0, ~uint64_t{0}));
  if (prompt + output > n_ctx)
    return bad_input(fmt::format("load: {} prompt and {} output tokens do not fit into a context of {}",
                                 prompt, output, n_ctx),
                     "raise the scenario's context or shorten its requests");
  r.load = {static_cast<uint32_t>(streams),
            static_cast<uint32_t>(prompt),
            static_cast<uint32_t>(output),
            static_cast<uint32_t>(requests),
            static_cast<uint32_t>(n_ctx),
            static_cast<int>(threads),
            kv_type};
  r.progress_fd = j.value("progress_fd", -1);
  return r;
}

std::string to_json(const ChildAnswer& a) {
  json requests = json::array();
  for (const RequestSample& r : a.samples.requests)
    requests.push_back({{"sent_ns", r.sent_ns}, {"token_ns", r.token_ns}});
  return json{{"requests", std::move(requests)},
              {"begin_ns", a.samples.begin_ns},
              {"end_ns", a.samples.end_ns},
              {"first_output", a.samples.first_output},
              {"load_s", a.around.load_s},
              {"cpu_s", a.around.cpu_s},
              {"bytes_read_per_token", a.around.bytes_read_per_token},
              {"read_bandwidth", json_of(a.around.read_bandwidth)},
              {"peak_bytes", a.peak_bytes},
              {"isa", a.isa},
              {"n_threads", a.n_threads}}
      .dump();
}

std::string to_json(const Error& e) {
  // A path may hold bytes that are no UTF-8; they are replaced, not thrown over.
  return json{{"error", {{"code", static_cast<int>(e.code)}, {"what", e.what}, {"next", e.next}}}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
}

Result<ChildAnswer> child_answer(const std::string& text) {
  try {  // nlohmann throws on a missing or mistyped member
    const json j = json::parse(text);
    if (j.contains("error")) {
      const json& e = j.at("error");
      return Error{code_of(e.at("code").get<int>()), e.at("what").get<std::string>(),
                   e.at("next").get<std::string>()};
    }
    ChildAnswer a;
    for (const json& r : j.at("requests"))
      a.samples.requests.push_back(
          {r.at("sent_ns").get<uint64_t>(), r.at("token_ns").get<std::vector<uint64_t>>()});
    a.samples.begin_ns = j.at("begin_ns").get<uint64_t>();
    a.samples.end_ns = j.at("end_ns").get<uint64_t>();
    a.samples.first_output = j.at("first_output").get<std::vector<engine::Token>>();
    auto bandwidth = figure_of(j.at("read_bandwidth"));
    if (!bandwidth) return unreadable("read_bandwidth: " + bandwidth.error().what);
    a.around = {j.at("load_s").get<double>(), j.at("cpu_s").get<double>(),
                j.at("bytes_read_per_token").get<uint64_t>(), *std::move(bandwidth)};
    a.peak_bytes = j.at("peak_bytes").get<uint64_t>();
    a.isa = j.at("isa").get<std::string>();
    a.n_threads = j.at("n_threads").get<int>();
    return a;
  } catch (const json::exception& e) {
    return unreadable(e.what());
  }
}

std::string progress_line(const std::string& what, double share) {
  return json{{"what", what}, {"share", share}}.dump() + "\n";
}

std::optional<ProgressLine> progress_of(std::string_view line) {
  const json j = json::parse(line, nullptr, false);
  if (!j.is_object() || !j.contains("what") || !j.contains("share") || !j["what"].is_string() ||
      !j["share"].is_number())
    return std::nullopt;
  return ProgressLine{j["what"].get<std::string>(), j["share"].get<double>()};
}

}  // namespace bw::speed
