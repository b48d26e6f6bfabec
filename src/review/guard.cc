#include "review/guard.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>

namespace bw::review {
namespace {

constexpr double kMaxSeconds = 4 * 3600;
static_assert(crypto_auth_KEYBYTES == 32);

std::string mac(const std::array<unsigned char, 32>& secret, int64_t item, uint64_t ms) {
  const std::string text = fmt::format("review item {} opened {}", item, ms);
  unsigned char out[crypto_auth_BYTES];
  crypto_auth(out, reinterpret_cast<const unsigned char*>(text.data()), text.size(), secret.data());
  char hex[2 * sizeof out + 1];
  sodium_bin2hex(hex, sizeof hex, out, sizeof out);
  return hex;
}

}  // namespace

const std::vector<std::pair<std::string, std::string>>& page_headers() {
  static const std::vector<std::pair<std::string, std::string>> headers{
      {"Content-Security-Policy", std::string(content_security_policy)},
      {"Referrer-Policy", "same-origin"},
      {"X-Content-Type-Options", "nosniff"},
      {"Cache-Control", "no-store"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"}};
  return headers;
}

Guard::Guard() {
  // Where it fails, randombytes still works: it opens the system's source itself.
  [[maybe_unused]] const int ready = sodium_init();
  randombytes_buf(secret_.data(), secret_.size());
}

std::string Guard::token(int64_t item, uint64_t now_ms) const {
  return fmt::format("{}.{}", now_ms, mac(secret_, item, now_ms));
}

Result<uint64_t> Guard::check(std::string_view token, int64_t item, uint64_t now_ms) const {
  const auto refuse = [](std::string_view why) {
    return bad_input(fmt::format("the form's token {}", why), "open the item again and decide there");
  };
  const size_t dot = token.find('.');
  uint64_t ms = 0;
  if (dot == std::string_view::npos || dot == 0 || dot > 20) return refuse("is not one of this server's");
  const auto [end, failure] = std::from_chars(token.data(), token.data() + dot, ms);
  if (failure != std::errc{} || end != token.data() + dot) return refuse("is not one of this server's");
  const std::string expected = mac(secret_, item, ms);
  const std::string_view given = token.substr(dot + 1);
  if (given.size() != expected.size() || sodium_memcmp(given.data(), expected.data(), expected.size()) != 0)
    return refuse("is of another item, or of the server before it started again");
  if (ms > now_ms) return refuse("is from the future: this machine's clock was set back");
  if (now_ms - ms > kMaxAgeMs) return refuse("is older than 12 hours");
  return ms;
}

double seconds_spent(std::optional<double> claimed, uint64_t opened_ms, uint64_t now_ms) {
  const double since = now_ms > opened_ms ? double(now_ms - opened_ms) / 1000 : 0;
  return std::min({claimed.value_or(since), since, kMaxSeconds});
}

}  // namespace bw::review
