// Texts that a model or a person wrote, made safe to show: as HTML and in a terminal. In: any bytes. Out:
// valid UTF-8 in which nothing is markup or a control, and in which every character that would hide, reorder
// or fake what is read stands as its number, ⟨U+202E⟩, bytes that are not UTF-8 as ⟨byte FF⟩. Hidden are:
// controls but newline and tab; Unicode's Default_Ignorable_Code_Point and Bidi_Control
// (DerivedCoreProperties, PropList; among them zero-width characters and tags) but the variation selectors
// U+FE00 to U+FE0F, which emoji carry; line and paragraph separators; U+FFF9 to U+FFFB. Letters that look
// like others are not told apart.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bw {

// Between tags. The marks are <span class="mark">, which no text can forge.
std::string html_text(std::string_view untrusted);
// In an attribute in double quotes, in <title>: no tag at all.
std::string html_attribute(std::string_view untrusted);
// In a <textarea>, to be edited: hidden characters stay as they are, as they may belong to the text; controls
// that HTML cannot carry and bytes that are not UTF-8 become U+FFFD. After the tag a newline must follow,
// which HTML drops.
std::string html_editable(std::string_view untrusted);
std::string terminal_text(std::string_view untrusted);
// How many characters the first three write as marks.
size_t n_hidden(std::string_view untrusted);
bool is_utf8(std::string_view text);

}  // namespace bw
