#include "contract/contract.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/hash.h"
#include "contract/load.h"
#include "contract/schema_check.h"
#include "contract/words.h"
#include "grammar/grammar.h"

namespace bw::contract {

const Class* Contract::find_class(std::string_view wanted) const {
  for (const Class& c : classes)
    if (c.name == wanted) return &c;
  return nullptr;
}
const Deployment* Contract::find_deployment(std::string_view wanted) const {
  for (const Deployment& d : deployments)
    if (d.name == wanted) return &d;
  return nullptr;
}

std::vector<std::string> files_of(const Check& check) {
  std::vector<std::string> files = check.reads;
  for (const std::string& w : check.command)
    if (w.size() > 1 && w[0] == '/' && ::access(w.c_str(), F_OK) == 0) files.push_back(w);
  return files;
}

Contract of_file(const std::string& file, engine::KvType kv, uint32_t context, uint32_t slots, int threads) {
  Deployment d;
  const size_t slash = file.rfind('/');
  d.name = slash == std::string::npos ? file : file.substr(slash + 1);
  if (d.name.ends_with(".gguf")) d.name.resize(d.name.size() - 5);
  d.file = file;
  d.kv = kv;
  d.context = context;
  d.slots = slots;
  d.threads = threads;
  Class c;
  c.name = "default";
  // One position is left for the other; whoever asks for both is refused with the counts when it is planned.
  c.max_prompt_tokens = c.max_output_tokens = context > 1 ? context - 1 : 1;
  c.chain = {d.name};
  c.attempts = 1;
  c.deadline_ms = 600'000;
  Contract contract;
  contract.name = d.name;
  contract.sha256 = sha256_hex(
      fmt::format("file = {}\nkv = {}\ncontext = {}\nslots = {}\n", file, kernels::name(kv), context, slots));
  contract.default_class = c.name;
  contract.deployments.push_back(std::move(d));
  contract.classes.push_back(std::move(c));
  return contract;
}

Status check_schemas(const Contract& contract) {
  for (const Class& c : contract.classes) {
    bool own = false;
    for (const std::string& link : c.chain)
      if (const Deployment* d = contract.find_deployment(link)) own |= d->own();
    for (const Check& check : c.checks) {
      if (check.kind != Check::Kind::schema) continue;
      const auto named = [&](const Error& e, std::string next) {
        return bad_input(
            fmt::format("{}: classes.{}: {}: {}", contract.path, c.name, check.schema_path, e.what),
            next.empty() ? e.next : std::move(next));
      };
      if (auto r = SchemaCheck::make(check.schema); !r) return named(r.error(), "");
      if (!check.constrain || !own) continue;
      if (auto r = grammar::Grammar::from_schema(check.schema); !r)
        return named(r.error(),
                     "constrain = false: then answers are checked against it, and not decoded under it");
    }
  }
  return {};
}

}  // namespace bw::contract
