#include "audit/prove.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "audit/open.h"

namespace bw::audit {
namespace {

using Json = nlohmann::ordered_json;
constexpr size_t kMostHashes = 128;  // a tree of 2^64 entries needs no more

Json texts(const std::vector<Hash>& hashes) {
  Json out = Json::array();
  for (const Hash& h : hashes) out.push_back(hex(h));
  return out;
}

struct All {
  std::vector<Hash> leaves;
  Checkpoint newest;
  std::string wanted;  // the entry at `index`
};
Result<All> read(const std::string& folder, Disk& disk, uint64_t index) {
  BW_TRY(const PublicKey key, public_key_of(disk, folder));
  All out;
  BW_TRY(Contents contents, read_log(disk, folder, key, std::nullopt,
                                     [&](uint64_t i, uint64_t, const Hash& leaf, std::string_view json) {
                                       out.leaves.push_back(leaf);
                                       if (i == index) out.wanted = json;
                                     }));
  if (!contents.last)
    return bad_input(folder + ": no checkpoint signs anything yet", "bitworth audit checkpoint " + folder);
  out.newest = std::move(*contents.last);
  return out;
}

Error no_proof(const std::string& what) {
  return bad_input("proof: " + what, "a file as `bitworth audit prove` wrote it");
}

Result<std::string> text_of(const Json& j, const char* key) {
  const auto found = j.find(key);
  if (found == j.end() || !found->is_string()) return no_proof(fmt::format("expected a text '{}'", key));
  return found->get<std::string>();
}

Result<std::vector<Hash>> hashes_of(const Json& j) {
  const auto found = j.find("hashes");
  if (found == j.end() || !found->is_array() || found->size() > kMostHashes)
    return no_proof(fmt::format("expected a list 'hashes' of at most {}", kMostHashes));
  std::vector<Hash> out;
  for (const Json& h : *found) {
    const auto hash = h.is_string() ? hash_of_hex(h.get<std::string>()) : std::nullopt;
    if (!hash) return no_proof("expected 64 hexadecimal digits in 'hashes'");
    out.push_back(*hash);
  }
  return out;
}

Result<Checkpoint> checkpoint_of(const Json& j, const char* name, const PublicKey& key) {
  BW_TRY(const std::string note, text_of(j, name));
  auto opened = open_checkpoint(note, key);
  if (!opened) return no_proof(fmt::format("'{}': {}", name, opened.error().what));
  return opened;
}

}  // namespace

Result<std::vector<Checkpoint>> checkpoints(const std::string& folder, Disk* chosen) {
  Disk& disk = chosen ? *chosen : real_disk();
  BW_TRY(const PublicKey key, public_key_of(disk, folder));
  std::vector<Checkpoint> out;
  BW_TRY(const Contents contents,
         read_log(disk, folder, key, std::nullopt, {}, [&](const Checkpoint& c) { out.push_back(c); }));
  return out;
}

Result<std::string> prove_entry(const std::string& folder, uint64_t index, Disk* chosen) {
  BW_TRY(const All all, read(folder, chosen ? *chosen : real_disk(), index));
  if (index >= all.leaves.size())
    return bad_input(fmt::format("{}: entry {}: the log has {}", folder, index, all.leaves.size()),
                     "entries are numbered from 0: bitworth audit show " + folder);
  if (index >= all.newest.size)
    return bad_input(fmt::format("{}: entry {}: no checkpoint signs it yet, the newest signs {} entries",
                                 folder, index, all.newest.size),
                     "bitworth audit checkpoint " + folder);
  const std::span<const Hash> leaves(all.leaves.data(), size_t(all.newest.size));
  return Json{{"proof", "inclusion"},
              {"index", index},
              {"entry", all.wanted},
              {"hashes", texts(inclusion_proof(leaves, index))},
              {"checkpoint", all.newest.note}}
      .dump(2);
}

Result<std::string> prove_growth(const std::string& folder, const std::string& kept, Disk* chosen) {
  Disk& disk = chosen ? *chosen : real_disk();
  BW_TRY(const PublicKey key, public_key_of(disk, folder));
  BW_TRY(const Checkpoint old, open_checkpoint(kept, key));
  if (old.size == 0) return bad_input("the kept checkpoint signs no entry: every log begins with it");
  BW_TRY(const All all, read(folder, disk, UINT64_MAX));
  if (old.size > all.newest.size)
    return bad_input(fmt::format("{}: the kept checkpoint signs {} entries, the newest here {}", folder,
                                 old.size, all.newest.size),
                     "its end was cut off, or it is an older copy");
  const std::span<const Hash> leaves(all.leaves.data(), size_t(all.newest.size));
  Frontier tree;
  for (const Hash& h : leaves.first(size_t(old.size))) tree.add(h);
  if (hex(tree.root()) != old.root)
    return bad_input(fmt::format("{}: the kept checkpoint signs root {} over {} entries, those here give {}",
                                 folder, old.root, old.size, hex(tree.root())),
                     "this is another history than the one that was signed then: ask the owner for both");
  return Json{{"proof", "consistency"},
              {"kept", old.note},
              {"hashes", texts(consistency_proof(leaves, old.size))},
              {"checkpoint", all.newest.note}}
      .dump(2);
}

Result<Proven> check_proof(std::string_view text, const std::string& public_key) {
  BW_TRY(const PublicKey key, parse_public_key(public_key));
  const Json j = Json::parse(text, nullptr, false);
  if (!j.is_object()) return no_proof("expected a JSON object");
  BW_TRY(const std::string kind, text_of(j, "proof"));
  Proven out;
  out.entry = kind == "inclusion";
  if (!out.entry && kind != "consistency")
    return no_proof(
        fmt::format("expected the proof 'inclusion' or 'consistency', found '{}'", kind.substr(0, 40)));
  BW_TRY(const std::vector<Hash> hashes, hashes_of(j));
  BW_TRY(out.checkpoint, checkpoint_of(j, "checkpoint", key));
  const auto root = hash_of_hex(out.checkpoint.root);
  if (out.entry) {
    const auto index = j.find("index");
    if (index == j.end() || !index->is_number_unsigned()) return no_proof("expected a number 'index'");
    out.index = index->get<uint64_t>();
    BW_TRY(out.json, text_of(j, "entry"));
    if (!verify_inclusion(leaf_hash(out.json), out.index, out.checkpoint.size, hashes, *root))
      return bad_input(
          fmt::format("proof: the hashes do not lead from this entry at index {} to root {} of the "
                      "checkpoint over {} entries",
                      out.index, out.checkpoint.root, out.checkpoint.size),
          "the entry, its index or the hashes were changed: it is not proved to be in the log");
    return out;
  }
  BW_TRY(out.kept, checkpoint_of(j, "kept", key));
  if (!verify_consistency(out.kept.size, out.checkpoint.size, hashes, *hash_of_hex(out.kept.root), *root))
    return bad_input(
        fmt::format("proof: the hashes do not lead from root {} over {} entries to root {} over {}",
                    out.kept.root, out.kept.size, out.checkpoint.root, out.checkpoint.size),
        "it is not proved that the log only grew");
  return out;
}

}  // namespace bw::audit
