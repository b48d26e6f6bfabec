// The parts of answers that a body and an event share. In: tokens and replies. Out: JSON. See openai.h.
#pragma once
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "serve/openai.h"

namespace bw::serve {

using Json = nlohmann::ordered_json;

std::string dump(const Json& j);  // text that is not UTF-8 as U+FFFD
// Code points; a byte that begins none counts for nothing.
uint64_t n_characters(std::string_view text);
// The text of a token, of which a character may be only a part: bytes that are not UTF-8 stand as \xNN.
std::string token_name(std::string_view bytes);

Json chat_log_probs(std::span<const backend::TokenText* const> tokens);
// `offset`: of the first, in characters of the text; counted on. `first_is_unknown`: there was nothing before
// it.
Json completion_log_probs(std::span<const backend::TokenText* const> tokens, uint64_t& offset,
                          bool first_is_unknown);
const char* finish_reason(backend::Reply::Finish finish);
Json usage(uint64_t n_prompt, uint64_t n_output, uint64_t n_reused);
// Adds "bitworth", if there is a receipt.
void add_receipt(Json& j, std::string_view receipt);

}  // namespace bw::serve
