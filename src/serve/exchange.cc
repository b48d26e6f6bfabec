// One request of either API: parsed, claimed, answered by one Life a choice, logged, and only then
// acknowledged.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "serve/app_state.h"
#include "serve/entries.h"

namespace bw::serve {
namespace {
using backend::Failure;
using nlohmann::json;

// Stands where the log's index will; no text of a model can contain it, for there its quotes are escaped.
constexpr std::string_view kNoIndex = "\"log_index\":-1";

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(App::State& app, Api api, http::Request&& request, http::Responder responder)
      : app_(app), api_(api), http_(std::move(request)), responder_(std::move(responder)), under_way_(app) {}

  void begin();

 private:
  bool parse();
  bool choose_class();
  bool key();
  void claimed(Result<Claimed> claim);
  void run();
  void done(size_t choice, Final&& final);
  void conclude();
  void log_and_send(const std::string& body);
  void replay(const Claimed& claim);
  void send(std::string body, bool replayed);
  void refuse(const ApiError& error);
  backend::Reply shown(const Final& final) const;

  App::State& app_;
  const Api api_;
  http::Request http_;
  const http::Responder responder_;
  const UnderWay under_way_;
  ApiRequest request_;
  const contract::Class* class_ = nullptr;
  Origin origin_;
  std::string id_;
  Head head_;

