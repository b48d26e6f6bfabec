// What is said to an OpenAI-compatible endpoint and what its answers mean, without a socket. In: an Ask; then
// events, or a body and a status. Out: the request's JSON; text as it comes, a Reply or a Failure. Nothing
// here has seen the key. Source: OpenAI's API description 2.3.0; answers are taken leniently, as compatible
// servers differ.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "backend/backend.h"

namespace bw::backend {

struct Spoken {
  bool is_chat = true;
  std::string path, body;  // path: after the endpoint's URL
};
// Error (bad_input), by name: what an endpoint cannot be asked (token ids, biases by id, filters of our own).
Result<Spoken> speak(const Ask& ask, const std::string& model);

// A whole answer, piece by piece.
class AnswerReader {
 public:
  using OnText = std::function<void(std::string_view text, const TokenText*)>;
  AnswerReader(bool is_chat, bool log_probs) : is_chat_(is_chat), log_probs_(log_probs) {}
  // The data of a server-sent event. False: nothing more is to be read (done, or failed).
  bool event(std::string_view data, const OnText& on_text);
  // The body of an answer that was not streamed.
  bool whole(std::string_view body, const OnText& on_text);
  // After the last byte.
  Ended end();
  bool done() const { return done_; }
  bool failed() const { return failure_.has_value(); }

 private:
  bool fail(Failure::Why why, std::string what);

  const bool is_chat_, log_probs_;
  bool done_ = false;
  std::optional<Failure> failure_;
  std::optional<Reply::Finish> finish_;
  bool every_piece_has_log_probs_ = true;
  double sum_log_prob_ = 0;
  Reply reply_;
};

Failure failure(Failure::Why why, std::string what, std::string next = {});
// An answer that is an error: by its status, and what the body says.
Failure refusal(long status, std::string_view body, uint64_t retry_after_s);
// About 300 bytes, on one line, UTF-8 without controls: what a stranger may put into our messages.
std::string quotable(std::string_view text);

}  // namespace bw::backend
