// One exchange with an endpoint, carried by libcurl: what is sent, how the answer is read while it comes,
// what its end means. In: an Ask put into words (exchange.h). Out: text as it comes, a Reply, or a Failure
// that names the host and never the key.
#pragma once
#include <curl/curl.h>

#include <memory>
#include <optional>
#include <string>

#include "backend/backend.h"
#include "backend/exchange.h"
#include "backend/sse.h"

namespace bw::backend {

// Whom we talk to.
struct Peer {
  EndpointOptions options;  // url without a slash at its end
  std::string host;         // with the port, if it is named
};
// Error (bad_input): not an http or https URL, one with a password, a key that no header can carry.
Result<Peer> peer_of(const EndpointOptions& options);

struct EasyDeleter {
  void operator()(CURL* c) const { curl_easy_cleanup(c); }
};
struct ListDeleter {
  void operator()(curl_slist* l) const { curl_slist_free_all(l); }
};

// One Ask, waiting or under way.
struct Transfer {
  Transfer(Spoken s, const Ask& ask)
      : spoken(std::move(s)),
        log_probs(ask.log_probs),
        deadline_ns(ask.deadline_ns),
        reader(spoken.is_chat, ask.log_probs) {}
  AskId id = 0;
  const Spoken spoken;
  const bool log_probs;
  const uint64_t deadline_ns;
  Events events;
  std::unique_ptr<curl_slist, ListDeleter> headers;
  char error[CURL_ERROR_SIZE] = "";
  std::unique_ptr<CURL, EasyDeleter> easy;  // uses the two above
  AnswerReader reader;
  SseReader sse;
  std::string body;  // of an answer that is not a stream
  bool is_stream = false, too_large = false;
  size_t n_bytes = 0;
  uint64_t ns_submitted = 0, ns_started = 0, ns_first = 0, ns_last_byte = 0;
  std::optional<Failure::Why> ends;  // by us: cancel(), deadline, the destructor
};

// The answer is complete, though its sender does not end the transfer.
bool is_over(const Transfer& transfer, uint64_t now_ns);
// Monotonic ns at which somebody has to look after it, whatever comes: deadline, stall, a sender that does
// not end.
uint64_t due_ns(const Transfer& transfer, const Peer& peer);

// Hands it to `multi`. False: libcurl has no memory.
bool start(Transfer& transfer, const Peer& peer, CURLM* multi);
// After `code` ended it, or where it is over.
Ended result_of(Transfer& transfer, const Peer& peer, CURLcode code);
// With the peer's name and host before the words, and without its key in them.
Failure named(const Peer& peer, Failure failure);

}  // namespace bw::backend