  std::mutex mutex_;  // of what several choices share
  std::vector<std::shared_ptr<Life>> lives_;
  std::vector<std::optional<Final>> finals_;
  size_t n_done_ = 0;
  std::optional<EventWriter> events_;
  std::vector<std::string> entries_;  // for the log, one a choice
  bool begun_ = false;                // the stream's headers are out
  bool begun_life_ = false;           // metrics have its answers
  std::string streamed_;              // all events so far, for a repeat of the key
};

void Exchange::begin() {
  if (!parse() || !choose_class() || !key()) return;
  // The class too: it says what is done with the body.
  origin_.request_sha256 = sha256_hex(http_.path + "\n" + class_->name + "\n" + http_.body);
  http_.body = {};
  id_ = new_answer_id();
  if (origin_.key_sha256.empty()) return run();
  app_.answers->claim({id_, origin_.key_sha256, origin_.request_sha256}, [self = shared_from_this()](
                                                                             auto claim) {
    self->app_.workers->post([self, claim = std::move(claim)]() mutable { self->claimed(std::move(claim)); });
  });
}

bool Exchange::parse() {
  const std::string type = http_.header("content-type").value_or("");
  if (type.rfind("application/json", 0) != 0) {
    refuse(refusal(400, "content_type", "Content-Type: expected application/json, found '" + type + "'"));
    return false;
  }
  Parsed parsed = parse_request(api_, http_.body, fresh_seed());
  if (const auto* error = std::get_if<ApiError>(&parsed)) {
    refuse(*error);
    return false;
  }
  request_ = std::move(std::get<ApiRequest>(parsed));
  origin_.contract_sha256 = app_.contract.sha256;
  if (request_.model != app_.contract.name) {
    refuse(model_not_found(request_.model, std::vector{app_.contract.name}));
    return false;
  }
  return true;
}

bool Exchange::choose_class() {
  const std::optional<std::string> named = http_.header(app_.contract.class_header);
  const std::string name = named.value_or(app_.contract.default_class);
  class_ = app_.contract.find_class(name);
  if (class_) {
    if (request_.asks.size() > 1 && (!class_->checks.empty() || class_->chain.size() > 1)) {
      refuse(refusal(400, "unsupported_value",
                     "n or several prompts: under a contract with checks a request has one answer", "n"));
      return false;
    }
    return true;
  }
  std::string classes;
  for (const contract::Class& c : app_.contract.classes) classes += (classes.empty() ? "" : ", ") + c.name;
  refuse(refusal(400, named ? "unknown_class" : "class_missing",
                 named ? fmt::format("{}: '{}' is no class of this contract; it has: {}",
                                     app_.contract.class_header, name, classes)
                       : fmt::format("a request names its class in the header {}; this contract has: {}",
                                     app_.contract.class_header, classes)));
  return false;
}

bool Exchange::key() {
  const std::optional<std::string> key = http_.header("idempotency-key");
  if (!key) return true;
  const bool printable = std::all_of(key->begin(), key->end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (key->empty() || key->size() > 255 || !printable) {
    refuse(refusal(
        400, "idempotency_key_malformed",
        fmt::format("Idempotency-Key: expected 1 to 255 printable ASCII characters, found {}", key->size())));
    return false;
  }
  // Keys of different callers do not meet.
  origin_.key_sha256 = sha256_hex(http_.header("authorization").value_or("") + "\n" + *key);
  return true;
}

void Exchange::claimed(Result<Claimed> claim) {
  if (!claim) return refuse(server_error(500, "internal_error", claim.error().what));
  switch (claim->what) {
    case Claimed::What::yours:
      return run();
    case Claimed::What::running:
      return refuse(
          refusal(409, "idempotency_key_in_use", "a request with this Idempotency-Key is being answered"));
    case Claimed::What::different:
      return refuse(
          refusal(422, "idempotency_key_reused", "this Idempotency-Key was used for another request"));
    case Claimed::What::answered:
      return replay(*claim);
  }
}

void Exchange::run() {
  head_ = {id_, int64_t(ms_since_1970() / 1000), request_.model, ""};
  if (const auto live = app_.deployments->get(class_->chain[0]))
    head_.fingerprint = system_fingerprint(live->backend->info());
  finals_.resize(request_.asks.size());
  if (request_.stream) events_.emplace(request_, head_);
  const bool live_text = request_.stream && class_->checks.empty() && class_->unknown.patterns.empty() &&
                         class_->chain.size() == 1;
  const auto self = shared_from_this();
  // Without a key nobody could ever fetch the answer: it is not worth the work once its caller is gone.
  if (origin_.key_sha256.empty())
    responder_.on_gone([weak = weak_from_this()] {
      if (const auto it = weak.lock()) {
        std::vector<std::shared_ptr<Life>> lives;
        {
          const std::lock_guard lock(it->mutex_);
          lives = it->lives_;
        }
        for (const auto& life : lives) life->cancel();
      }
    });
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < request_.asks.size(); ++i) {
    Life::Wanted w;
    w.id = request_.asks.size() == 1 ? id_ : fmt::format("{}.{}", id_, i);
    w.of = class_;
    w.max_tokens_given = request_.max_tokens.has_value();
    w.ask = request_.asks[i];  // a copy: an echo needs its prompt
    if (live_text)
      w.on_text = [self, i](std::string_view text, const backend::TokenText* token) {
        const std::lock_guard here(self->mutex_);
        std::string out;
        if (!self->begun_) {
          self->responder_.begin({200, {{"Cache-Control", "no-store"}}, "text/event-stream", ""});
          self->begun_ = true;
          for (size_t c = 0; c < self->finals_.size(); ++c) out += self->events_->begin(c);
        }
        out += self->events_->text(i, text, token);
        if (!self->origin_.key_sha256.empty()) self->streamed_ += out;
        self->responder_.write(std::move(out));
      };
    w.on_done = [self, i](Final&& final) { self->done(i, std::move(final)); };
    lives_.push_back(Life::start(app_.shared, std::move(w)));
  }
  if (origin_.key_sha256.empty() && responder_.gone())
    for (const auto& life : lives_) life->cancel();
}

void Exchange::done(size_t choice, Final&& final) {
  {
    const std::lock_guard lock(mutex_);
    finals_[choice] = std::move(final);
    if (++n_done_ < finals_.size()) return;
    lives_.clear();
  }
  conclude();
}

// What the caller reads: the answer, or the contract's words where there is none.
backend::Reply Exchange::shown(const Final& final) const {
  if (final.what == Final::What::answered) return final.reply;
  backend::Reply reply;
  reply.text = class_->unknown.answer;
  for (const AttemptSeen& a : final.attempts) {
    reply.n_prompt = std::max(reply.n_prompt, a.n_prompt);
    reply.n_output += a.n_output;
  }
  return reply;
}

void Exchange::conclude() {
  const Final* refused = nullptr;
  for (const auto& f : finals_) {
    Ended e{f->class_name, f->what == Final::What::abstained, f->escalated, false, false, f->reply.n_output};
    for (const AttemptSeen& a : f->attempts)
      e.failed_checks |= a.ending == AttemptSeen::Ending::failed_checks;
    e.error = f->what == Final::What::refused &&
              (f->failure.why == Failure::Why::failed || f->failure.why == Failure::Why::unavailable ||
               f->failure.why == Failure::Why::deadline);
    if (f->what == Final::What::refused && !refused) refused = &*f;
    // What was never begun is no evidence about the deployment.
    if (f->what != Final::What::refused || e.error) tell_rules(app_, e);
    if (e.error) app_.log->append(line_of(entry_of(*f, origin_)), [](auto) {});
    app_.metrics->answered(*f, f->what == Final::What::refused ? api_error(f->failure).status : 200);
  }
  begun_life_ = true;
  if (refused) {
    const ApiError error = api_error(refused->failure);
    if (origin_.key_sha256.empty()) return refuse(error);
    return app_.answers->release(id_,
                                 [self = shared_from_this(), error](const Status&) { self->refuse(error); });
  }
  json receipt = json::object();
  for (const auto& f : finals_) {
    json one = receipt_of(*f, origin_);
    one["log_index"] = -1;
    if (finals_.size() == 1)
      receipt = std::move(one);
    else
      receipt["answers"].push_back(std::move(one));
    entries_.push_back(line_of(entry_of(*f, origin_)));
  }
  const std::string receipt_text = line_of(receipt);
  std::string body;
  if (request_.stream) {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < finals_.size(); ++i) {
      const std::string_view last =
          i + 1 == finals_.size() ? std::string_view(receipt_text) : std::string_view();
      body += begun_ ? events_->end(i, shown(*finals_[i]), last) : events_->all(i, shown(*finals_[i]), last);
    }
    body += events_->finish();
  } else {
    std::vector<backend::Reply> replies;
    for (const auto& f : finals_) replies.push_back(shown(*f));
    body = answer_json(request_, head_, replies, receipt_text);
  }
  if (origin_.key_sha256.empty()) return log_and_send(body);
  // What a repeat of the key gets, whole.
  const json kept = {{"stream", request_.stream}, {"body", streamed_ + body}};
  app_.answers->answered(id_, line_of(kept), line_of(entries_),
                         [self = shared_from_this(), body](const Status& status) {
                           if (!status)
                             return self->refuse(server_error(500, "not_saved", status.error().what));
                           self->log_and_send(body);
                         });
}

