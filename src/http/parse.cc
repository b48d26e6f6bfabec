#include "http/parse.h"

#include "http/asio.h"  // first: Beast includes Asio, which must be compiled one way

#include <algorithm>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>

#include "http/chunked.h"
#include "http/head.h"
#include "http/target.h"

namespace bw::http {
namespace {
namespace beast = boost::beast::http;

std::string_view view(boost::beast::string_view s) {
  return {s.data(), s.size()};
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool is_host(std::string_view host) {  // characters only; what it may be is for the handler to say
  return std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return is_letter_or_digit(c) ||
           std::string_view("-._~:[]%!$&'()*+;=").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

Refusal of_error(const boost::system::error_code& ec) {
  if (ec == beast::error::body_limit) return {413, "the body is longer than this server takes"};
  if (ec == beast::error::bad_version) return {505, "the version is neither HTTP/1.0 nor HTTP/1.1"};
  if (ec == beast::error::bad_content_length) return {400, "Content-Length is not one number"};
  if (ec == beast::error::bad_transfer_encoding)
    return {400, "Transfer-Encoding is given twice or beside Content-Length"};
  return {400, "the request is malformed: " + ec.message()};
}

}  // namespace

struct Parser::Impl {
  using Beast = beast::request_parser<beast::empty_body>;
  explicit Impl(const Options& of) : limits(of) {}

  const Options& limits;
  State state = State::idle;
  Refusal refusal;
  std::string bytes;  // not used yet
  // Of the head in `bytes`: how far it was looked at, where its current line begins, lines that ended.
  size_t seen = 0, line = 0, n_lines = 0;
  bool skipped = false;
  std::optional<Beast> beast;  // the head, from its end to next()
  Request request;
  std::optional<ChunkedBody> chunked;
  size_t n_body = 0;  // as Content-Length says
  bool expects = false, any_body = false;

  State refuse(int status, std::string what) { return refuse({status, std::move(what)}); }
  State refuse(Refusal why) {
    refusal = std::move(why);
    beast.reset();
    std::string().swap(bytes);
    return state = State::refused;
  }

  State advance() {
    if (state == State::idle || state == State::head) read_head();
    if (state == State::body) read_body();
    if (bytes.empty() && bytes.capacity() > 1024) std::string().swap(bytes);  // idle connections stay small
    return state;
  }

  // Looks at whole lines before Beast does: ends of lines, folds and counts.
  void read_head() {
    if (!skipped && !bytes.empty()) {  // one empty line before a request is allowed (RFC 9112, section 2.2)
      if (bytes[0] == '\r' && bytes.size() == 1) return;
      if (bytes[0] == '\r' && bytes[1] == '\n') bytes.erase(0, 2);
      skipped = true;
    }
    if (bytes.empty()) return;
    state = State::head;
    if (!is_token_char(static_cast<unsigned char>(bytes[0]))) {
      refuse(400, "the request does not begin with a method");
      return;
    }
    for (; seen < bytes.size(); ++seen) {
      const char c = bytes[seen];
      const bool after_cr = seen > line && bytes[seen - 1] == '\r';
      if (seen >= limits.max_header_bytes) {
        refuse(n_lines == 0 ? 414 : 431, n_lines == 0 ? "the target is too long" : "the header is too long");
        return;
      }
      if (c == '\n' && !after_cr) {
        refuse(400, "a line of the header ends with LF alone");
        return;
      }
      if (c != '\n' && after_cr) {
        refuse(400, "a line of the header holds CR without LF");
        return;
      }
      if (c == 0) {
        refuse(400, "the header holds a NUL");
        return;
      }
      if (seen == line && n_lines > 0 && (c == ' ' || c == '\t')) {
        refuse(400, "a line of the header is folded (obs-fold)");
        return;
      }
      if (c != '\n') continue;
      if (seen - line == 1) {  // the empty line
        parse_head(seen + 1);
        return;
      }
      line = seen + 1;
      if (n_lines++ > limits.max_headers) {  // the first line is no header
        refuse(431, "the header has more than " + std::to_string(limits.max_headers) + " lines");
        return;
      }
    }
  }

  void parse_head(size_t n) {
    beast.emplace();
    beast->header_limit(static_cast<uint32_t>(n + 1));
    beast->body_limit(limits.max_body_bytes);
    boost::system::error_code ec;
    beast->put(asio::const_buffer(bytes.data(), n), ec);
    if (ec && ec != beast::error::need_more) {
      refuse(of_error(ec));
      return;
    }
    if (!beast->is_header_done()) {
      refuse(400, "the request is malformed");
      return;
    }
    if (auto why = read_fields()) {
      refuse(std::move(*why));
      return;
    }
    bytes.erase(0, n);
    chunked.reset();
    if (beast->chunked()) chunked.emplace(limits.max_header_bytes, limits.max_body_bytes);
    n_body = chunked ? 0 : static_cast<size_t>(beast->content_length().value_or(0));
    state = chunked || n_body > 0 ? State::body : State::done;
  }

  // Beast's fields into `request`, and what Beast lets pass.
  std::optional<Refusal> read_fields() {
    const auto& head = beast->get();
    request = {};
    request.method = view(head.method_string());
    request.target = view(head.target());
    size_t n_host = 0, n_length = 0, n_encoding = 0, n_expect = 0;
    std::string encoding, expect;
    for (const auto& field : head) {
      std::string name = lower(view(field.name_string()));
      const std::string_view value = view(field.value());
      if (name == "host") {
        ++n_host;
        if (!is_host(value)) return Refusal{400, "Host is malformed"};
      } else if (name == "content-length") {
        ++n_length;
        if (value.find_first_not_of("0123456789") != std::string_view::npos)
          return Refusal{400, "Content-Length is not one number"};
      } else if (name == "transfer-encoding") {
        ++n_encoding;
        encoding = lower(value);
      } else if (name == "expect") {
        ++n_expect;
        expect = lower(value);
      }
      request.headers.emplace_back(std::move(name), value);
    }
    const bool old = head.version() < 11;
    if (n_host > 1 || (n_host == 0 && !old)) return Refusal{400, "Host is not given exactly once"};
    if (n_length > 1) return Refusal{400, "Content-Length is given twice"};
    if (n_encoding > 0) {
      if (n_length > 0) return Refusal{400, "Content-Length and Transfer-Encoding are both given"};
      if (n_encoding > 1) return Refusal{400, "Transfer-Encoding is given twice"};
      if (old) return Refusal{400, "Transfer-Encoding is no part of HTTP/1.0"};
      if (encoding != "chunked") return Refusal{501, "the only Transfer-Encoding known here is chunked"};
    }
    if (n_expect > 0 && (n_expect > 1 || expect != "100-continue"))
      return Refusal{417, "the only Expect known here is 100-continue"};
    expects = n_expect > 0 && !old;
    if (request.method == "CONNECT" || request.method == "TRACE")
      return Refusal{501, "this method is not known here"};
    auto target = parse_target(request.target);
    if (!target) return Refusal{400, target.error().what};
    if (target->path == "*" && request.method != "OPTIONS")
      return Refusal{400, "the target '*' is for OPTIONS alone"};
    request.path = std::move(target->path);
    request.query = std::move(target->query);
    if (!target->authority.empty()) {  // RFC 9112, section 3.2.2: it counts, Host does not
      if (!is_host(target->authority)) return Refusal{400, "the target's authority is malformed"};
      for (auto& [name, value] : request.headers)
        if (name == "host") value = target->authority;
    }
    return {};
  }

  void read_body() {
    any_body |= !bytes.empty();
    if (chunked) {
      std::string_view rest = bytes;
      auto why = chunked->feed(rest, request.body);
      if (why) {
        refuse(std::move(*why));
        return;
      }
      bytes.erase(0, bytes.size() - rest.size());
      if (chunked->done()) state = State::done;
    } else {
      const size_t n = std::min(bytes.size(), n_body - request.body.size());
      request.body.append(bytes, 0, n);
      bytes.erase(0, n);
      if (request.body.size() == n_body) state = State::done;
    }
  }
};

Parser::Parser(const Options& limits) : impl_(std::make_unique<Impl>(limits)) {}
Parser::~Parser() = default;

Parser::State Parser::feed(std::string_view bytes) {
  if (impl_->state == State::refused) return State::refused;
  impl_->bytes.append(bytes);
  return impl_->state == State::done ? State::done : impl_->advance();
}

Parser::State Parser::state() const {
  return impl_->state;
}

Request Parser::take() {
  return std::move(impl_->request);
}

Parser::State Parser::next() {
  impl_->beast.reset();
  impl_->request = {};
  impl_->seen = impl_->line = impl_->n_lines = 0;
  impl_->skipped = impl_->expects = impl_->any_body = false;
  impl_->state = State::idle;
  return impl_->advance();
}

bool Parser::wants_continue() const {
  return impl_->state == State::body && impl_->expects && !impl_->any_body;
}
bool Parser::keep_alive() const {
  return impl_->beast && impl_->beast->keep_alive();
}
bool Parser::http_1_0() const {
  return impl_->beast && impl_->beast->get().version() < 11;
}
size_t Parser::n_waiting() const {
  return impl_->bytes.size();
}
size_t Parser::n_body() const {
  return impl_->request.body.size();
}
const Refusal& Parser::refusal() const {
  return impl_->refusal;
}

std::string_view reason_phrase(int status) {
  return view(beast::obsolete_reason(beast::int_to_status(static_cast<unsigned>(status))));
}

}  // namespace bw::http
