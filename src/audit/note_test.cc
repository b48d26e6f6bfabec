// Signed notes, keys and checkpoints. Oracles: the example of C2SP signed-note, the example of Go's
// golang.org/x/mod/sumdb/note (whose signatures are deterministic), and each single byte changed.
#include "audit/note.h"

#include <gtest/gtest.h>

namespace bw::audit {
namespace {

const std::string kDashed = "\xE2\x80\x94 ";
const std::string kSpecKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const std::string kSpecNote =
    "This is an example message.\n\n" + kDashed +
    "example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXm"
    "RKuwHjG1Yu72IneyaQM=\n";
const std::string kGoSecret =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const std::string kGoKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const std::string kGoText =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const std::string kGoNote =
    kGoText + "\n" + kDashed +
    "PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

TEST(Note, the_example_of_the_specification_verifies) {
  const auto key = parse_public_key(kSpecKey);
  ASSERT_TRUE(key) << key.error().what;
  EXPECT_EQ(key->text(), kSpecKey);
  const auto text = open_note(kSpecNote, *key);
  ASSERT_TRUE(text) << text.error().what;
  EXPECT_EQ(*text, "This is an example message.\n");
}

TEST(Note, gos_key_signs_gos_text_to_gos_note) {
  auto secret = SecretKey::parse(kGoSecret);
  ASSERT_TRUE(secret) << secret.error().what;
  EXPECT_EQ(secret->text(), kGoSecret);
  EXPECT_EQ(secret->public_key().text(), kGoKey);
  EXPECT_EQ(secret->sign(kGoText), kGoNote);
}

TEST(Note, every_changed_byte_of_a_note_or_key_is_refused) {
  const PublicKey key = *parse_public_key(kGoKey);
  for (size_t i = 0; i < kGoNote.size(); ++i)
    for (const int bit : {0, 3, 5, 7}) {
      std::string bent = kGoNote;
      bent[i] = char(bent[i] ^ (1 << bit));
      EXPECT_FALSE(open_note(bent, key)) << i << ": " << bent;
    }
  for (size_t i = 0; i < kGoKey.size(); ++i) {
    std::string bent = kGoKey;
    bent[i] = char(bent[i] ^ 1);
    EXPECT_FALSE(parse_public_key(bent)) << bent;
  }
  for (size_t i = 0; i < kGoSecret.size(); ++i) {
    std::string bent = kGoSecret;
    bent[i] = char(bent[i] ^ 1);
    EXPECT_FALSE(SecretKey::parse(bent)) << bent;
  }
}

TEST(Note, signatures_by_others_are_passed_over_and_one_of_the_key_is_needed) {
  const PublicKey go = *parse_public_key(kGoKey), spec = *parse_public_key(kSpecKey);
  const std::string other = kSpecNote.substr(kSpecNote.rfind(kDashed));
  EXPECT_TRUE(open_note(kGoNote + other, go));
  EXPECT_TRUE(open_note(kGoText + "\n" + other + kGoNote.substr(kGoNote.rfind(kDashed)), go));
  const auto none = open_note(kGoNote, spec);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().what, "not signed by example.com/foo+530d903a");
  EXPECT_FALSE(open_note(kGoText, go));
  EXPECT_FALSE(open_note("", go));
  EXPECT_FALSE(open_note(std::string(1 << 20, 'a') + "\n" + kGoNote, go));
}

TEST(Note, a_checkpoint_says_origin_size_and_root_and_nothing_else_is_taken_for_one) {
  auto secret = SecretKey::make("example.com/log");
  ASSERT_TRUE(secret);
  const Hash root = leaf_hash("x");
  const std::string note = secret->sign(checkpoint_text("example.com/log", 1234, root));
  EXPECT_EQ(note.size(), checkpoint_bytes("example.com/log", 1234));
  const auto c = open_checkpoint(note, secret->public_key());
  ASSERT_TRUE(c) << c.error().what;
  EXPECT_EQ(c->size, 1234u);
  EXPECT_EQ(c->root, hex(root));
  EXPECT_EQ(c->origin, "example.com/log");
  EXPECT_EQ(c->note, note);
  const std::string good = checkpoint_text("example.com/log", 1234, root);
  for (const std::string& text :
       {std::string("example.com/other\n1234\n") + good.substr(good.find('=') - 43),  //
        "example.com/log\n01234\n" + good.substr(good.find('=') - 43),
        "example.com/log\n1234\n" + hex(root) + "\n", std::string("example.com/log\n1234\n"),
        "example.com/log\n-1\n" + good.substr(good.find('=') - 43)})
    EXPECT_FALSE(open_checkpoint(secret->sign(text), secret->public_key())) << text;
  EXPECT_TRUE(open_checkpoint(secret->sign(good), secret->public_key()));
}

TEST(Note, a_name_with_a_space_or_a_plus_is_refused) {
  for (const char* name : {"", "a b", "a+b", "a\nb", "\xC3\xA9"}) EXPECT_FALSE(SecretKey::make(name)) << name;
}

}  // namespace
}  // namespace bw::audit
