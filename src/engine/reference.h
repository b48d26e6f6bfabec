// BN1 written from its page (docs/bn1.md) and nothing else: one thread, straight on GGUF rows, no kernel, no
// packing. In: a file and token ids, run as one sequence from position 0. Out: every stage and all logits,
// the defining bits. It is the oracle the engine is compared with, not a way to run a model: some GMAC/s at
// best.
#pragma once
#include <span>

#include "engine/engine.h"
#include "gguf/file.h"

namespace bw::engine {

// Stages as Context::on_stage gives them, all rows in one call each; logits of every row in order. Either may
// be empty.
Status run_reference(const gguf::File& file, std::span<const Token> tokens, const StageSink& stage,
                     const LogitsSink& logits, KvType kv_type = KvType::f16);

}  // namespace bw::engine
