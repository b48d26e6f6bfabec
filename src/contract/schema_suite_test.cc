// Against the official JSON Schema Test Suite (draft 2020-12, data/vectors/json_schema_test_suite): what a
// check passes is valid, always; a schema that cannot be checked is refused for one of the keywords listed
// here.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file.h"
#include "contract/schema_check.h"

namespace bw::contract {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct Seen {
  size_t n_groups = 0, n_refused = 0, n_tests = 0;
  std::vector<std::string> wider, narrower, refusals;
};

void look(const fs::path& path, Seen& seen) {
  const auto text = read_text(path.string());
  ASSERT_TRUE(text) << text.error().what;
  for (const Json& group : Json::parse(*text)) {
    ++seen.n_groups;
    const std::string what = path.filename().string() + ": " + group["description"].get<std::string>();
    const auto check = SchemaCheck::make(group["schema"].dump());
    if (!check) {
      ++seen.n_refused;
      seen.refusals.push_back(what + ": " + check.error().what);
      continue;
    }
    for (const Json& test : group["tests"]) {
      ++seen.n_tests;
      const auto why = (*check)->why_not(test["data"].dump());
      const std::string which = what + ": " + test["description"].get<std::string>();
      if (!why && !test["valid"].get<bool>()) seen.wider.push_back(which);
      if (why && test["valid"].get<bool>()) seen.narrower.push_back(which + " (" + *why + ")");
    }
  }
}

// Valid, and refused by a check, on purpose.
bool is_meant(const std::string& which) {
  for (const char* reason :
       {"format.json:",                                           // a format is asserted here
        "leap second",                                            // whether there was one cannot be told
        "custom metaschema with with no validation vocabulary"})  // "$schema" changes nothing
    if (which.find(reason) != std::string::npos) return true;
  return false;
}

TEST(SchemaSuite, no_check_passes_what_is_not_valid_and_what_cannot_be_checked_is_refused_by_name) {
  Seen s;
  const fs::path root = fs::path(BITWORTH_SOURCE_DIR) / "data/vectors/json_schema_test_suite";
  for (const auto& e : fs::directory_iterator(root))
    if (e.path().extension() == ".json") look(e.path(), s);
  for (const char* f : {"date", "time", "date-time", "uuid", "ipv4"})
    look(root / "format" / (std::string(f) + ".json"), s);
  EXPECT_GE(s.n_tests, 1000u);
  EXPECT_LE(s.n_refused, 176u) << "of " << s.n_groups << " groups";
  for (const std::string& w : s.wider) ADD_FAILURE() << "passed and is not valid: " << w;
  for (const std::string& w : s.narrower) EXPECT_TRUE(is_meant(w)) << w;
  for (const std::string& r : s.refusals) {
    bool named = false;
    for (const char* word :
         {"\"unevaluatedProperties\"", "\"unevaluatedItems\"", "\"patternProperties\"", "\"maxContains\"",
          "\"minContains\"", "\"$dynamicRef\"", "\"$dynamicAnchor\"", "\"$anchor\"", "\"$id\" below the root",
          "into this schema", "whole numbers from 1", "the format", "Expected reference token",
          "does not compile", "that \"enum\" can have"})
      named |= r.find(word) != std::string::npos;
    EXPECT_TRUE(named) << r;
  }
}

}  // namespace
}  // namespace bw::contract
