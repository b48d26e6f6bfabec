// A server: one contract, its deployments, log, keys, reviews and HTTP, put together. In: a contract and
// where its files go. Out: an address that answers until it is drained.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "contract/contract.h"

namespace bw::serve {

struct AppOptions {
  std::string folder;  // of log, keys, reviews, texts; made where it is not there
  std::string address = "127.0.0.1";
  uint16_t port = 8080;  // 0: any free one
  uint32_t max_connections = 512;
  uint64_t forget_ms = 24ull * 3600 * 1000;  // idempotency keys and their answers are kept for so long
  // Loading: which file, and bytes. May be empty.
  std::function<void(const std::string& file, uint64_t done, uint64_t total)> progress;
  // Lines for a person: what was repaired, what fired. May be empty.
  std::function<void(const std::string& line)> say;
};

class App {
 public:
  // Opens and verifies the log, loads every deployment, finishes what a crash left undone, then listens.
  static Result<std::unique_ptr<App>> open(contract::Contract contract, const AppOptions& options);
  ~App();
  uint16_t port() const;
  const std::string& public_key() const;  // of the log
  // Refuses new requests, lets answers under way end for at most `ms`, signs a checkpoint. True: all ended.
  bool drain(uint64_t ms);

  struct State;

 private:
  explicit App(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bw::serve
