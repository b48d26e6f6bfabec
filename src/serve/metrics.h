// What Prometheus is told of a server. In: each answer as it ends, reviews, readings of the moment. Out: the
// exposition text of /metrics (docs/metrics.md lists every metric). Classes, deployments and checks are those
// of the contract and nothing else: a name from outside becomes "other", so that no client can make series.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/host.h"
#include "contract/contract.h"
#include "review/queue.h"

namespace bw::serve {

struct Final;  // serve/life.h

// Of the moment, asked for at each scrape.
struct Reading {
  struct Deployment {
    std::string name;
    uint32_t slots = 0;
    backend::Load load;
  };
  std::vector<Deployment> deployments;
  std::optional<uint64_t> reviews_waiting, connections;
};

struct MetricsOptions {
  std::string powercap = "/sys/class/powercap";
  HostPaths host;
  Clock now = monotonic_ns;
  std::function<Reading()> reading;  // may be empty
};

// Any thread.
class Metrics {
 public:
  Metrics(const contract::Contract& contract, MetricsOptions options);
  ~Metrics();

  // A life that ended, and the status its caller got.
  void answered(const Final& final, int status);
  // A request that never began a life: wrong key, malformed, no class.
  void turned_away(std::string_view class_name, int status);
  // seconds: none where nobody measured them.
  void reviewed(std::string_view class_name, review::Item::State decision, std::optional<double> seconds);

  std::string text();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

inline constexpr const char* metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace bw::serve
