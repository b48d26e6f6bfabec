// bitworth review: the answers that wait for a person, in a terminal: list, show, decide, one after another,
// export.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/file.h"
#include "base/markup.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/log_folder.h"
#include "cli/usage.h"
#include "review/diff.h"
#include "review/queue.h"

namespace bw::cli {
namespace {

using review::Item;
using Json = nlohmann::ordered_json;

struct Options {
  std::string log_dir, correct, reason, reviewer, out;
  int64_t item = 0;
  int accept = 0;
  double seconds = -1;
  bool reject = false, all = false;
};

Result<std::unique_ptr<review::Queue>> open_queue(const Options& o) {
  const std::string path = review::queue_path(o.log_dir);
  std::error_code ec;
  if (!std::filesystem::exists(path, ec))
    return bad_input(path + ": there is no review queue",
                     "give the folder of a server: bitworth serve CONTRACT.toml --log-dir DIR");
  return review::Queue::open(path);
}

Json json_of(const Item& i) {
  Json j{{"id", i.id},   {"answer", i.answer_id},           {"class", i.class_name}, {"state", name(i.state)},
         {"why", i.why}, {"created", rfc3339(i.created_ms)}};
  j["messages"] = Json::parse(i.messages_json, nullptr, false);
  if (j["messages"].is_discarded()) j["messages"] = i.messages_json;
  j["attempts"] = Json::array();
  for (const review::Attempt& a : i.attempts) {
    Json failed = Json::array();
    for (const auto& [check, reason] : a.failed) failed.push_back({{"check", check}, {"reason", reason}});
    j["attempts"].push_back({{"deployment", a.deployment}, {"text", a.text}, {"failed", failed}});
  }
  if (i.state == Item::State::waiting) return j;
  j["reviewer"] = i.reviewer;
  j["decided"] = rfc3339(i.decided_ms);
  if (i.timed) j["seconds"] = i.seconds;
  if (!i.reason.empty()) j["reason"] = i.reason;
  if (i.state != Item::State::rejected) j["text"] = i.text;
  return j;
}
void print_json(const Json& j) {
  fmt::print("{}\n", j.dump(2, ' ', false, Json::error_handler_t::replace));
}

// Indented, and never obeyed by the terminal.
void print_text(std::string_view text, const std::string& marked_from = {}, bool color = false) {
  std::string out;
  if (marked_from.empty()) {
    out = terminal_text(text);
  } else {
    for (const review::Piece& p : review::diff(text, marked_from).a) {
      const std::string piece = terminal_text(text.substr(p.begin, p.end - p.begin));
      out += !p.differs ? piece : color ? "\x1b[7m" + piece + "\x1b[0m" : "[" + piece + "]";
    }
  }
  for (size_t begin = 0; begin <= out.size();) {
    const size_t end = std::min(out.find('\n', begin), out.size());
    fmt::print("    | {}\n", out.substr(begin, end - begin));
    begin = end + 1;
  }
}

void print_item(const Shared& shared, const Item& i) {
  fmt::print("item {}  {}  {}  {}  {}\n  {}\n", i.id, name(i.state), terminal_text(i.class_name),
             terminal_text(i.answer_id), time_text(int64_t(i.created_ms)), terminal_text(i.why));
  const auto messages = nlohmann::json::parse(i.messages_json, nullptr, false);
  bool shown = messages.is_array();
  if (shown)
    for (const auto& m : messages)
      shown &= m.is_object() && m.contains("role") && m["role"].is_string() && m.contains("content") &&
               m["content"].is_string();
  if (!shown) {
    fmt::print("  prompt, as it was sent\n");
    print_text(i.messages_json);
  } else {
    for (const auto& m : messages) {
      fmt::print("  {}\n", terminal_text(m["role"].get<std::string>()));
      print_text(m["content"].get<std::string>());
    }
  }
  const size_t n = i.attempts.size();
  for (size_t k = 0; k < n; ++k) {
    const review::Attempt& a = i.attempts[k];
    fmt::print("  attempt {}: {}\n", k + 1, terminal_text(a.deployment));
    for (const auto& [check, reason] : a.failed)
      fmt::print("    failed {}: {}\n", terminal_text(check), terminal_text(reason));
    const std::string other = n > 1 ? i.attempts[k + 1 < n ? n - 1 : n - 2].text : "";
    print_text(a.text, other, !shared.no_color);
  }
  if (n > 1)
    fmt::print("  {}: words that attempt {} does not have (in it: attempt {})\n",
               shared.no_color ? "in [ ]" : "turned", n, n - 1);
  if (i.state == Item::State::waiting) return;
  fmt::print("  {} by {} at {}{}{}\n", name(i.state), terminal_text(i.reviewer),
             time_text(int64_t(i.decided_ms)),
             i.timed ? fmt::format(", {:.0f} s", i.seconds) : ", time not measured",
             i.reason.empty() ? "" : ": " + terminal_text(i.reason));
  if (i.state == Item::State::corrected) print_text(i.text);
}

int list(const Shared& shared, const Options& o, const review::Queue& queue) {
  const auto items = queue.list(o.all ? std::nullopt : std::optional(Item::State::waiting), 1000);
  if (!items) return complain(items.error());
  const auto counts = queue.counts();
  if (!counts) return complain(counts.error());
  if (shared.json) {
    Json j{{"waiting", counts->waiting},   {"accepted", counts->accepted}, {"corrected", counts->corrected},
           {"rejected", counts->rejected}, {"seconds", counts->seconds},   {"timed", counts->timed},
           {"items", Json::array()}};
    for (const Item& i : *items) j["items"].push_back(json_of(i));
    print_json(j);
    return 0;
  }
  for (const Item& i : *items)
    fmt::print("{:>6}  {:<9}  {:<16}  {}  {}\n", i.id, name(i.state), terminal_text(i.class_name),
               time_text(int64_t(i.created_ms)), terminal_text(i.why));
  fmt::print("{} waiting, {} accepted, {} corrected, {} rejected; {:.1f} minutes over {} timed decisions\n",
             counts->waiting, counts->accepted, counts->corrected, counts->rejected, counts->seconds / 60,
             counts->timed);
  return 0;
}

// Saved first; then told to the log, where there is one. A log that refuses does not undo what a person
// decided.
int save(const Shared& shared, const Options& o, review::Queue& queue, int64_t id,
         const review::Decision& d) {
  const auto item = queue.decide(id, d);
  if (!item) return complain(item.error());
  const auto index = append_entry(o.log_dir, review::log_entry(*item));
  if (shared.json) {
    Json j = json_of(*item);
    j["log_index"] = index ? Json(*index) : Json();
    print_json(j);
  } else {
    fmt::print("item {}: {}{}\n", item->id, name(item->state),
               index ? fmt::format(", log entry {}", *index) : "");
  }
  if (index) return 0;
  fmt::print(stderr, "bitworth: the decision is saved, but not in the log: {}\n", index.error().what);
  return 1;
}

Result<std::string> read_correction(const std::string& from) {
  if (from != "-") return read_text(from, review::kMaxText);
  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  return text;
}

// The text in the person's own editor; what it holds after.
Result<std::string> edited(const std::string& text) {
  const char* editor = std::getenv("VISUAL");
  if (!editor || !*editor) editor = std::getenv("EDITOR");
  if (!editor || !*editor)
    return bad_input("no editor: neither VISUAL nor EDITOR is set", "export EDITOR=nano, or --correct FILE");
  std::string path = (std::filesystem::temp_directory_path() / "bitworth_review_XXXXXX").string();
  const int fd = ::mkstemp(path.data());  // mode 0600
  if (fd < 0) return failed("no temporary file can be made");
  ::close(fd);
  BW_CHECK(write_text(path, text));
  // The editor is the person's own command line, as git and sudo take it; the path holds no character a shell
  // minds.
  const int rc = std::system((std::string(editor) + " " + shell_word(path)).c_str());
  auto out = rc == 0 ? read_text(path, review::kMaxText)
                     : Result<std::string>(failed("the editor ended with an error: nothing was decided"));
  std::error_code ec;
  std::filesystem::remove(path, ec);
  return out;
}

std::string ask(const std::string& prompt) {
  fmt::print("{}", prompt);
  std::fflush(stdout);
  std::string line;
  if (!std::getline(std::cin, line)) return "q";
  return line;
}

// One item after another, as long as somebody answers. The time counts from when an item is shown.
int loop(const Shared& shared, Options o, review::Queue& queue) {
  if (o.reviewer.empty()) o.reviewer = ask("your name: ");
  int64_t after = 0;
  for (;;) {
    const auto items = queue.list(Item::State::waiting, 1, after);
    if (!items) return complain(items.error());
    if (items->empty()) {
      fmt::print("nothing waits{}\n", after ? " after this" : "");
      return 0;
    }
    const Item& i = items->front();
    after = i.id;
    print_item(shared, i);
    const uint64_t shown = monotonic_ns();
    for (bool decided = false; !decided;) {
      const std::string line =
          ask(fmt::format("a 1..{} accept, c correct, r reject, s skip, q quit: ", i.attempts.size()));
      review::Decision d{.reviewer = o.reviewer};
      if (line == "q") return 0;
      if (line == "s") break;
      if (!line.empty() && line[0] == 'a') {
        d.state = Item::State::accepted;
        d.attempt = line.size() > 1 ? std::atoi(line.c_str() + 1) - 1 : i.attempts.size() == 1 ? 0 : -1;
      } else if (line == "c") {
        d.state = Item::State::corrected;
        const auto text = edited(i.attempts.back().text);
        if (!text) {
          complain(text.error());
          continue;
        }
        d.text = *text;
        d.reason = ask("why (may stay empty): ");
      } else if (line == "r") {
        d.state = Item::State::rejected;
        d.reason = ask("why: ");
      } else {
        continue;
      }
      d.seconds = double(monotonic_ns() - shown) / 1e9;
      d.at_ms = ms_since_1970();
      decided = save(shared, o, queue, i.id, d) == 0;
    }
  }
}

int run(const Shared& shared, const Options& o) {
  auto queue = open_queue(o);
  if (!queue) return complain(queue.error());
  const int n_decisions = (o.accept > 0) + !o.correct.empty() + o.reject;
  if (n_decisions > 1)
    return complain(bad_input("review: one of --accept, --correct and --reject decides an item"));
  if (n_decisions == 1 && o.item == 0)
    return complain(bad_input("review: which item is decided is not said",
                              "bitworth review ITEM --log-dir DIR --accept 1"));
  if (n_decisions == 0 && o.item == 0)
    return ::isatty(0) && ::isatty(1) && !shared.json && !o.all ? loop(shared, o, **queue)
                                                                : list(shared, o, **queue);
  if (n_decisions == 0) {
    const auto item = (*queue)->get(o.item);
    if (!item) return complain(item.error());
    if (!*item)
      return complain(bad_input(fmt::format("review item {}: there is none of this number", o.item)));
    if (shared.json)
      print_json(json_of(**item));
    else
      print_item(shared, **item);
    return 0;
  }
  review::Decision d{.reason = o.reason, .reviewer = o.reviewer, .at_ms = ms_since_1970()};
  if (o.seconds >= 0) d.seconds = o.seconds;
  if (o.accept > 0) {
    d.state = Item::State::accepted;
    d.attempt = o.accept - 1;
  } else if (!o.correct.empty()) {
    auto text = read_correction(o.correct);
    if (!text) return complain(text.error());
    d.state = Item::State::corrected;
    d.text = *std::move(text);
  }
  return save(shared, o, **queue, o.item, d);
}

int export_tasks(const Shared& shared, const Options& o) {
  auto queue = open_queue(o);
  if (!queue) return complain(queue.error());
  const auto lines = review::export_tasks(**queue);
  if (!lines) return complain(lines.error());
  if (lines->empty()) return complain(bad_input("review export: nothing was accepted or corrected yet"));
  if (const Status s = write_text(o.out, *lines); !s) return complain(s.error());
  const auto n = std::count(lines->begin(), lines->end(), '\n');
  if (shared.json)
    print_json({{"out", o.out}, {"tasks", n}});
  else
    fmt::print("{}: {} tasks\n", o.out, n);
  return 0;
}

}  // namespace

void add_review(CLI::App& app, Shared& shared) {
  auto* sub = app.add_subcommand("review", "Answers that wait for a person: list, show, decide, export");
  sub->footer(
      "Example:\n"
      "  bitworth review --log-dir served                       on a terminal: one after another\n"
      "  bitworth review 3 --log-dir served --accept 2\n"
      "  bitworth review 4 --log-dir served --correct right.json --reason 'the town is Rome'\n"
      "  bitworth review export --log-dir served --out corrections.jsonl");
  auto o = std::make_shared<Options>();
  o->reviewer = user_name();
  sub->add_option("ITEM", o->item, "The item to show or to decide")->check(whole(1, 1ull << 62));
  sub->add_option("--log-dir", o->log_dir, "The server's folder")->required();
  auto* accept = sub->add_option("--accept", o->accept, "Accept this attempt, from 1")->check(whole(1, 1000));
  auto* correct =
      sub->add_option("--correct", o->correct, "The right answer, from a file or - for standard input");
  auto* reject = sub->add_flag("--reject", o->reject, "Nobody can use it; needs --reason");
  accept->excludes(correct)->excludes(reject);
  correct->excludes(reject);
  sub->add_option("--reason", o->reason, "Why");
  sub->add_option("--reviewer", o->reviewer, "Who decides (your user name unless you say)");
  sub->add_option("--seconds", o->seconds, "Time you spent on it; not said, it counts as not measured")
      ->check(real(0, 86400));
  sub->add_flag("--all", o->all, "List what was decided, too");
  sub->require_subcommand(0, 1);
  sub->callback([&shared, o, sub] {
    if (sub->get_subcommands().empty()) shared.chosen = [&shared, o] { return run(shared, *o); };
  });
  auto* out = sub->add_subcommand("export", "What was accepted and corrected, as a task file (JSON lines)");
  out->footer("Example:\n  bitworth review export --log-dir served --out corrections.jsonl");
  out->add_option("--out", o->out, "The file")->required();
  out->callback([&shared, o] { shared.chosen = [&shared, o] { return export_tasks(shared, *o); }; });
}

}  // namespace bw::cli
