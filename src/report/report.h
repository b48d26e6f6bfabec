// The report of a judgement: the terminal's text and a self-contained page, both made from the record alone,
// so that nothing is shown that the record does not hold. In: judgement.json's text (docs/record.md). Out:
// text or HTML.
#pragma once
#include <string>

#include "base/result.h"
#include "report/document.h"

namespace bw::report {

struct TextOptions {
  bool color = false;
  size_t width = 80;  // columns
};

// Error (bad_input) where the text is no record of schema "bitworth.judgement/1". What record::check finds is
// said in it, and before everything else where something does not agree; whether to show it at all is the
// caller's to decide.
Result<Document> document(const std::string& record_json);
std::string text(const Document& document, const TextOptions& options);
// One file: styles inside, no script, a Content-Security-Policy that allows nothing else; all text escaped.
std::string html(const Document& document);

}  // namespace bw::report
