// Reading a TOML file that a person wrote: every wrong thing is said with file:line:column, the key, what was
// expected and what was found. A section is a list of (key, handler); a key outside it is an error that names
// the nearest one. In: a parsed document. Out: values in the caller's structs, or bad_input. Only loaders
// include this: toml++ is a large header.
#pragma once
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// toml++ asserts what a text decides ("[" alone on a line) and has an error for it right after: the error,
// not abort().
#define TOML_ASSERT(expression) static_cast<void>(0)
#include <toml++/toml.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bw::scenario {

// `label` is what errors call the file.
Result<toml::table> parse_toml(const std::string& text, const std::string& label);
// "the text \"x\"", "a list", ...
std::string kind(const toml::node& node);
std::string joined(const std::string& table, const std::string& key);  // "table.key"; "key" at the top
// Small letters, digits and _, a letter first.
bool is_name(std::string_view s);

class TomlReader {
 public:
  using Handler = std::function<Status(const toml::node&, const std::string& key)>;
  struct Entry {
    std::string key;
    Handler handle;
  };
  // `given`, if not null, gets the full name of every key of a section that was read.
  explicit TomlReader(std::string label, std::set<std::string>* given = nullptr)
      : label_(std::move(label)), given_(given) {}

  Error at(const toml::source_region& where, std::string_view message, std::string next = {}) const;
  Error wrong(const toml::node& node, const std::string& key, std::string_view expected) const;
  Error unknown_key(const toml::source_region& where, const std::string& full, const std::string& key,
                    const std::vector<std::string>& names) const;
  Status section(const toml::table& table, const std::string& prefix,
                 const std::vector<Entry>& entries) const;

  Handler table(std::function<Status(const toml::table&, const std::string&)> inner) const;  // not empty
  Handler inside(std::vector<Entry> entries) const;                                          // table of these
  Handler text(std::string& into) const;                                                     // not empty
  Handler texts(std::vector<std::string>& into) const;  // a list of texts, not empty
  Handler flag(bool& into) const;
  Handler whole(uint32_t& into, uint32_t least, uint32_t most) const;
  Handler whole(uint64_t& into, uint64_t least, uint64_t most) const;
  // `into` becomes the index of the text among `names`.
  Handler one_of(size_t& into, std::vector<std::string> names) const;
  // A number in `unit`, bare or with a suffix in quotes; least <= value <= most, finite.
  Result<double> value(const toml::node& node, const std::string& key, std::string_view unit, double least,
                       double most) const;
  Handler number(double& into, std::string unit, double least, double most) const;
  Handler milliseconds(uint64_t& into, uint64_t least, uint64_t most) const;  // "2 s"; a bare number is ms

 protected:
  const std::string& label() const { return label_; }
  void note(const std::string& key) const {
    if (given_) given_->insert(key);
  }

 private:
  std::string label_;
  std::set<std::string>* given_;
};

}  // namespace bw::scenario
