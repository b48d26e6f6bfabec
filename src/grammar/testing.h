// For tests and the fuzzer: schemas at random, of all that is enforced, and walks over masks. In: a source of
// choices. Out: a schema as text; what a walk wrote.
#pragma once
#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "grammar/grammar.h"
#include "text/bpe.h"

namespace bw::grammar::testing {

// next(n): a number below n.
using Choose = std::function<uint32_t(uint32_t n)>;
inline Choose choose_by(std::mt19937_64& random) {
  return [&random](uint32_t n) { return uint32_t(random() % n); };
}

class RandomSchema {
 public:
  explicit RandomSchema(Choose choose) : choose_(std::move(choose)) {}

  std::string text() {
    n_defs_ = choose_(3);
    std::string s = choose_(4) ? object(3) : any(3);
    if (n_defs_ == 0) return s;
    std::string defs;
    for (uint32_t i = 0; i < n_defs_; ++i) {
      // A definition that may be empty or a leaf, so that recursion ends.
      defs += (i ? ",\"d" : "\"d") + std::to_string(i) + "\":";
      defs += choose_(2) ? object(1) : "{\"anyOf\":[{\"type\":\"null\"}," + any(1) + "]}";
    }
    return s.substr(0, s.size() - 1) + (s.size() > 2 ? "," : "") + "\"$defs\":{" + defs + "}}";
  }

