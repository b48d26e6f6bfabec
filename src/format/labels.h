// What a file claims to be: general.file_type, or the label in its name. Used inside src/format.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace bw::format {

struct Label {
  std::string_view name;  // "Q4_K_M"
  std::string_view type;  // the block type it is named after: "Q4_K"
};
// nullopt for an id llama.cpp does not define (or removed), and for 1024, "guessed".
std::optional<Label> label_of_file_type(uint64_t id);
// The longest label that stands in a file's name between characters that are not letters, digits or '_'.
std::optional<Label> label_of_name(std::string_view path);

}  // namespace bw::format
