// The global functions of a template, the binding of arguments, and the tests after `is`.
#include <array>
#include <ctime>

#include "text/jinja_interp.h"
#include "text/jinja_letters.h"

namespace bw::text::jinja {

Result<std::vector<std::optional<Value>>> bind(const Args& args, std::string_view what,
                                               std::initializer_list<std::string_view> names,
                                               size_t n_required) {
  std::vector<std::optional<Value>> out(names.size());
  if (args.positional.size() > names.size())
    return bad_input(std::string(what) + ": expected at most " + std::to_string(names.size()) +
                     " arguments, found " + std::to_string(args.positional.size()));
  for (size_t i = 0; i < args.positional.size(); ++i) out[i] = args.positional[i];
  for (const auto& [name, value] : args.named) {
    size_t i = 0;
    while (i < names.size() && *(names.begin() + i) != name) ++i;
    if (i == names.size())
      return bad_input(std::string(what) + ": no parameter is named '" + name.substr(0, 80) + "'");
    if (out[i]) return bad_input(std::string(what) + ": parameter '" + name + "' is given twice");
    out[i] = value;
  }
  for (size_t i = 0; i < n_required; ++i)
    if (!out[i])
      return bad_input(std::string(what) + ": parameter '" + std::string(*(names.begin() + i)) +
                       "' is missing");
  return out;
}

namespace {

using Bound = std::vector<std::optional<Value>>;

Result<Value> range(Interp& in, Args& args) {
  constexpr int64_t max_range = 100'000;  // Jinja's sandbox has the same
  BW_TRY(const Bound bound, bind(args, "range", {"start", "stop", "step"}, 1));
  int64_t v[3] = {0, 0, 1};
  for (size_t i = 0; i < 3; ++i) {
    if (!bound[i]) continue;
    const auto n = as_integer(*bound[i]);
    if (!n)
      return bound[i]->undefined() ? used_undefined(*bound[i])
                                   : bad_input("range needs integers, found " + type_name(*bound[i]));
    v[i] = *n;
  }
  if (!bound[1]) v[1] = v[0], v[0] = 0;
  if (v[2] == 0) return bad_input("range: the step must not be zero");
  const bool up = v[2] > 0;
  if (up ? v[0] >= v[1] : v[0] <= v[1]) return make_list(in.meter, List::Kind::range, {});
  const uint64_t span = up ? static_cast<uint64_t>(v[1]) - static_cast<uint64_t>(v[0])
                           : static_cast<uint64_t>(v[0]) - static_cast<uint64_t>(v[1]);
  const uint64_t width = up ? static_cast<uint64_t>(v[2]) : uint64_t{0} - static_cast<uint64_t>(v[2]);
  const uint64_t n = (span - 1) / width + 1;
  if (n > max_range) return bad_input("range: more than " + std::to_string(max_range) + " numbers");
  BW_CHECK(in.meter.spend(n / 8));
  std::vector<Value> out;
  for (uint64_t i = 0; i < n; ++i)
    out.push_back(static_cast<int64_t>(static_cast<uint64_t>(v[0]) + i * static_cast<uint64_t>(v[2])));
  return make_list(in.meter, List::Kind::range, std::move(out));
}

// dict(a=1) and namespace(a=1), each also from one dict.
Result<std::vector<std::pair<Value, Value>>> entries_of(Interp& in, Args& args, const char* what) {
  std::vector<std::pair<Value, Value>> out;
  if (args.positional.size() > 1) return bad_input(std::string(what) + ": expected at most one dict");
  if (!args.positional.empty()) {
    if (!args.positional[0].dict())
      return bad_input(std::string(what) + ": expected a dict, found " + type_name(args.positional[0]));
    BW_CHECK(in.meter.allocate(args.positional[0].dict()->entries.size() * 2 * sizeof(Value)));
    out = args.positional[0].dict()->entries;
  }
  for (const auto& [name, value] : args.named) {
    BW_TRY(Value key, make_text(in.meter, name, false));
    out.emplace_back(std::move(key), value);
  }
  return out;
}

Result<Value> dict_function(Interp& in, Args& args) {
  BW_TRY(auto entries, entries_of(in, args, "dict"));
  return make_dict(in.meter, std::move(entries));
}

Result<Value> namespace_function(Interp& in, Args& args) {
  BW_TRY(auto entries, entries_of(in, args, "namespace"));
  BW_TRY(const Value dict, make_dict(in.meter, std::move(entries)));  // the last of equal names counts
  std::vector<std::pair<std::string, Value>> attributes;
  for (const auto& [key, value] : dict.dict()->entries) {
    if (!key.text()) return bad_input("namespace: expected text as names, found " + type_name(key));
    attributes.emplace_back(key.text()->bytes(), value);
  }
  return in.make_namespace(std::move(attributes));
}

Result<Value> raise_exception(Interp& in, Args& args) {
  BW_TRY(const Bound bound, bind(args, "raise_exception", {"message"}, 1));
  BW_TRY(const MarkedText text, to_text(in.meter, *bound[0]));
  constexpr size_t most = 1000;
  Error e = bad_input("the template refuses these messages: " + text.bytes().substr(0, most));
  e.next = "change the messages as the template asks";
  return e;
}

Result<Value> strftime_now(Interp& in, Args& args) {
  BW_TRY(const Bound bound, bind(args, "strftime_now", {"format"}, 1));
  if (!bound[0]->text()) return bad_input("strftime_now needs text, found " + type_name(*bound[0]));
  const std::string& format = bound[0]->text()->bytes();
  const auto now = static_cast<std::time_t>(*in.settings.now);
  std::tm parts{};
  if (!gmtime_r(&now, &parts)) return bad_input("strftime_now: the time is out of range");
  MarkedText out;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out.append(bound[0]->text()->slice(at, at + 1));
      continue;
    }
    const char kind = at + 1 < format.size() ? format[at + 1] : '\0';
    if (std::string_view("aAbBdHIjmMpSyY%").find(kind) == std::string_view::npos || !kind)
      return bad_input("strftime_now: %" + std::string(1, kind ? kind : ' ') + " is not built in");
    const char one[] = {'%', kind, '\0'};
    char buffer[64];
    out.append(std::string_view(buffer, std::strftime(buffer, sizeof buffer, one, &parts)), false);
    ++at;
  }
  return make_text(in.meter, std::move(out));
}

using Run = Result<Value> (*)(Interp&, Args&);
constexpr std::array<std::pair<std::string_view, Run>, 5> functions = {{
    {"dict", dict_function},
    {"namespace", namespace_function},
    {"raise_exception", raise_exception},
    {"range", range},
    {"strftime_now", strftime_now},
}};

}  // namespace

Result<Value> global(Interp& in, std::string_view name) {
  for (const auto& [known, run] : functions) {
    if (known != name) continue;
    if (name == "strftime_now" && !in.settings.now) break;
    BW_CHECK(in.meter.allocate(sizeof(Callable) + 64));
    auto callable = std::make_shared<Callable>();
    callable->name = std::string(name);
    callable->run = run;
    return Value(CallablePtr(std::move(callable)));
  }
  // Jinja has these too; a template that means them must not go on without.
  for (const char* missing : {"cycler", "joiner", "lipsum", "self"})
    if (name == missing) return bad_input("'" + std::string(name) + "' is not built in");
  return Value();
}

}  // namespace bw::text::jinja
