// Wrong use of the command line in the program's own words: which option, what was given, what was expected.
// In: CLI11's parse errors. Out: an Error (bad_input) for complain(); checks of numbers that words can be
// made from.
#pragma once
#include <CLI/CLI.hpp>
#include <limits>
#include <string>

#include "base/result.h"

namespace bw::cli {

// A check of an option's value: a whole number from `low` to `high`. Refused: anything else, a trailing
// letter included.
CLI::Validator whole(uint64_t low, uint64_t high);
// A number from `low` to `high`; NaN and infinity are refused.
CLI::Validator real(double low, double high);

constexpr uint64_t any_seed = std::numeric_limits<uint64_t>::max();

// What is wrong with `words` (argv) and what to do: the error that parsing them with `app` threw.
Error usage_error(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& words);

}  // namespace bw::cli
