// Signed notes and checkpoints: who says that the log had this root at this size. In: Ed25519 keys, texts.
// Out: notes, or what is wrong with one. Sources: C2SP signed-note and tlog-checkpoint, RFC 8032 (libsodium).
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "audit/log.h"
#include "audit/merkle.h"
#include "base/result.h"

namespace bw::audit {

// "NAME+ID+BASE64(0x01 || 32 bytes)"; ID = the first 4 bytes of SHA-256(NAME || \n || 0x01 || bytes).
struct PublicKey {
  std::string name;
  std::array<uint8_t, 4> id{};
  std::array<uint8_t, 32> bytes{};
  std::string text() const;
};
Result<PublicKey> parse_public_key(std::string_view text);

// "PRIVATE+KEY+NAME+ID+BASE64(0x01 || seed)"; the bytes are wiped when it goes.
class SecretKey {
 public:
  static Result<SecretKey> make(const std::string& name);
  static Result<SecretKey> parse(std::string_view text);
  SecretKey(SecretKey&& o) noexcept;
  SecretKey& operator=(SecretKey&&) = delete;
  ~SecretKey();
  std::string text() const;
  const PublicKey& public_key() const { return public_; }
  // `text` ends with a line feed. The same text and key give the same note.
  std::string sign(std::string_view text) const;

 private:
  SecretKey() = default;
  static Result<SecretKey> of(const std::string& name, const std::array<uint8_t, 32>& seed);
  PublicKey public_;
  std::array<uint8_t, 32> seed_{};
  std::array<uint8_t, 64> pair_{};
};

// The text of a note that `key` signed. Signatures by others are not looked at.
Result<std::string> open_note(std::string_view note, const PublicKey& key);

std::string checkpoint_text(const std::string& origin, uint64_t size, const Hash& root);
// A note of a checkpoint that `key` signed; its origin is the key's name.
Result<Checkpoint> open_checkpoint(std::string_view note, const PublicKey& key);
// Bytes of the note with which a key of this name signs a checkpoint of that size.
size_t checkpoint_bytes(const std::string& origin, uint64_t size);

}  // namespace bw::audit
