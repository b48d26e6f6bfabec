// Against the official JSON Schema Test Suite (draft 2020-12, data/vectors/json_schema_test_suite): what a
// grammar accepts is valid, always; what is valid and not accepted is listed here with its reason, and what
// is refused is refused by the keyword that is not enforced.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "grammar/grammar.h"

namespace bw::grammar {
namespace {
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

const std::string one_spelling = "a number has one spelling: 1, not 1.0",
                  order = "members come in the schema's order", asserted = "a format is asserted here",
                  subset = "a subset of the format";

// Valid, not accepted: file, description of the test.
const std::map<std::pair<std::string, std::string>, std::string> narrower = {
    {{"allOf.json", "allOf"}, order},
    {{"allOf.json", "valid"}, order},
    {{"const.json", "same object with different property order is valid"}, order},
    {{"const.json", "float -2.0 is valid"}, one_spelling},
    {{"const.json", "float zero is valid"}, one_spelling},
    {{"const.json", "float one is valid"}, one_spelling},
    {{"const.json", "float is valid"}, one_spelling},
    {{"enum.json", "float zero is valid"}, one_spelling},
    {{"enum.json", "float one is valid"}, one_spelling},
    {{"enum.json", "[0.0] is valid"}, one_spelling},
    {{"enum.json", "[1.0] is valid"}, one_spelling},
    {{"type.json", "a float with zero fractional part is an integer"}, one_spelling},
    {{"format.json", "invalid date string is only an annotation by default"}, asserted},
    {{"format.json", "invalid date-time string is only an annotation by default"}, asserted},
    {{"format.json", "invalid email string is only an annotation by default"}, asserted},
    {{"format.json", "invalid ipv4 string is only an annotation by default"}, asserted},
    {{"format.json", "invalid time string is only an annotation by default"}, asserted},
    {{"format.json", "invalid uuid string is only an annotation by default"}, asserted},
    {{"date-time.json", "a second fraction of fifteen nines is valid"}, subset},
    {{"date-time.json", "a valid date-time with a leap second, UTC"}, subset},
    {{"date-time.json", "a valid date-time with a leap second, with minus offset"}, subset},
    {{"date-time.json", "case-insensitive T and Z"}, subset},
    {{"email.json", "a quoted string with a @ in the local part is valid"}, subset},
    {{"email.json", "a quoted string with a double dot in the local part is valid"}, subset},
    {{"email.json", "a quoted string with a space in the local part is valid"}, subset},
    {{"email.json", "an IPv4-address-literal after the @ is valid"}, subset},
    {{"email.json", "an IPv6-address-literal after the @ is valid"}, subset},
    {{"time.json", "a valid time string with case-insensitive Z"}, subset},
    {{"time.json", "a valid time string with leap second, Zulu"}, subset},
    {{"time.json", "valid leap second, large negative time-offset"}, subset},
    {{"time.json", "valid leap second, large positive time-offset"}, subset},
    {{"time.json", "valid leap second, negative time-offset"}, subset},
    {{"time.json", "valid leap second, positive time-offset"}, subset},
    {{"time.json", "valid leap second, zero time-offset"}, subset},
};

// Files of keywords that are enforced: how many of their groups are refused, for what words. Two of
// additionalProperties.json and most of ref.json use other keywords beside theirs.
const std::map<std::string, std::pair<size_t, std::set<std::string>>> enforced = {
    {"additionalProperties.json", {2, {"propertyNames", "dependentSchemas"}}},
    {"allOf.json", {2, {"no value is valid"}}},
    {"anyOf.json", {1, {"no value is valid"}}},
    {"boolean_schema.json", {1, {"no value is valid"}}},
    {"const.json", {0, {}}},
    {"default.json", {0, {}}},
    {"defs.json", {1, {"outside of the schema"}}},
    {"enum.json", {1, {"no value is valid"}}},
    {"exclusiveMaximum.json", {0, {}}},
    {"exclusiveMinimum.json", {0, {}}},
    {"infinite-loop-detection.json", {0, {}}},
    {"items.json", {0, {}}},
    {"maxItems.json", {0, {}}},
    {"maxLength.json", {0, {}}},
    {"maxProperties.json", {0, {}}},
    {"maximum.json", {0, {}}},
    {"minItems.json", {0, {}}},
    {"minLength.json", {0, {}}},
    {"minProperties.json", {0, {}}},
    {"minimum.json", {0, {}}},
    {"multipleOf.json", {4, {"multipleOf of other than a whole number"}}},
    {"oneOf.json", {9, {"not seen to exclude each other", "no value is valid"}}},
    {"pattern.json", {1, {"Unicode property"}}},
    {"patternProperties.json", {1, {"Unicode property"}}},
    {"prefixItems.json", {0, {}}},
    {"properties.json", {0, {}}},
    {"ref.json",
     {18,
      {"outside of the schema", "anchor", "$id of its own", "unevaluatedProperties", "no value is valid"}}},
    {"required.json", {0, {}}},
    {"type.json", {0, {}}},
    {"date.json", {0, {}}},
    {"date-time.json", {0, {}}},
    {"email.json", {0, {}}},
    {"ipv4.json", {0, {}}},
    {"time.json", {0, {}}},
    {"uuid.json", {0, {}}},
    {"non-bmp-regex.json", {0, {}}},
    {"ecmascript-regex.json", {4, {"Unicode property"}}},
};

TEST(Suite, nothing_invalid_is_accepted_and_all_that_is_valid_but_what_is_listed) {
  std::map<std::string, size_t> n_refused, n_groups;
  auto unmet = narrower;
  size_t n_tests = 0, n_valid = 0;
  for (const auto& entry :
       fs::recursive_directory_iterator(BITWORTH_SOURCE_DIR "/data/vectors/json_schema_test_suite")) {
    if (entry.path().extension() != ".json") continue;
    const std::string file = entry.path().filename();
    std::ifstream in(entry.path());
    for (const Json& group : Json::parse(in)) {
      SCOPED_TRACE(file + ": " + group["description"].get<std::string>());
      ++n_groups[file];
      const auto g = Grammar::from_schema(group["schema"].dump());
      if (!g) {
        const std::string& what = g.error().what;
        EXPECT_EQ(g.error().code, Code::bad_input);
        ++n_refused[file];
        if (!enforced.count(file)) continue;
        const auto& words = enforced.at(file).second;
        EXPECT_TRUE(std::any_of(words.begin(), words.end(), [&](const std::string& w) {
          return what.find(w) != std::string::npos;
        })) << what;
        continue;
      }
      for (const Json& test : group["tests"]) {
        const std::string description = test["description"];
        const bool accepted = (*g)->accepts(test["data"].dump()), valid = test["valid"];
        ++n_tests;
        n_valid += valid;
        EXPECT_LE(accepted, valid) << "accepts what is invalid: " << description;
        if (accepted || !valid) continue;
        EXPECT_TRUE(narrower.count({file, description})) << description << ": " << test["data"];
        unmet.erase({file, description});
      }
    }
  }
  for (const auto& [file, what] : enforced) {
    EXPECT_GT(n_groups[file], 0u) << file;
    EXPECT_EQ(n_refused[file], what.first) << file;
  }
  for (const auto& [test, why] : unmet)
    ADD_FAILURE() << test.first << ": " << test.second << ": is accepted now";
  // Of keywords that are not enforced every group that needs them is refused.
  for (const char* file :
       {"contains.json", "dependentRequired.json", "dependentSchemas.json", "if-then-else.json", "not.json",
        "propertyNames.json", "unevaluatedItems.json", "unevaluatedProperties.json"})
    EXPECT_GE(n_refused[file] + 5, n_groups[file]) << file;
  EXPECT_GT(n_tests, 700u);
  EXPECT_GT(n_valid, 300u);
}

}  // namespace
}  // namespace bw::grammar
