#include "http/head.h"

#include <ctime>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "http/parse.h"

namespace bw::http {
namespace {

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

bool is_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), is_token_char);
}

bool is_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(),
                     [](unsigned char c) { return (c >= 0x20 && c != 0x7f) || c == '\t'; });
}

// IMF-fixdate. Not strftime: it follows the locale.
std::string date() {
  static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t now = time(nullptr);
  tm t{};
  gmtime_r(&now, &t);
  char text[40];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                days[static_cast<size_t>(t.tm_wday)], t.tm_mday, months[static_cast<size_t>(t.tm_mon)],
                t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  return text;
}

}  // namespace

bool is_token_char(unsigned char c) {
  return is_letter_or_digit(c) ||
         (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos);
}

bool has_content(int status) {
  return status >= 200 && status != 204 && status != 304;
}

bool asks_to_close(const Response& response) {
  return std::any_of(response.headers.begin(), response.headers.end(), [](const auto& header) {
    return same(header.first, "connection") && same(header.second, "close");
  });
}

Result<std::string> response_head(const Response& response, std::optional<uint64_t> n_body,
                                  const Framing& framing) {
  if (response.status < 200 || response.status > 599)
    return failed("a response with status " + std::to_string(response.status));
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + " ";
  out += reason_phrase(response.status);
  out += "\r\nDate: " + date() + "\r\n";
  const auto add = [&out](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  for (const auto& [name, value] : response.headers) {
    if (!is_name(name)) return failed("a response header whose name is no token");
    if (!is_value(value)) return failed("response header " + name + ": its value holds a control character");
    if (same(name, "connection") && same(value, "close")) continue;
    for (const char* own : {"connection", "content-length", "transfer-encoding", "date"})
      if (same(name, own)) return failed("response header " + name + " is not the handler's to set");
    add(name, value);
  }
  const bool content = has_content(response.status);
  if (content && !response.content_type.empty()) {
    if (!is_value(response.content_type)) return failed("a content type that holds a control character");
    add("Content-Type", response.content_type);
  }
  if (content && n_body) add("Content-Length", std::to_string(*n_body));
  if (content && !n_body && !framing.http_1_0) add("Transfer-Encoding", "chunked");
  if (!framing.keep_alive)
    add("Connection", "close");
  else if (framing.http_1_0)
    add("Connection", "keep-alive");
  out += "\r\n";
  return out;
}

std::string chunk(std::string_view piece) {
  char size[17];
  const char* end = std::to_chars(size, size + sizeof size, piece.size(), 16).ptr;
  std::string out;
  out.reserve(piece.size() + static_cast<size_t>(end - size) + 4);
  return out.append(size, static_cast<size_t>(end - size)).append("\r\n").append(piece).append("\r\n");
}

}  // namespace bw::http
