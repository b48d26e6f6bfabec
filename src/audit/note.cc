#include "audit/note.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <vector>

namespace bw::audit {
namespace {

constexpr uint8_t kEd25519 = 1;  // signed-note's type of such keys
constexpr std::string_view kDash = "\xE2\x80\x94 ";
constexpr std::string_view kSecret = "PRIVATE+KEY+";
constexpr size_t kLongestName = 200;
constexpr size_t kLongestNote = 64u << 10;

std::string base64(std::span<const uint8_t> bytes) {
  std::string out(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();  // its terminating zero
  return out;
}

// None unless `text` is what base64() writes of n bytes.
std::optional<std::vector<uint8_t>> of_base64(std::string_view text, size_t n) {
  std::vector<uint8_t> out(n);
  size_t found = 0;
  if (sodium_base642bin(out.data(), n, text.data(), text.size(), nullptr, &found, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      found != n || base64(out) != text)
    return std::nullopt;
  return out;
}

// ASCII only: a name that looks like another is no use here.
bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127 && c != '+'; });
}

std::array<uint8_t, 33> typed(std::span<const uint8_t, 32> bytes) {
  std::array<uint8_t, 33> out{kEd25519};
  std::copy(bytes.begin(), bytes.end(), out.begin() + 1);
  return out;
}

PublicKey public_key_of(const std::string& name, std::span<const uint8_t, 32> bytes) {
  PublicKey key;
  key.name = name;
  std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
  std::string hashed = name + '\n';
  for (const uint8_t b : typed(key.bytes)) hashed += char(b);
  Hash id;
  crypto_hash_sha256(id.data(), reinterpret_cast<const unsigned char*>(hashed.data()), hashed.size());
  std::copy_n(id.begin(), 4, key.id.begin());
  return key;
}

std::string id_text(const std::array<uint8_t, 4>& id) {
  return fmt::format("{:02x}{:02x}{:02x}{:02x}", id[0], id[1], id[2], id[3]);
}

struct KeyText {
  std::string name;
  std::string_view id;
  std::array<uint8_t, 32> bytes;
};
std::optional<KeyText> split_key(std::string_view text) {
  const size_t first = text.find('+'), second = first == text.npos ? text.npos : text.find('+', first + 1);
  if (second == text.npos) return std::nullopt;
  const auto bytes = of_base64(text.substr(second + 1), 33);
  if (!bytes || (*bytes)[0] != kEd25519 || !good_name(text.substr(0, first))) return std::nullopt;
  KeyText out{std::string(text.substr(0, first)), text.substr(first + 1, second - first - 1), {}};
  std::copy(bytes->begin() + 1, bytes->end(), out.bytes.begin());
  return out;
}

std::string signature_line(const PublicKey& key, std::span<const uint8_t, crypto_sign_BYTES> signature) {
  std::array<uint8_t, 4 + crypto_sign_BYTES> bytes;
  std::copy(signature.begin(), signature.end(), std::copy(key.id.begin(), key.id.end(), bytes.begin()));
  return fmt::format("{}{} {}\n", kDash, key.name, base64(bytes));
}

// The rest of `text` up to its next line feed, which is taken away with it; none where there is none.
std::optional<std::string_view> line(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == text.npos) return std::nullopt;
  const std::string_view out = text.substr(0, end);
  text.remove_prefix(end + 1);
  return out;
}

}  // namespace

std::string PublicKey::text() const {
  return fmt::format("{}+{}+{}", name, id_text(id), base64(typed(bytes)));
}

Result<PublicKey> parse_public_key(std::string_view text) {
  const auto key = split_key(text);
  if (!key)
    return bad_input(
        fmt::format("public key '{}': expected NAME+ID+BASE64 of an Ed25519 key", text.substr(0, 300)),
        "the line in log.pub of the log's folder, as its owner gave it to you");
  PublicKey out = public_key_of(key->name, key->bytes);
  if (id_text(out.id) != key->id)
    return bad_input(
        fmt::format("public key '{}': expected the id {}, found {}", text, id_text(out.id), key->id),
        "copy the key again: a character of it was changed");
  return out;
}

SecretKey::SecretKey(SecretKey&& o) noexcept : public_(std::move(o.public_)), seed_(o.seed_), pair_(o.pair_) {
  sodium_memzero(o.seed_.data(), o.seed_.size());
  sodium_memzero(o.pair_.data(), o.pair_.size());
}
SecretKey::~SecretKey() {
  sodium_memzero(seed_.data(), seed_.size());
  sodium_memzero(pair_.data(), pair_.size());
}

Result<SecretKey> SecretKey::of(const std::string& name, const std::array<uint8_t, 32>& seed) {
  if (sodium_init() < 0) return failed("libsodium: no source of random numbers");
  SecretKey key;
  key.seed_ = seed;
  std::array<uint8_t, 32> bytes;
  crypto_sign_seed_keypair(bytes.data(), key.pair_.data(), seed.data());
  key.public_ = public_key_of(name, bytes);
  return key;
}

