#include "serve/control.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

namespace bw::serve {
namespace {

size_t take(char* bytes, size_t size, size_t n, void* into) {
  static_cast<std::string*>(into)->append(bytes, size * n);
  return size * n;
}

}  // namespace

std::string control_socket(const std::string& folder) {
  return folder + "/control.sock";
}

Result<nlohmann::json> control(const std::string& folder, const std::string& method, const std::string& path,
                               const nlohmann::json& body) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) return failed("libcurl did not start");
  const std::string socket = control_socket(folder), url = "http://localhost" + path;
  const std::string text = body.is_null() ? "" : body.dump();
  std::string answer;
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
      curl_slist_append(nullptr, "Content-Type: application/json"), curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  if (!text.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, text.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, long(text.size()));
  }
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer);
  if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK)
    return failed(fmt::format("{}: no server answers there: {}", socket, curl_easy_strerror(code)),
                  "start it: bitworth serve CONTRACT.toml --log-dir " + folder);
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  nlohmann::json j = nlohmann::json::parse(answer, nullptr, false);
  if (j.is_discarded()) return failed(fmt::format("{}: answered {} and no JSON", socket, status));
  if (status >= 400) {
    const nlohmann::json error = j.value("error", nlohmann::json::object());
    const std::string what = error.value("message", fmt::format("status {}", status));
    const std::string next = error.value("next", "");
    return status < 500 ? bad_input(what, next) : failed(what, next);
  }
  return j;
}

}  // namespace bw::serve
