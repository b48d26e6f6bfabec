// Chat templates: messages -> marked text -> token ids, where a user's text can never become a control token.
// In: the Jinja source a model file carries, messages, tools. Out: segments (text, trusted) or ids, or an
// Error.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace bw::text {

struct Message {
  std::string role;     // "system", "user", "assistant", "tool"
  std::string content;  // untrusted: whatever it contains is encoded as plain text
};

struct Segment {
  std::string text;
  bool trusted = false;  // came from the template itself, so control tokens in it are meant
};

struct RenderLimits {
  size_t max_steps = 2'000'000;   // interpreter steps
  size_t max_output = 16u << 20;  // bytes
  size_t max_depth = 64;          // nesting of calls
  // Seconds since 1970 (UTC) that strftime_now tells. Without it a template that asks finds no such function,
  // so that one conversation gives one text on any day; public templates fall back to a fixed date.
  std::optional<int64_t> now = std::nullopt;
};

class ChatTemplate {
 public:
  // Parses; a syntax error names line and column and what was expected.
  static Result<ChatTemplate> parse(const std::string& source);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();
  // bos/eos: the texts of those tokens. A template's own raise_exception is an Error with its words.
  Result<std::vector<Segment>> render(const std::vector<Message>& messages, bool add_generation_prompt,
                                      const std::string& bos, const std::string& eos,
                                      const RenderLimits& limits = {}) const;
  // The same with a whole JSON context (messages with tool calls, tools, custom flags): {"messages": [...],
  // ...}. bos_token, eos_token, pad_token and unk_token of the outermost object are trusted: set them from
  // the vocabulary, never from a request.
  Result<std::vector<Segment>> render_json(const std::string& context_json,
                                           const RenderLimits& limits = {}) const;

 private:
  struct State;
  explicit ChatTemplate(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One text of all segments, in which a control token counts only where every byte of it is trusted.
std::vector<Token> encode(const Tokenizer& tokenizer, const std::vector<Segment>& segments);
// The whole way, for the tokenizer's own template. A vocabulary without a template is an Error that says so.
Result<std::vector<Token>> chat_tokens(const Tokenizer& tokenizer, const std::vector<Message>& messages,
                                       bool add_generation_prompt, const RenderLimits& limits = {});

}  // namespace bw::text