Result<SecretKey> SecretKey::make(const std::string& name) {
  if (!good_name(name))
    return bad_input(
        fmt::format("origin '{}': expected 1 to {} printable ASCII characters without space and +", name,
                    kLongestName),
        "name whose log it is, like example.com/laptop");
  if (sodium_init() < 0) return failed("libsodium: no source of random numbers");
  std::array<uint8_t, 32> seed;
  randombytes_buf(seed.data(), seed.size());
  auto key = of(name, seed);
  sodium_memzero(seed.data(), seed.size());
  return key;
}

Result<SecretKey> SecretKey::parse(std::string_view text) {
  const auto parts =
      text.substr(0, kSecret.size()) == kSecret ? split_key(text.substr(kSecret.size())) : std::nullopt;
  if (!parts) return bad_input("secret key: expected PRIVATE+KEY+NAME+ID+BASE64 of an Ed25519 key");
  BW_TRY(SecretKey key, of(parts->name, parts->bytes));
  if (id_text(key.public_.id) != parts->id)
    return bad_input(
        fmt::format("secret key: expected the id {}, found {}", id_text(key.public_.id), parts->id));
  return key;
}

std::string SecretKey::text() const {
  return fmt::format("{}{}+{}+{}", kSecret, public_.name, id_text(public_.id), base64(typed(seed_)));
}

std::string SecretKey::sign(std::string_view text) const {
  std::array<uint8_t, crypto_sign_BYTES> signature;
  crypto_sign_detached(signature.data(), nullptr, reinterpret_cast<const unsigned char*>(text.data()),
                       text.size(), pair_.data());
  return fmt::format("{}\n{}", text, signature_line(public_, signature));
}

Result<std::string> open_note(std::string_view note, const PublicKey& key) {
  const size_t blank = note.size() > kLongestNote ? note.npos : note.rfind("\n\n");
  if (blank == note.npos)
    return bad_input("expected a signed note: a text, an empty line, lines of signatures",
                     "the whole text as `bitworth audit checkpoint` printed it");
  const std::string_view text = note.substr(0, blank + 1);
  std::string_view rest = note.substr(blank + 2);
  bool found = false;
  while (!rest.empty()) {
    const auto one = line(rest);
    const size_t space = one ? one->rfind(' ') : one->npos;
    if (!one || one->substr(0, kDash.size()) != kDash || space < kDash.size())
      return bad_input(
          "signed note: expected a signature's line, '\xE2\x80\x94 NAME BASE64', and a line feed at its end");
    if (one->substr(kDash.size(), space - kDash.size()) != key.name) continue;
    const auto bytes = of_base64(one->substr(space + 1), 4 + crypto_sign_BYTES);
    if (!bytes || !std::equal(key.id.begin(), key.id.end(), bytes->begin())) continue;
    if (crypto_sign_verify_detached(bytes->data() + 4, reinterpret_cast<const unsigned char*>(text.data()),
                                    text.size(), key.bytes.data()) != 0)
      return bad_input(
          fmt::format("the signature of {} does not fit the text: one of them was changed", key.name));
    found = true;
  }
  if (!found) return bad_input(fmt::format("not signed by {}+{}", key.name, id_text(key.id)));
  return std::string(text);
}

std::string checkpoint_text(const std::string& origin, uint64_t size, const Hash& root) {
  return fmt::format("{}\n{}\n{}\n", origin, size, base64(root));
}

size_t checkpoint_bytes(const std::string& origin, uint64_t size) {
  const size_t text = checkpoint_text(origin, size, Hash{}).size();
  return text + 1 + kDash.size() + origin.size() + 1 +
         base64(std::array<uint8_t, 4 + crypto_sign_BYTES>{}).size() + 1;
}

Result<Checkpoint> open_checkpoint(std::string_view note, const PublicKey& key) {
  BW_TRY(const std::string text, open_note(note, key));
  std::string_view rest = text;
  const auto origin = line(rest), size = line(rest), root = line(rest);
  Checkpoint out;
  std::optional<std::vector<uint8_t>> bytes;
  if (root) bytes = of_base64(*root, 32);
  if (size) std::from_chars(size->data(), size->data() + size->size(), out.size);
  if (!bytes || fmt::format("{}", out.size) != *size || *origin != key.name)
    return bad_input(
        fmt::format("checkpoint: expected the lines {}, a number of entries, a root in base64", key.name));
  Hash hash;
  std::copy(bytes->begin(), bytes->end(), hash.begin());
  out.origin = *origin;
  out.root = hex(hash);
  out.note = note;
  return out;
}

}  // namespace bw::audit
