// SHA-256 (FIPS 180-4) by libsodium, streaming, and its hexadecimal text.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bw {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void add(const void* data, size_t n_bytes);
  std::string hex();  // ends the digest; call once. 64 lower-case characters
 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);
// Digest of a whole file. `on_bytes`, if set, is told the bytes read so far (progress).
Result<std::string> sha256_file(const std::string& path, void (*on_bytes)(uint64_t) = nullptr);

}  // namespace bw
