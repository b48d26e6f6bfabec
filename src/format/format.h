// The deployment-format axis: what a file really is and what a runtime must support to load it.
// In: gguf::File. Out: FormatReport; nothing is loaded or run.
#pragma once
#include <string>
#include <vector>

#include "base/figure.h"
#include "base/result.h"
#include "gguf/file.h"

namespace bw::format {

struct TypeShare {
  std::string type;  // "Q4_0"
  uint64_t n_tensors = 0, n_elements = 0, n_bytes = 0;
  double share = 0;  // of all weight bytes
  bool computed_here = false;
};

struct FormatReport {
  std::string path, architecture, name;  // general.name
  uint32_t gguf_version = 0;
  uint64_t file_bytes = 0, weight_bytes = 0, n_elements = 0;
  std::string label;             // the type the file claims (general.file_type), or what its name says
  Figure bits_per_weight;        // derived, "bits"
  Figure on_label_share;         // share of weight bytes in the claimed type; unknown where it claims none
  Figure bytes_read_per_token;   // derived, "bytes": weights a decode step reads (embedding: one row)
  std::vector<TypeShare> types;  // most bytes first
  std::vector<std::string>
      requirements;  // what a runtime must support: architecture, types, tokenizer, template, split
  std::vector<std::string> findings;  // structural or semantic oddities, each naming the key
  bool loads_here = false;            // bitworth's engine can run it
  std::string why_not;                // if not
  std::string tokenizer_digest;       // empty where the tokenizer is not one we read
};
Result<FormatReport> inspect(const gguf::File& file);

}  // namespace bw::format
