#include "base/hash.h"

#include <sodium.h>

#include <algorithm>
#include <vector>

#include "base/file.h"

namespace bw {

struct Sha256::State {
  crypto_hash_sha256_state s;
};
Sha256::Sha256() : state_(std::make_unique<State>()) {
  crypto_hash_sha256_init(&state_->s);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
void Sha256::add(const void* data, size_t n) {
  crypto_hash_sha256_update(&state_->s, static_cast<const unsigned char*>(data), n);
}
std::string Sha256::hex() {
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256_final(&state_->s, digest);
  char text[sizeof digest * 2 + 1];
  sodium_bin2hex(text, sizeof text, digest, sizeof digest);
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 h;
  h.add(bytes.data(), bytes.size());
  return h.hex();
}
Result<std::string> sha256_file(const std::string& path, void (*on_bytes)(uint64_t)) {
  BW_TRY(InFile f, InFile::open(path));
  Sha256 h;
  std::vector<std::byte> buffer(std::min<uint64_t>(f.size(), 4u << 20));
  for (uint64_t at = 0; at < f.size();) {
    const size_t n = static_cast<size_t>(std::min<uint64_t>(buffer.size(), f.size() - at));
    BW_CHECK(f.read(at, std::span(buffer.data(), n)));
    h.add(buffer.data(), n);
    at += n;
    if (on_bytes) on_bytes(at);
  }
  return h.hex();
}

}  // namespace bw
