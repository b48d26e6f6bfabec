// The parts of a request that are texts: a chat's messages, a completion's prompts, the format of the answer.
// In: JSON. Out: what an Ask holds of it. See openai.h.
#pragma once
#include <string>
#include <vector>

#include "serve/openai_fields.h"

namespace bw::serve {

// `messages` as backend::Ask::messages_json: role and content alone, roles system (also for developer), user
// and assistant, content one text (text parts joined by a newline).
std::string read_messages(Reader& r, const Json& messages);
// One Ask a prompt, with prompt or tokens set.
std::vector<backend::Ask> read_prompts(Reader& r, const Json& prompt);
// Sets grammar, schema and response_format_json.
void read_response_format(Reader& r, const Json& format, backend::Ask& ask);

}  // namespace bw::serve
