// For tests: BN1's golden vectors as they lie in data/vectors, and digests of stages gathered from a run.
// In: names of vectors. Out: token ids, expected digests, SHA-256 of what a run gave.
#pragma once
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/hash.h"
#include "engine/engine.h"

namespace bw::engine::vectors {

inline std::vector<Token> ids(const std::string& path) {
  std::ifstream in(path);
  std::vector<Token> v;
  for (Token t; in >> t;) v.push_back(t);
  return v;
}

// Stage -> digest of `model` with a cache of that type.
inline std::map<std::string, std::string> digests(const std::string& path, const std::string& model,
                                                  KvType type = KvType::f16) {
  std::ifstream in(path);
  std::map<std::string, std::string> all;
  for (std::string m, kv, stage, hex; in >> m >> kv >> stage >> hex;)
    if (m == model && kv == kernels::name(type)) all[stage] = hex;
  return all;
}

// Digests of every stage of one run, rows in the order they come.
class Gather {
 public:
  StageSink stages() {
    return [this](std::string_view name, std::span<const float> x) {
      sha_[std::string(name)].add(x.data(), x.size_bytes());
    };
  }
  LogitsSink logits() {
    return [this](size_t, std::span<const float> x) {
      sha_["logits"].add(x.data(), x.size_bytes());
      return Status{};
    };
  }
  std::map<std::string, std::string> take() {
    std::map<std::string, std::string> out;
    for (auto& [name, sha] : sha_) out[name] = sha.hex();
    sha_.clear();
    return out;
  }

 private:
  std::map<std::string, Sha256> sha_;
};

}  // namespace bw::engine::vectors
