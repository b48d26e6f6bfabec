// Style and script of the pages, made from web/review.css and web/review.js by cmake (cmake/layers.cmake).
#pragma once
#include <string_view>

namespace bw::review::web {

extern const std::string_view review_css, review_js;

}  // namespace bw::review::web