std::string with_indices(std::string body, const std::vector<int64_t>& indices) {
  size_t from = 0;
  for (const int64_t index : indices) {
    const size_t at = body.find(kNoIndex, from);
    if (at == std::string::npos) break;
    body.replace(at, kNoIndex.size(), fmt::format("\"log_index\":{}", index));
    from = at + 1;
  }
  return body;
}

// An answer is acknowledged once the log holds it: a caller that has it can prove it.
void Exchange::log_and_send(const std::string& body) {
  auto indices = std::make_shared<std::vector<int64_t>>(finals_.size(), -1);
  auto left = std::make_shared<size_t>(finals_.size());
  auto error = std::make_shared<std::optional<Error>>();
  for (size_t i = 0; i < finals_.size(); ++i)
    app_.log->append(entries_[i],
                     [self = shared_from_this(), body, i, indices, left, error](Result<uint64_t> index) {
                       if (index)
                         (*indices)[i] = int64_t(*index);
                       else
                         *error = index.error();
                       if (--*left > 0) return;
                       if (*error) return self->refuse(server_error(500, "not_logged", (*error)->what));
                       if (!self->origin_.key_sha256.empty())
                         self->app_.answers->logged(self->id_, indices->front());
                       self->send(with_indices(body, *indices), false);
                     });
}

void Exchange::replay(const Claimed& claim) {
  const json kept = json::parse(claim.answer, nullptr, false);
  if (!kept.is_object()) return refuse(server_error(500, "internal_error", "a kept answer cannot be read"));
  id_ = claim.id;
  request_.stream = kept.value("stream", false);
  send(with_indices(kept.value("body", ""), {claim.log_index}), true);
}

void Exchange::send(std::string body, bool replayed) {
  std::vector<std::pair<std::string, std::string>> headers = {{"X-Request-Id", id_}};
  if (replayed) headers.emplace_back("Idempotency-Replayed", "true");
  if (!request_.stream)
    return responder_.send({200, std::move(headers), "application/json", std::move(body)});
  const std::lock_guard lock(mutex_);
  headers.emplace_back("Cache-Control", "no-store");
  if (!begun_) responder_.begin({200, std::move(headers), "text/event-stream", ""});
  begun_ = true;
  responder_.write(std::move(body));
  responder_.end();
}

void Exchange::refuse(const ApiError& error) {
  const std::lock_guard lock(mutex_);
  if (!begun_life_) app_.metrics->turned_away(class_ ? class_->name : "", error.status);
  if (begun_) {
    responder_.write(EventWriter::error(error));
    responder_.end();
    return;
  }
  send_error(responder_, error);
}

}  // namespace

void exchange(App::State& app, Api api, http::Request&& request, const http::Responder& responder) {
  auto it = std::make_shared<Exchange>(app, api, std::move(request), responder);
  app.workers->post([it] { it->begin(); });
}

}  // namespace bw::serve
