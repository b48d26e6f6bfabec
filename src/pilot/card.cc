// The decision card: what a decision must say before it counts. In: TOML. Out: Card, or the fields that are
// empty.
#include <fmt/format.h>

#include "base/hash.h"
#include "pilot/run.h"
#include "pilot/toml.h"

namespace bw::pilot {

Result<Card> read_card(const std::string& text, const std::string& label) {
  BW_TRY(const Node root, parse_toml(text, label));
  Card c;
  c.text = text;
  c.sha256 = sha256_hex(text);
  Status status;
  Reader r(root, label, "", status);
  r.text("learnt", c.learnt);
  r.text("evidence_for", c.evidence_for);
  r.text("evidence_against", c.evidence_against);
  r.text("decided_by", c.decided_by);
  r.text("data", c.data);
  if (const Node* n = r.table("alternatives")) {
    Reader a(*n, label, "alternatives", status);
    a.text("extend", c.extend);
    a.text("simplify", c.simplify);
    a.text("stop", c.stop);
    a.done();
  }
  r.done();
  if (!status) return std::move(status.error());
  std::string empty;
  const std::pair<const char*, const std::string*> fields[] = {{"learnt", &c.learnt},
                                                               {"evidence_for", &c.evidence_for},
                                                               {"evidence_against", &c.evidence_against},
                                                               {"decided_by", &c.decided_by},
                                                               {"data", &c.data},
                                                               {"alternatives.extend", &c.extend},
                                                               {"alternatives.simplify", &c.simplify},
                                                               {"alternatives.stop", &c.stop}};
  for (const auto& [name, value] : fields)
    if (value->find_first_not_of(" \t\r\n") == std::string::npos)
      empty += (empty.empty() ? "" : ", ") + std::string(name);
  if (!empty.empty())
    return bad_input(
        fmt::format("{}: empty: {}", label, empty),
        "a decision that cannot say these is not ready; \"nothing\" is an answer, silence is not");
  return c;
}

std::string new_card() {
  return R"(# The card of a decision; none of it may stay empty.
learnt = ""              # what is known now that was not
evidence_for = ""        # of the decision taken, with its figures
evidence_against = ""    # what speaks against it
decided_by = ""          # a person
data = ""                # what happens to texts, corrections and log

[alternatives]           # what each of the three would need from here
extend = ""
simplify = ""
stop = ""
)";
}

}  // namespace bw::pilot
