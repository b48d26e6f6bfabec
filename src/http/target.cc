#include "http/target.h"

#include <optional>

#include "text/utf8.h"

namespace bw::http {
namespace {

std::optional<int> hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return {};
}

Result<std::string> decode(std::string_view text, bool plus_is_space, const char* part) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const auto high = i + 2 < text.size() ? hex(text[i + 1]) : std::nullopt;
      const auto low = high ? hex(text[i + 2]) : std::nullopt;
      if (!low) return bad_input(std::string("the ") + part + " holds a '%' without two hexadecimal digits");
      out += static_cast<char>(*high * 16 + *low);
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  if (text::find_invalid_utf8(out) != std::string_view::npos)
    return bad_input(std::string("the ") + part + " does not decode to UTF-8");
  if (out.find('\0') != std::string::npos) return bad_input(std::string("the ") + part + " holds a NUL");
  return out;
}

Status check_path(std::string_view path) {
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return bad_input("the path holds a control character");
  // After decoding, so that no other spelling of a step up gets through.
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    if (segment == "." || segment == "..")
      return bad_input("the path holds a segment '" + std::string(segment) + "'");
    at = end + 1;
  }
  return {};
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('&', at), text.size());
    const std::string_view pair = text.substr(at, end - at);
    at = end + 1;
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    BW_TRY(std::string name, decode(pair.substr(0, equals), true, "query"));
    std::string value;
    if (equals != std::string_view::npos) {
      BW_TRY(value, decode(pair.substr(equals + 1), true, "query"));
    }
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

bool takes(std::string_view& text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (size_t i = 0; i < prefix.size(); ++i)
    if ((text[i] | 0x20) != prefix[i] && text[i] != prefix[i]) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

Result<Target> parse_target(std::string_view target) {
  for (const char c : target)
    if (c < 0x21 || c > 0x7e) return bad_input("the target holds a byte that is not printable ASCII");
  if (target.find('#') != std::string_view::npos) return bad_input("the target holds a fragment");
  Target out;
  if (target == "*") {
    out.path = "*";
    return out;
  }
  if (takes(target, "http://") || takes(target, "https://")) {
    const size_t end = std::min(target.find_first_of("/?"), target.size());
    out.authority = target.substr(0, end);
    if (out.authority.empty() || out.authority.find('@') != std::string::npos)
      return bad_input("the target's authority is empty or holds a user");
    target.remove_prefix(end);
    if (target.empty() || target[0] == '?') out.path = "/";
  } else if (target.empty() || target[0] != '/') {
    return bad_input("the target begins neither with '/' nor with http://");
  }
  const size_t question = std::min(target.find('?'), target.size());
  if (out.path.empty()) {
    BW_TRY(out.path, decode(target.substr(0, question), false, "path"));
    BW_CHECK(check_path(out.path));
  }
  if (question < target.size()) {
    BW_TRY(out.query, parse_query(target.substr(question + 1)));
  }
  return out;
}

}  // namespace bw::http
