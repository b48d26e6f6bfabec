// Python's ways with letters on marked text: case, stripping, splitting, replacing; used by methods and
// filters. In: text. Out: text whose bytes keep their marks. Searching is linear whatever the texts hold.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja_meter.h"
#include "text/marked_text.h"

namespace bw::text::jinja {

// title: as str.title(); words: as Jinja's title filter (after white space and -([{<).
enum class Letters { lower, upper, capitalize, title, words };
MarkedText recased(const MarkedText& text, Letters change);

enum class LetterTest { alnum, alpha, decimal, digit, lower, upper, space };
bool all_letters(std::string_view text, LetterTest test);

// `letters`: a set of characters; null for white space.
MarkedText stripped(const MarkedText& text, const std::string* letters, bool left, bool right);
// Byte ranges of the parts; `by`: null for runs of white space.
std::vector<std::pair<size_t, size_t>> split_ranges(std::string_view text, const std::string* by, size_t most,
                                                    bool from_right);
Result<MarkedText> replaced(Meter& m, const MarkedText& text, const MarkedText& old, const MarkedText& with,
                            size_t most);
size_t find_first(std::string_view text, std::string_view part, size_t from);  // npos: not there
size_t find_last(std::string_view text, std::string_view part);

}  // namespace bw::text::jinja
