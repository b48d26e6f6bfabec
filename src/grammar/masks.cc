// The masks of stacks, kept by what decides them, and the constraint of one request that reads them.
#include <algorithm>
#include <chrono>
#include <list>
#include <mutex>
#include <unordered_map>

#include <fmt/format.h>

#include "grammar/grammar_state.h"
#include "grammar/strings.h"
#include "grammar/walk.h"

namespace bw::grammar {
namespace {
constexpr size_t compact_at = 4096;
using Mask = std::vector<uint64_t>;
using Clock = std::chrono::steady_clock;
}  // namespace

struct Masks::State {
  explicit State(const text::Tokenizer& t, size_t bytes)
      : tokenizer(t),
        max_bytes(bytes),
        trie(Trie::of(t)),
        n_words(engine::mask_words(t.size())),
        in_string(trie, any_string_inside(), n_words),
        in_name(trie, any_name_inside(), n_words),
        ends(n_words) {
    for (Token id = 0; size_t(id) < t.size(); ++id)
      if (t.ends_generation(id)) ends[size_t(id) / 64] |= uint64_t(1) << (id % 64);
  }

  const text::Tokenizer& tokenizer;
  const size_t max_bytes;
  const Trie trie;
  const size_t n_words;
  const Inside in_string, in_name;
  Mask ends;

  struct Kept {
    std::string key;
    std::shared_ptr<const Mask> mask;
  };
  std::mutex mutex;      // of all that follows
  std::list<Kept> kept;  // the one used last in front
  std::unordered_map<std::string_view, std::list<Kept>::iterator> by_key;
  Stats stats;

  static size_t bytes_of(const Kept& k) { return k.key.size() + k.mask->size() * 8 + 160; }

  std::shared_ptr<const Mask> find(const std::string& key) {
    const std::lock_guard lock(mutex);
    const auto found = by_key.find(key);
    if (found == by_key.end()) return nullptr;
    ++stats.n_hits;
    kept.splice(kept.begin(), kept, found->second);
    return found->second->mask;
  }
  void keep(std::string key, std::shared_ptr<const Mask> mask, uint64_t ns) {
    const std::lock_guard lock(mutex);
    ++stats.n_made;
    stats.ns_made += ns;
    if (by_key.count(key)) return;  // another thread made it meanwhile
    kept.push_front({std::move(key), std::move(mask)});
    by_key.emplace(kept.front().key, kept.begin());
    stats.n_bytes += bytes_of(kept.front());
    while (stats.n_bytes > max_bytes && kept.size() > 1) {
      stats.n_bytes -= bytes_of(kept.back());
      ++stats.n_evicted;
      by_key.erase(kept.back().key);
      kept.pop_back();
    }
  }
};

class MaskConstraint : public engine::Constraint {
 public:
  MaskConstraint(std::shared_ptr<Masks::State> masks, std::shared_ptr<const Grammar> grammar);
  Result<engine::TokenMask> allowed() override;
  void accept(Token token) override;

 private:
  std::shared_ptr<const Mask> mask_of(const Frame* stack);

  const std::shared_ptr<Masks::State> masks_;
  const std::shared_ptr<const Grammar> grammar_;
  Automaton automaton_;
  Walk walk_;
  Stacks stacks_;
  bool ready_ = false;                // allowed_ is that of stacks_
  std::shared_ptr<const Mask> held_;  // the mask of one stack, as it is kept
  Mask own_;                          // of several, or with what ends the generation
  std::string key_;
};

MaskConstraint::MaskConstraint(std::shared_ptr<Masks::State> masks, std::shared_ptr<const Grammar> grammar)
    : masks_(std::move(masks)),
      grammar_(std::move(grammar)),
      automaton_(grammar_->state_->program),
      walk_(masks_->trie, masks_->in_string, masks_->in_name),
      stacks_{automaton_.start()} {}

std::shared_ptr<const Mask> MaskConstraint::mask_of(const Frame* stack) {
  key_.assign(grammar_->digest(), 0, 32);
  automaton_.key(stack, masks_->trie.n_most, key_);
  if (auto found = masks_->find(key_)) return found;
  const auto start = Clock::now();
  auto mask = std::make_shared<Mask>(masks_->n_words);
  walk_.mask(automaton_, stack, *mask);
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
  masks_->keep(key_, mask, uint64_t(ns));
  return mask;
}

Result<engine::TokenMask> MaskConstraint::allowed() {
  if (ready_) return held_ ? engine::TokenMask(*held_) : engine::TokenMask(own_);
  const bool complete =
      std::any_of(stacks_.begin(), stacks_.end(), [&](const Frame* s) { return automaton_.complete(s); });
  held_ = nullptr;
  if (stacks_.size() == 1 && !complete) {
    held_ = mask_of(stacks_[0]);
  } else {
    own_.assign(masks_->n_words, 0);
    if (complete) own_ = masks_->ends;
    for (const Frame* s : stacks_) {
      if (!s) continue;
      const auto mask = mask_of(s);
      for (size_t w = 0; w < own_.size(); ++w) own_[w] |= (*mask)[w];
    }
  }
  const Mask& mask = held_ ? *held_ : own_;
  if (std::all_of(mask.begin(), mask.end(), [](uint64_t w) { return w == 0; })) {
    const std::string_view text = automaton_.text;
    return failed(fmt::format("grammar: no token of this vocabulary can follow \"{}\"",
                              text.substr(text.size() - std::min<size_t>(text.size(), 40))));
  }
  ready_ = true;
  return engine::TokenMask(mask);
}

void MaskConstraint::accept(Token token) {
  ready_ = false;
  if (masks_->tokenizer.ends_generation(token)) {
    stacks_.clear();  // nothing follows
    return;
  }
  for (const char c : masks_->tokenizer.piece(token, false)) {
    automaton_.text.push_back(c);
    automaton_.read(stacks_);
  }
  if (automaton_.frames.mark() > compact_at) automaton_.compact(stacks_);
}

Masks::Masks(const text::Tokenizer& tokenizer, size_t max_bytes)
    : state_(std::make_shared<State>(tokenizer, max_bytes)) {}
Masks::~Masks() = default;
std::unique_ptr<engine::Constraint> Masks::start(std::shared_ptr<const Grammar> grammar) {
  return std::make_unique<MaskConstraint>(state_, std::move(grammar));
}
Masks::Stats Masks::stats() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stats;
}

}  // namespace bw::grammar
