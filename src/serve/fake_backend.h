// A backend that answers by script, for tests of what stands on one. In: for each ask, in turn, what to end
// with. Out: the asks, as they came.
#pragma once
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "serve/workers.h"

namespace bw::serve {

class FakeBackend : public backend::Backend {
 public:
  explicit FakeBackend(const std::string& name, uint32_t n_context = 1000) {
    info_.name = name;
    info_.kind = "own";
    info_.model_sha256 = "sha-of-" + name;
    info_.n_context = n_context;
  }
  static backend::Ended reply(const std::string& text,
                              backend::Reply::Finish finish = backend::Reply::Finish::stop) {
    backend::Reply r;
    r.text = text;
    r.finish = finish;
    r.n_prompt = 5;
    r.n_output = 3;
    r.mean_log_prob = -0.5;
    return r;
  }
  static backend::Ended failure(backend::Failure::Why why) {
    return backend::Failure{why, failed("scripted"), 7, 5, 1500};
  }
  void then(backend::Ended ended) {
    const std::lock_guard lock(mutex_);
    script_.push_back(std::move(ended));
  }
  std::vector<backend::Ask> asks() const {
    const std::lock_guard lock(mutex_);
    return asks_;
  }
  // Asks wait until release().
  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    for (auto& call : waiting_) events_.post(std::move(call));
    waiting_.clear();
  }
  size_t n_held() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

  const backend::Info& info() const override { return info_; }
  Result<std::optional<uint32_t>> count(const backend::Ask& ask) const override {
    return std::optional<uint32_t>(uint32_t(ask.prompt.size() + ask.messages_json.size()));
  }
  backend::AskId submit(backend::Ask ask, backend::Events events) override {
    const std::lock_guard lock(mutex_);
    asks_.push_back(std::move(ask));
    backend::Ended ended = script_.empty() ? reply("unscripted") : std::move(script_.front());
    if (!script_.empty()) script_.pop_front();
    const backend::AskId id = ++last_;
    auto call = [this, id, ended = std::move(ended), events = std::move(events)]() mutable {
      {
        const std::lock_guard here(mutex_);
        for (const backend::AskId c : cancelled_)
          if (c == id) ended = failure(backend::Failure::Why::cancelled);
      }
      if (auto* r = std::get_if<backend::Reply>(&ended); r && events.on_text)
        events.on_text(r->text, nullptr);
      events.on_done(std::move(ended));
    };
    if (held_)
      waiting_.push_back(std::move(call));
    else
      events_.post(std::move(call));
    return id;
  }
  void cancel(backend::AskId id) override {
    {
      const std::lock_guard lock(mutex_);
      cancelled_.push_back(id);
    }
    release();
  }
  backend::Load load() const override { return {}; }

 private:
  mutable std::mutex mutex_;
  backend::Info info_;
  std::deque<backend::Ended> script_;
  std::vector<backend::Ask> asks_;
  std::vector<backend::AskId> cancelled_;
  std::vector<std::function<void()>> waiting_;
  bool held_ = false;
  backend::AskId last_ = 0;
  Workers events_{1};  // the last: its thread uses the rest
};

}  // namespace bw::serve
