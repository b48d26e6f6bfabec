// An Ask that is waited for.
#include <condition_variable>
#include <mutex>

#include "backend/backend.h"

namespace bw::backend {

Ended ask_and_wait(Backend& backend, Ask ask) {
  struct Wait {
    std::mutex mutex;
    std::condition_variable wake;
    std::optional<Ended> ended;
  };
  const auto wait =
      std::make_shared<Wait>();  // the backend's thread may still hold it when this has returned
  backend.submit(std::move(ask), {{}, [wait](Ended&& ended) {
                                    const std::lock_guard lock(wait->mutex);
                                    wait->ended = std::move(ended);
                                    wait->wake.notify_one();
                                  }});
  std::unique_lock lock(wait->mutex);
  wait->wake.wait(lock, [&] { return wait->ended.has_value(); });
  return std::move(*wait->ended);
}

}  // namespace bw::backend
