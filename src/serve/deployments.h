// What answers now, by the names a contract gives: each name can be switched to another file or setting under
// load, and taken back. In: the contract, switches with their reasons. Out: the live backend of a name. A
// switch opens and warms the new one beside the old, then new answers go to the new one, and the old one ends
// with its last answer. Every switch is an entry of the audit log before it takes effect.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "audit/log.h"
#include "backend/backend.h"
#include "base/result.h"
#include "contract/contract.h"

namespace bw::serve {

struct Live {
  contract::Deployment spec;
  std::shared_ptr<backend::Backend> backend;
  uint64_t since_ms = 0;  // since 1970
};

// A change to a deployment: what is set replaces what it has.
struct Change {
  std::string file;  // "": as it is
  std::optional<engine::KvType> kv;
  uint32_t context = 0, slots = 0;  // 0: as they are
};

struct Switched {
  std::string name, from, to;  // files or endpoints
  int64_t log_index = -1;
  double seconds = 0;  // opening and warming
};

class Deployments {
 public:
  using Opener = std::function<Result<std::shared_ptr<backend::Backend>>(const contract::Deployment&)>;
  // Opens all of the contract, each as last switched (`state_path` remembers). A contract that now declares
  // another file than the one a switch began from wins over that switch.
  static Result<std::unique_ptr<Deployments>> open(const contract::Contract& contract,
                                                   const std::string& state_path, Opener opener,
                                                   audit::Log& log);
  ~Deployments();

  // Any thread. Nothing: no such name.
  std::shared_ptr<const Live> get(const std::string& name) const;
  std::vector<std::shared_ptr<const Live>> all() const;
  // Block until the switch is done or refused; one at a time. `who` and `why` are needed, and logged.
  Result<Switched> change(const std::string& name, const Change& change, const std::string& who,
                          const std::string& why);
  Result<Switched> undo(const std::string& name, const std::string& who, const std::string& why);
  size_t n_draining() const;  // replaced, with answers under way

 private:
  struct State;
  explicit Deployments(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bw::serve
