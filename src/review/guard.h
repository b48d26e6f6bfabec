// What keeps a page safe beside its escaping: the headers it must be sent with, and tokens that only a page
// of ours carries. In: a secret of this server's start. Out: headers; tokens, made and checked in constant
// time.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bw::review {

inline constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'";
// Of every page, style and script: the policy, Referrer-Policy same-origin (with no-referrer a browser sends
// its forms with Origin: null, which a server cannot tell from another site), X-Content-Type-Options,
// Cache-Control no-store, Cross-Origin-Opener-Policy, Cross-Origin-Resource-Policy.
const std::vector<std::pair<std::string, std::string>>& page_headers();

// A token says when the page of an item was made, so that it also bounds the time a person can have spent on
// it: "MS_SINCE_1970.HMAC", HMAC-SHA-512-256 of both (libsodium's crypto_auth).
class Guard {
 public:
  static constexpr uint64_t kMaxAgeMs =
      12ull * 3600 * 1000;  // a working day; then the page must be opened anew
  Guard();                  // a random secret
  std::string token(int64_t item, uint64_t now_ms) const;
  // When its page was made. Error: of another item or server start, changed, too old, from the future.
  Result<uint64_t> check(std::string_view token, int64_t item, uint64_t now_ms) const;

 private:
  std::array<unsigned char, 32> secret_;
};

// The seconds to believe: what the page measured, at most the time since it was made; without a page's
// measure that time itself; never more than four hours.
double seconds_spent(std::optional<double> claimed, uint64_t opened_ms, uint64_t now_ms);

}  // namespace bw::review
