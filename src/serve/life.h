// The life of one answer: admission, attempts with their checks, retry with another seed, escalation along
// the chain, "I don't know", the person. In: an Ask of a class. Out: one Final, never two, never none.
// Asynchronous: nothing blocks but the checks, which run on the workers.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "contract/contract.h"
#include "review/queue.h"
#include "serve/deployments.h"
#include "serve/rules.h"
#include "serve/workers.h"

namespace bw::serve {

struct AttemptSeen {
  std::string deployment, model_sha256, description;
  uint64_t seed = 0;
  float temperature = 0;
  enum class Ending {
    passed,         // every check
    failed_checks,  // one at least; which and why in `checks`
    unknown,        // the model says that it does not know
    cut,            // reached the most tokens: never passes where there are checks
    error           // no reply: `error`
  } ending = Ending::error;
  std::vector<contract::CheckResult> checks;
  std::string text, output_sha256, error;
  std::string ask_sha256;  // of ask_json()
  bool kept = false;       // ask and text are in Texts
  std::string kv;          // own: type of the cache, "f16" | "q8"
  uint32_t max_tokens = 0, n_prompt = 0, n_output = 0, n_reused = 0;
  uint64_t ns_queued = 0, ns_first = 0, ns_total = 0;
};
const char* name(AttemptSeen::Ending ending);

struct Final {
  enum class What {
    answered,   // reply passed
    abstained,  // nobody answered: the contract's words instead, and why
    person,     // handed over: `review` waits
    refused     // not begun, or lost: `failure`
  } what = What::refused;
  std::string id, class_name;
  backend::Reply reply;                  // answered
  std::string deployment, model_sha256;  // answered: whose
  std::string reason;                    // abstained, person: why
  int64_t review = -1;
  backend::Failure failure;  // refused
  std::vector<AttemptSeen> attempts;
  bool escalated = false;  // a later link than the first was asked
  uint64_t ns_total = 0;
};
const char* name(Final::What what);

// An Ask as JSON with sorted keys: what a replay needs, and what its digest is of. And back, with the grammar
// compiled again.
std::string ask_json(const backend::Ask& ask);
Result<backend::Ask> ask_of_json(std::string_view json);
// What the audit log holds of an answer, and what its response carries (docs/log.md, docs/serve.md).
struct Origin {
  std::string contract_sha256, request_sha256, key_sha256;
};
nlohmann::json entry_of(const Final& final, const Origin& origin);
nlohmann::json receipt_of(const Final& final, const Origin& origin);

// What answers share.
struct Shared {
  const contract::Contract* contract = nullptr;
  std::map<std::string, std::unique_ptr<contract::Checks>> checks;  // by class
  struct Constrained {
    std::shared_ptr<const grammar::Grammar> grammar;
    std::string schema;
  };
  std::map<std::string, Constrained> grammars;  // by class, where a check constrains
  Deployments* deployments = nullptr;
  review::Queue* reviews = nullptr;
  audit::Texts* texts = nullptr;  // null: texts are not kept
  Workers* workers = nullptr;
  Budgets* budgets = nullptr;
  Stops* stops = nullptr;
};

class Life : public std::enable_shared_from_this<Life> {
 public:
  struct Wanted {
    std::string id;
    const contract::Class* of = nullptr;
    backend::Ask ask;              // its seed is set
    bool max_tokens_given = true;  // false: the life sets it, by class and context
    // Shown as they come: only where the class has no check, since what was shown cannot be taken back. May
    // be empty.
    std::function<void(std::string_view, const backend::TokenText*)> on_text;
    std::function<void(Final&&)> on_done;  // from a worker
  };
  static std::shared_ptr<Life> start(const Shared& shared, Wanted wanted);
  // Ends it as refused (cancelled), at once or with the attempt under way.
  void cancel();

 private:
  Life(const Shared& shared, Wanted wanted);
  // All on a worker, one after the other.
  void begin();
  bool in_scope();  // false: it was refused
  void next();      // the attempt that is due, the next link's, or the end
  void ask(const std::shared_ptr<const Live>& live);
  void ended(backend::Ended&& ended);
  void replied(backend::Reply&& reply);
  void failed(backend::Failure&& failure);
  void give_up(const std::string& why);
  void hand_over(const std::string& why);
  void refuse(backend::Failure failure);
  void finish(Final::What what);
  void keep(AttemptSeen& attempt, const std::string& ask);

  const Shared& shared_;
  Wanted wanted_;
  Final final_;
  std::shared_ptr<const Live> live_;  // of the attempt under way
  backend::AskId running_ = 0;
  std::mutex mutex_;  // of running_, live_ and cancelled_
  bool cancelled_ = false;
  size_t link_ = 0;
  uint32_t attempt_ = 0;  // on this link
  uint64_t began_ns_ = 0;
  bool any_reply_ = false;
  std::string asked_;  // ask_json() of the attempt under way, where texts are kept
  std::optional<backend::Failure> too_long_, last_failure_;
};

}  // namespace bw::serve