 private:
  std::string number(int low, int high) {
    const int n = low + int(choose_(uint32_t(high - low + 1)));
    static const char* const after[] = {"", ".5", ".25", ".125", "e1", ".0"};
    return std::to_string(n) + after[choose_(6)];
  }
  std::string name() {
    static const char* const names[] = {
        "a",  "b",   "ab",    "name",          "n\\u00e4me", "x\\\"y",         "",
        "id", "\\n", "items", "back\\\\slash", "a b",        "\\ud83d\\ude00", "type"};
    return names[choose_(portable ? 7 : 14)];  // valijson takes a property "id" for the keyword
  }
  std::string any(int depth) {
    if (depth <= 0) return leaf();
    switch (choose_(12)) {
      case 0:
      case 1:
        return object(depth);
      case 2:
        return array(depth);
      case 3:
        return "{\"anyOf\":[" + any(depth - 1) + "," + any(depth - 1) + "]}";
      case 4:
        return nullable(depth);
      case 5:
        return one_of(depth);
      case 6:
        return "{\"allOf\":[" + object(depth - 1) + "," + object(depth - 1) + "]}";
      case 7:
        return n_defs_ ? "{\"$ref\":\"#/$defs/d" + std::to_string(choose_(n_defs_)) + "\"}" : leaf();
      default:
        return leaf();
    }
  }
  std::string nullable(int depth) {
    std::string s = any(depth - 1);
    return "{\"anyOf\":[" + s + ",{\"type\":\"null\"}]}";
  }
  std::string one_of(int depth) {
    const std::string tag = "\"required\":[\"kind\"]";
    return "{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"one\"},\"v\":" +
           any(depth - 1) + "}," + tag +
           ",\"additionalProperties\":false},{\"type\":\"object\",\"properties\":{\"kind\":{\"enum\":["
           "\"two\",\"three\"]}}," +
           tag + "},{\"type\":[\"integer\",\"boolean\"]}]}";
  }
  std::string leaf() {
    switch (choose_(14)) {
      case 0:
        return "{\"type\":\"integer\"" + bounds(false) + "}";
      case 1:
        return "{\"type\":\"number\"" + bounds(true) + "}";
      case 2:
        return "{\"type\":\"boolean\"}";
      case 3:
        return "{\"enum\":[\"red\",\"green\",null,1,2.5,[1,\"a\"],{\"k\":true}]}";
      case 4:
        return "{\"const\":\"" + name() + "\"}";
      case 5:
        return "{}";
      case 6: {
        static const char* const formats[] = {"date", "time", "date-time", "email", "uuid", "ipv4"};
        return std::string("{\"type\":\"string\",\"format\":\"") + formats[choose_(6)] + "\"}";
      }
      case 7: {
        static const char* const patterns[] = {"^[a-z]{2,5}$",
                                               "^(foo|bar)+$",
                                               "[0-9]",
                                               "^\\\\d{3}-\\\\d{4}$",
                                               "^.{1,8}$",
                                               "^$|^x",
                                               "\\u00e9",
                                               "^[^a]*$",
                                               "^\\ud83d\\ude00?[\\\"\\\\\\\\]$"};
        static const char* const ascii[] = {"^[a-z]{2,5}$", "^(foo|bar)+$", "[0-9]", "^\\\\d{3}-\\\\d{4}$"};
        const char* p = portable ? ascii[choose_(4)] : patterns[choose_(9)];
        return std::string("{\"type\":\"string\",\"pattern\":\"") + p + "\"" +
               lengths("minLength", "maxLength", 3, 9) + "}";
      }
      case 8:
        return "{\"type\":[\"string\",\"null\"]}";
      case 9:
        return "{\"type\":\"integer\",\"multipleOf\":" + std::to_string(1 + choose_(12)) + "}";
      default:
        return "{\"type\":\"string\"" + lengths("minLength", "maxLength", 4, 30) + "}";
    }
  }
  std::string bounds(bool fractions) {
    std::string s;
    const auto bound = [&](int low, int high) {
      return fractions ? number(low, high) : std::to_string(low + int(choose_(uint32_t(high - low + 1))));
    };
    if (choose_(2)) s += (choose_(2) ? ",\"minimum\":" : ",\"exclusiveMinimum\":") + bound(-120, 5);
    if (choose_(2)) s += (choose_(2) ? ",\"maximum\":" : ",\"exclusiveMaximum\":") + bound(7, 1200);
    return s;
  }
  std::string lengths(const char* min, const char* max, uint32_t low, uint32_t high) {
    std::string s;
    const uint32_t n = choose_(low);
    if (choose_(2)) s += std::string(",\"") + min + "\":" + std::to_string(n);
    if (choose_(2)) s += std::string(",\"") + max + "\":" + std::to_string(n + choose_(high - low));
    return s;
  }
  std::string array(int depth) {
    std::string s = "{\"type\":\"array\"";
    const bool prefix = !portable && choose_(3) == 0;
    if (prefix) s += ",\"prefixItems\":[" + any(depth - 1) + "," + any(depth - 1) + "]";
    if (choose_(4)) s += ",\"items\":" + (prefix && choose_(2) ? "false" : any(depth - 1));
    if (!prefix || choose_(2)) s += lengths("minItems", "maxItems", prefix ? 2 : 3, 6);
    return s + "}";
  }
  std::string object(int depth) {
    std::string s = "{\"type\":\"object\"", properties, required;
    std::vector<std::string> names;
    for (uint32_t n = choose_(5); n > 0; --n) {
      const std::string member = name();
      if (std::find(names.begin(), names.end(), member) != names.end()) continue;
      names.push_back(member);
      properties += (properties.empty() ? "\"" : ",\"") + member + "\":" + any(depth - 1);
      if (choose_(2)) required += (required.empty() ? "\"" : ",\"") + member + "\"";
    }
    if (!names.empty()) s += ",\"properties\":{" + properties + "}";
    if (!required.empty()) s += ",\"required\":[" + required + "]";
    if (choose_(6) == 0)
      s += ",\"patternProperties\":{\"^[xy]\":" + leaf() + (choose_(2) ? ",\"z$\":" + leaf() : "") + "}";
    if (choose_(3)) s += ",\"additionalProperties\":" + (choose_(2) ? std::string("false") : any(depth - 1));
    if (choose_(8) == 0) s += ",\"maxProperties\":" + std::to_string(names.size() + choose_(3));
    if (choose_(8) == 0) s += ",\"minProperties\":" + std::to_string(choose_(3));
    return s + "}";
  }

 public:
  bool portable = false;  // only what valijson knows too: no prefixItems, patterns that bytes decide

