// SNIPS (sonos/nlu-benchmark, 2017-06-custom-intent-engines, validation split, CC0): slots of a spoken
// request. In: data/tasks/snips/validate_INTENT.json. Out: a Suite of 651 items, 93 an intent, category
// "extraction".
//
// The chat is five worked examples of the intent, each a user and an assistant turn, then the item's
// sentence: all items of an intent share everything before the sentence. Instruction and first sentence stand
// in one user turn, because several models' templates refuse a system role. (As one long user text instead of
// turns, the same examples made a 0.5B model copy the first one: field F1 0.20 instead of 0.47.)
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "base/hash.h"
#include "stats/random.h"
#include "tasks/extraction.h"
#include "tasks/suite.h"

namespace bw::tasks {
namespace {

using Json = nlohmann::json;

// Changes whenever prompts, order or checking change, so that old cases are not taken for new ones.
constexpr const char* kVersion = "snips/1";
constexpr uint64_t kOrderSeed = 2026;
constexpr size_t kItemsPerIntent = 93;  // what the intent with the most repeated sentences has
constexpr size_t kDefaultItems = 42;    // 6 an intent

// Five rows (from 0) an intent, never evaluated. Chosen once, greedily: the row with the most slots not yet
// shown, then the shortest sentence in bytes, then the first; when all that can be shown has been, it starts
// again.
struct Intent {
  const char* name;
  std::array<size_t, 5> examples;
};
constexpr Intent kIntents[] = {
    {"AddToPlaylist", {52, 11, 3, 2, 80}},
    {"BookRestaurant", {90, 84, 79, 61, 20}},
    {"GetWeather", {45, 93, 18, 94, 78}},
    {"PlayMusic", {4, 35, 87, 98, 99}},
    {"RateBook", {96, 78, 42, 22, 37}},
    {"SearchCreativeWork", {34, 11, 81, 78, 92}},
    {"SearchScreeningEvent", {48, 13, 81, 33, 57}},
};

struct Row {
  std::string sentence;
  Fields slots;
};

struct Group {
  std::string name;
  std::vector<std::string> slots;  // all names of the intent, sorted
  std::vector<Row> rows;
  std::vector<text::Message> prefix;  // everything before an item's sentence; the last message lacks it
};

Result<std::vector<Row>> read_rows(const std::string& path, const std::string& intent) {
  BW_TRY(const std::string text, read_text(path));
  const Json doc = Json::parse(text, nullptr, false);
  const auto wrong = [&](const std::string& what) {
    return bad_input(path + ": " + what, "restore the file from the source named in its README");
  };
  if (doc.is_discarded()) return wrong("not valid JSON");
  if (!doc.is_object() || !doc.contains(intent) || !doc[intent].is_array())
    return wrong("no list named " + intent);
  std::vector<Row> rows;
  for (const Json& entry : doc[intent]) {
    Row row;
    if (!entry.is_object() || !entry.contains("data") || !entry["data"].is_array())
      return wrong("row " + std::to_string(rows.size()) + " has no list \"data\"");
    for (const Json& piece : entry["data"]) {
      if (!piece.is_object() || !piece.contains("text") || !piece["text"].is_string())
        return wrong("row " + std::to_string(rows.size()) + ": a piece without \"text\"");
      const std::string words = piece["text"].get<std::string>();
      row.sentence += words;
      if (piece.contains("entity") && piece["entity"].is_string())
        row.slots.emplace_back(piece["entity"].get<std::string>(), normalised(words));
    }
    row.sentence = normalised(row.sentence);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string as_json(const Fields& fields) {
  std::string out = "{";
  for (const auto& [name, value] : fields)
    out += (out.size() > 1 ? ", " : "") + Json(name).dump() + ": " + Json(value).dump();
  return out + "}";
}

std::vector<text::Message> make_prefix(const Group& g, const std::array<size_t, 5>& examples) {
  std::string names;
  for (const std::string& s : g.slots) names += (names.empty() ? "" : ", ") + s;
  std::string lead =
      "Extract slots from each request. Answer with one JSON object only. Allowed slots: " + names +
      ". Copy each value word for word from the request and leave out slots that do not occur.\n\n";
  std::vector<text::Message> m;
  for (size_t row : examples) {
    m.push_back({"user", lead + g.rows[row].sentence});
    m.push_back({"assistant", as_json(g.rows[row].slots)});
    lead.clear();
  }
  return m;
}

class Snips final : public Suite {
 public:
  Snips(std::vector<Group> groups, std::vector<Item> items)
      : groups_(std::move(groups)), items_(std::move(items)) {
    Sha256 h;
    const auto add = [&](std::string_view s) {
      h.add(s.data(), s.size());
      h.add("\0", 1);
    };
    add(kVersion);
    for (const Item& item : items_) {
      add(item.id);
      for (const text::Message& m : prompt(item)) {
        add(m.role);
        add(m.content);
      }
      for (const std::string& f : item.accept.fields) add(f);
      for (const auto& [name, value] : item.truth.fields) {
        add(name);
        add(value);
      }
    }
    digest_ = h.hex();
  }
  std::string name() const override { return "snips"; }
  std::string digest() const override { return digest_; }
  const std::vector<Item>& items() const override { return items_; }
  size_t default_items() const override { return kDefaultItems; }
  std::vector<text::Message> prompt(const Item& item) const override {
    std::vector<text::Message> m;
    for (const Group& g : groups_)
      if (g.name == item.group) m = g.prefix;
    m.push_back({"user", item.input});
    return m;
  }
  // The longest gold object is about 70 tokens; twice that leaves room for another layout of the same object.
  uint32_t max_output_tokens() const override { return 128; }
  bool complete(std::string_view output) const override {
    return object_closed(output) || !may_become_object(output);
  }
  Check check(const Item& item, std::string_view output) const override {
    return check_extraction(output, item.accept, item.truth);
  }

 private:
  std::vector<Group> groups_;
  std::vector<Item> items_;
  std::string digest_;
};

// Rows that may be asked: no example, no sentence that an example or an earlier row has. Shuffled (Fisher,
// Yates).
Result<std::vector<size_t>> order_of(const Group& g, const std::array<size_t, 5>& examples, uint64_t seed) {
  std::set<std::string> seen;
  for (size_t e : examples) seen.insert(g.rows[e].sentence);
  std::vector<size_t> order;
  for (size_t i = 0; i < g.rows.size(); ++i)
    if (!g.rows[i].slots.empty() && seen.insert(g.rows[i].sentence).second) order.push_back(i);
  if (order.size() < kItemsPerIntent)
    return bad_input("snips " + g.name + ": expected at least " + std::to_string(kItemsPerIntent) +
                     " different sentences, found " + std::to_string(order.size()));
  stats::SplitMix64 random(seed);
  for (size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
  order.resize(kItemsPerIntent);
  return order;
}

}  // namespace

Result<std::unique_ptr<Suite>> make_snips(const std::string& data_dir) {
  std::vector<Group> groups;
  std::vector<std::vector<size_t>> orders;
  for (const Intent& intent : kIntents) {
    Group g;
    g.name = intent.name;
    const std::string path = data_dir + "/tasks/snips/validate_" + g.name + ".json";
    BW_TRY(g.rows, read_rows(path, g.name));
    std::set<std::string> names;
    for (const Row& row : g.rows)
      for (const auto& slot : row.slots) names.insert(slot.first);
    g.slots.assign(names.begin(), names.end());
    for (size_t e : intent.examples)
      if (e >= g.rows.size())
        return bad_input(path + ": expected 100 rows, found " + std::to_string(g.rows.size()));
    g.prefix = make_prefix(g, intent.examples);
    BW_TRY(std::vector<size_t> order, order_of(g, intent.examples, kOrderSeed + groups.size()));
    orders.push_back(std::move(order));
    groups.push_back(std::move(g));
  }
  // One item of each intent in turn: any prefix of the list is balanced to within one.
  std::vector<Item> items;
  for (size_t i = 0; i < kItemsPerIntent; ++i)
    for (size_t k = 0; k < groups.size(); ++k) {
      const Group& g = groups[k];
      const size_t row = orders[k][i];
      Item item;
      item.id = "snips/" + g.name + "/" + std::to_string(row);
      item.category = "extraction";
      item.group = g.name;
      item.input = g.rows[row].sentence;
      item.accept.fields = g.slots;
      item.truth.fields = g.rows[row].slots;
      item.tags = {"json", "short"};
      items.push_back(std::move(item));
    }
  return std::unique_ptr<Suite>(std::make_unique<Snips>(std::move(groups), std::move(items)));
}

}  // namespace bw::tasks
