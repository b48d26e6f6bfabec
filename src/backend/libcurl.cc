// libcurl, loaded when it is first called: it brings 32 shared libraries and 7 MiB of memory, which a process
// that speaks to no endpoint (a measuring child, most servers) shall not hold. In: calls of libcurl's own
// names, declared by its header. Out: what the library gives; where it cannot be loaded, null handles,
// CURLE_FAILED_INIT and the like, which every caller here takes for an error. The last argument of the
// variadic functions is a pointer, a long or a curl_off_t: one register each on the 64-bit systems this is
// built for.
#include <curl/curl.h>
#include <dlfcn.h>

#include <cstdarg>

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#ifdef __clang__
// The header's own declarations end with an enumeration before the dots; its type is that of an int when
// promoted.
#pragma clang diagnostic ignored "-Wvarargs"
#endif

static_assert(sizeof(void*) == 8 && sizeof(long) == 8 && sizeof(curl_off_t) == 8);

namespace {

void* symbol(const char* name) {
  static void* const library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  return library ? dlsym(library, name) : nullptr;
}

// The library's function of the same name and type; null where there is none.
template <class F>
F* real(F*, const char* name) {
  return reinterpret_cast<F*>(symbol(name));
}

}  // namespace

#define BW_REAL(name) static const auto f = real(name, #name)

extern "C" {

CURLcode curl_global_init(long flags) {
  BW_REAL(curl_global_init);
  return f ? f(flags) : CURLE_FAILED_INIT;
}
CURL* curl_easy_init() {
  BW_REAL(curl_easy_init);
  return f ? f() : nullptr;
}
void curl_easy_cleanup(CURL* curl) {
  BW_REAL(curl_easy_cleanup);
  if (f) f(curl);
}
CURLcode curl_easy_perform(CURL* curl) {
  BW_REAL(curl_easy_perform);
  return f ? f(curl) : CURLE_FAILED_INIT;
}
CURLcode curl_easy_setopt(CURL* curl, CURLoption option, ...) {
  va_list arguments;
  va_start(arguments, option);
  void* const value = va_arg(arguments, void*);
  va_end(arguments);
  BW_REAL(curl_easy_setopt);
  return f ? f(curl, option, value) : CURLE_FAILED_INIT;
}
CURLcode curl_easy_getinfo(CURL* curl, CURLINFO info, ...) {
  va_list arguments;
  va_start(arguments, info);
  void* const into = va_arg(arguments, void*);
  va_end(arguments);
  BW_REAL(curl_easy_getinfo);
  return f ? f(curl, info, into) : CURLE_FAILED_INIT;
}
const char* curl_easy_strerror(CURLcode code) {
  BW_REAL(curl_easy_strerror);
  return f ? f(code) : "libcurl.so.4 cannot be loaded (package libcurl4)";
}
void curl_free(void* p) {
  BW_REAL(curl_free);
  if (f) f(p);
}
curl_slist* curl_slist_append(curl_slist* list, const char* text) {
  BW_REAL(curl_slist_append);
  return f ? f(list, text) : nullptr;
}
void curl_slist_free_all(curl_slist* list) {
  BW_REAL(curl_slist_free_all);
  if (f) f(list);
}
CURLM* curl_multi_init() {
  BW_REAL(curl_multi_init);
  return f ? f() : nullptr;
}
CURLMcode curl_multi_cleanup(CURLM* multi) {
  BW_REAL(curl_multi_cleanup);
  return f ? f(multi) : CURLM_BAD_HANDLE;
}
CURLMcode curl_multi_add_handle(CURLM* multi, CURL* curl) {
  BW_REAL(curl_multi_add_handle);
  return f ? f(multi, curl) : CURLM_BAD_HANDLE;
}
CURLMcode curl_multi_remove_handle(CURLM* multi, CURL* curl) {
  BW_REAL(curl_multi_remove_handle);
  return f ? f(multi, curl) : CURLM_BAD_HANDLE;
}
CURLMsg* curl_multi_info_read(CURLM* multi, int* n_left) {
  BW_REAL(curl_multi_info_read);
  return f ? f(multi, n_left) : nullptr;
}
CURLMcode curl_multi_perform(CURLM* multi, int* n_running) {
  BW_REAL(curl_multi_perform);
  return f ? f(multi, n_running) : CURLM_BAD_HANDLE;
}
CURLMcode curl_multi_poll(CURLM* multi, curl_waitfd* more, unsigned int n_more, int ms, int* n_ready) {
  BW_REAL(curl_multi_poll);
  return f ? f(multi, more, n_more, ms, n_ready) : CURLM_BAD_HANDLE;
}
CURLMcode curl_multi_wakeup(CURLM* multi) {
  BW_REAL(curl_multi_wakeup);
  return f ? f(multi) : CURLM_BAD_HANDLE;
}
CURLU* curl_url() {
  BW_REAL(curl_url);
  return f ? f() : nullptr;
}
void curl_url_cleanup(CURLU* url) {
  BW_REAL(curl_url_cleanup);
  if (f) f(url);
}
CURLUcode curl_url_get(CURLU* url, CURLUPart part, char** text, unsigned int flags) {
  BW_REAL(curl_url_get);
  return f ? f(url, part, text, flags) : CURLUE_BAD_HANDLE;
}
CURLUcode curl_url_set(CURLU* url, CURLUPart part, const char* text, unsigned int flags) {
  BW_REAL(curl_url_set);
  return f ? f(url, part, text, flags) : CURLUE_BAD_HANDLE;
}

}  // extern "C"
