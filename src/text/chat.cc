// Puts the interpreter and the tokenizer together: messages -> marked text -> segments -> ids.
#include "text/chat.h"

#include "text/jinja_interp.h"
#include "text/jinja_json.h"
#include "text/jinja_parser.h"

namespace bw::text {

struct ChatTemplate::State {
  jinja::Program program;
};

ChatTemplate::ChatTemplate(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::parse(const std::string& source) {
  BW_TRY(jinja::Program program, jinja::parse(source));
  auto state = std::make_unique<State>();
  state->program = std::move(program);
  return ChatTemplate(std::move(state));
}

namespace {

using jinja::Value;

jinja::Interp::Settings settings(const RenderLimits& l) {
  return {l.max_steps, l.max_output, l.max_depth, l.now};
}

std::vector<Segment> segments(const MarkedText& text) {
  std::vector<Segment> out;
  size_t done = 0;
  const auto add = [&](size_t end, bool trusted) {
    if (end > done) out.push_back({text.bytes().substr(done, end - done), trusted});
    done = end;
  };
  for (const auto& [begin, end] : text.trusted_ranges()) {
    add(begin, false);
    add(end, true);
  }
  add(text.size(), false);
  return out;
}

Result<std::vector<Segment>> run(const jinja::Program& program, Value context, const RenderLimits& limits) {
  jinja::Interp interp(program, std::move(context), settings(limits));
  BW_TRY(const MarkedText text, interp.render());
  return segments(text);
}

}  // namespace

Result<std::vector<Segment>> ChatTemplate::render(const std::vector<Message>& messages,
                                                  bool add_generation_prompt, const std::string& bos,
                                                  const std::string& eos, const RenderLimits& limits) const {
  // The caller's own texts are paid from the same purse as what the template makes of them.
  jinja::Meter m(limits.max_steps, limits.max_output, limits.max_depth);
  std::vector<Value> list;
  for (const Message& message : messages) {
    std::vector<std::pair<Value, Value>> entries(2);
    BW_TRY(entries[0].first, jinja::make_text(m, "role", false));
    BW_TRY(entries[0].second, jinja::make_text(m, message.role, false));
    BW_TRY(entries[1].first, jinja::make_text(m, "content", false));
    BW_TRY(entries[1].second, jinja::make_text(m, message.content, false));
    BW_TRY(Value v, jinja::make_dict(m, std::move(entries)));
    list.push_back(std::move(v));
  }
  std::vector<std::pair<Value, Value>> context(4);
  BW_TRY(context[0].first, jinja::make_text(m, "messages", false));
  BW_TRY(context[0].second, jinja::make_list(m, jinja::List::Kind::list, std::move(list)));
  BW_TRY(context[1].first, jinja::make_text(m, "add_generation_prompt", false));
  context[1].second = add_generation_prompt;
  BW_TRY(context[2].first, jinja::make_text(m, "bos_token", false));
  BW_TRY(context[2].second, jinja::make_text(m, bos, true));
  BW_TRY(context[3].first, jinja::make_text(m, "eos_token", false));
  BW_TRY(context[3].second, jinja::make_text(m, eos, true));
  BW_TRY(Value dict, jinja::make_dict(m, std::move(context)));
  return run(state_->program, std::move(dict), limits);
}

Result<std::vector<Segment>> ChatTemplate::render_json(const std::string& context_json,
                                                       const RenderLimits& limits) const {
  // Texts are copied once into values, and every value has a fixed cost beside them.
  constexpr size_t bytes_per_output_byte = 16;
  jinja::Meter m(limits.max_steps, limits.max_output * bytes_per_output_byte, limits.max_depth);
  BW_TRY(Value context,
         jinja::from_json(m, context_json, {"bos_token", "eos_token", "pad_token", "unk_token"}));
  return run(state_->program, std::move(context), limits);
}

std::vector<Token> encode(const Tokenizer& tokenizer, const std::vector<Segment>& segments_in) {
  MarkedText text;
  for (const Segment& s : segments_in) text.append(s.text, s.trusted);
  return tokenizer.encode_marked(text.bytes(), text.trusted_ranges());
}

Result<std::vector<Token>> chat_tokens(const Tokenizer& tokenizer, const std::vector<Message>& messages,
                                       bool add_generation_prompt, const RenderLimits& limits) {
  const Vocab& v = tokenizer.vocab();
  if (v.chat_template.empty())
    return unsupported(
        "tokenizer.chat_template: the file carries none, so it does not say how a chat is written",
        "use plain prompts, or a file of the model's instruction-tuned variant");
  BW_TRY(const ChatTemplate t, ChatTemplate::parse(v.chat_template));
  const auto text = [&](Token id) { return id >= 0 ? tokenizer.piece(id) : std::string(); };
  BW_TRY(const auto rendered, t.render(messages, add_generation_prompt, text(v.bos), text(v.eos), limits));
  return encode(tokenizer, rendered);
}

}  // namespace bw::text
