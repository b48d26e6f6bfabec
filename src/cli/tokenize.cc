// bitworth tokenize FILE: text -> ids (and pieces), as the model's own tokenizer has it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/model_session.h"
#include "text/chat.h"

namespace bw::cli {
namespace {

struct Options {
  std::string path, prompt, text_path;
  bool special = false, bos = false, chat = false, pieces = false;
};

int run(const Shared& shared, const Options& o) {
  auto opened = open_readable(o.path);
  if (!opened) return complain(opened.error());
  const auto& [file, tokenizer] = *opened;
  std::string input = o.prompt;
  if (!o.text_path.empty()) {
    auto read = read_text(o.text_path);
    if (!read) return complain(read.error());
    input = *read;
  }
  if (input.empty())
    return complain(bad_input("tokenize: there is no text", "give some with --prompt or --file"));
  warn_of_lost_bytes(tokenizer, input);
  std::vector<text::Token> ids;
  if (o.chat) {
    auto chat = text::chat_tokens(tokenizer, {{"user", input}}, true);
    if (!chat) return complain(chat.error());
    ids = *chat;
  } else {
    using T = text::Tokenizer;
    ids = tokenizer.encode(input, o.special ? T::Special::parse : T::Special::as_text,
                           o.bos ? T::Bos::as_declared : T::Bos::none);
  }
  if (shared.json) {
    nlohmann::ordered_json j{{"ids", ids}};
    for (auto id : ids) j["pieces"].push_back(tokenizer.piece(id));
    fmt::print("{}\n", j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else if (o.pieces) {
    for (auto id : ids)
      fmt::print(
          "{:>8}  {}\n", id,
          nlohmann::json(tokenizer.piece(id)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    for (size_t i = 0; i < ids.size(); ++i) fmt::print("{}{}", i ? " " : "", ids[i]);
    fmt::print("\n");
  }
  return 0;
}

}  // namespace

void add_tokenize(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("tokenize", "Text to token ids");
  sub->footer("Example:\n  bitworth tokenize model.gguf --prompt 'Hello world' --pieces");
  auto o = std::make_shared<Options>();
  sub->add_option("FILE", o->path, "GGUF file, or a name from `bitworth models`")->required();
  auto* prompt = sub->add_option("--prompt", o->prompt, "The text");
  sub->add_option("--file", o->text_path, "Take the text from this file")->excludes(prompt);
  sub->add_flag("--special", o->special, "Control tokens written in the text become their ids");
  sub->add_flag("--bos", o->bos, "Begin with the BOS token where the file says so");
  sub->add_flag("--chat", o->chat, "Put the text into the model's chat template as a user's message");
  sub->add_flag("--pieces", o->pieces, "One id a line with its text");
  sub->callback([&shared, o] { shared.chosen = [&shared, o] { return run(shared, *o); }; });
}

}  // namespace bw::cli