 private:
  Choose choose_;
  uint32_t n_defs_ = 0;
};

// A byte-level vocabulary: every byte, `n` random pieces as JSON holds them, a control token, one that ends.
inline text::Vocab json_vocab(std::mt19937_64& random, size_t n) {
  text::Vocab v;
  v.model = "gpt2";
  v.pre = "gpt-2";
  for (const std::string& s : text::byte_alphabet()) v.tokens.push_back(s);
  static const std::string parts[] = {
      "\"", "\":",  "\",",  "{\"", "\"}", "[",    "]",     "{",        "}",        ",",
      ":",  " ",    "\n",   "  ",  "\\",  "\\n",  "\\u00", "\\ud83d",  "a",        "b",
      "ab", "name", "kind", "one", "two", "0",    "1",     "25",       ".",        "e",
      "-",  "true", "null", "fal", "se",  "\xc3", "\xa4",  "\xf0\x9f", "\x98\x80", "x",
      "é",  "日本", "foo",  "bar", "\t",  "T",    "Z",     "@",        "items",    "id"};
  std::set<std::string> known(v.tokens.begin(), v.tokens.end());
  while (v.tokens.size() < 256 + n) {
    std::string bytes;
    for (size_t k = 2 + random() % 4; k > 0; --k) bytes += parts[random() % std::size(parts)];
    std::string text = text::to_byte_alphabet(bytes);
    if (known.insert(text).second) v.tokens.push_back(std::move(text));
  }
  // Spelled as tokens above may be, in their own letters.
  for (const char* s : {" ", "  ", " \"", ", \""}) v.tokens.emplace_back(s);
  v.tokens.emplace_back("<|im_start|>");
  v.tokens.emplace_back("<|im_end|>");
  v.kinds.assign(v.tokens.size(), text::TokenKind::normal);
  std::fill(v.kinds.end() - 6, v.kinds.end() - 2, text::TokenKind::user_defined);
  v.kinds[v.tokens.size() - 2] = v.kinds[v.tokens.size() - 1] = text::TokenKind::control;
  v.eos = text::Token(v.tokens.size() - 1);
  return v;
}

struct Walked {
  std::string text;
  bool ended = false;  // by itself
  std::optional<Error> error;
};
// Takes tokens that are allowed, at random, those that close something more often the longer it gets, until
// the output ends or n_most are taken. `seen` is told each mask before its token is chosen; may be empty.
inline Walked walk(Masks& masks, const std::shared_ptr<const Grammar>& grammar,
                   const text::Tokenizer& tokenizer, const Choose& choose, size_t n_most,
                   const std::function<void(const std::string& text, engine::TokenMask)>& seen = {}) {
  Walked w;
  const auto constraint = masks.start(grammar);
  std::vector<text::Token> all, closing;
  std::vector<bool> closes(tokenizer.size());
  for (text::Token t = 0; size_t(t) < tokenizer.size(); ++t) {
    const std::string piece = tokenizer.piece(t, false);
    closes[size_t(t)] = tokenizer.ends_generation(t) ||
                        (piece.size() < 3 && piece.find_first_of("\"]}") != std::string::npos);
  }
  for (size_t n = 0; n < n_most; ++n) {
    auto mask = constraint->allowed();
    if (!mask) {
      w.error = mask.error();
      return w;
    }
    if (seen) seen(w.text, *mask);
    all.clear();
    closing.clear();
    for (text::Token t = 0; size_t(t) < tokenizer.size(); ++t) {
      if (!engine::allows(*mask, t)) continue;
      all.push_back(t);
      if (closes[size_t(t)]) closing.push_back(t);
    }
    const bool close = !closing.empty() && choose(200) < 40 + n;
    const text::Token t =
        close ? closing[choose(uint32_t(closing.size()))] : all[choose(uint32_t(all.size()))];
    if (tokenizer.ends_generation(t)) {
      w.ended = true;
      return w;
    }
    w.text += tokenizer.piece(t, false);
    constraint->accept(t);
  }
  return w;
}

}  // namespace bw::grammar::testing
