#include "http/transfer.h"

#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "http/gzip.h"

namespace slurmscope::http {

using base::ErrorCode;
using base::StrCat;

namespace {

// A scrape's body is some 100 KB: curl's 16 KB would read it in seven calls, each after a poll.
constexpr long kReceiveBytes = 128 * 1024;
constexpr size_t kMaxResponseHeaders = 1000;
constexpr uint64_t kMaxReserveBytes = 16 << 20;
constexpr size_t kMaxSpareBodies = 8;
constexpr size_t kMaxSpareBytes = 4 << 20;

bool EqualFold(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool HasLineBreak(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
}

}  // namespace

std::string SpareBodies::Take() {
  if (bodies_.empty()) return {};
  std::string body = std::move(bodies_.back());
  bodies_.pop_back();
  return body;
}

void SpareBodies::Keep(std::string body) {
  if (bodies_.size() >= kMaxSpareBodies || body.capacity() > kMaxSpareBytes) return;
  bodies_.push_back(std::move(body));
}

size_t Transfer::OnHeader(char* data, size_t one, size_t size, void* self) {
  try {
    static_cast<Transfer*>(self)->TakeHeader({data, one * size});
    return one * size;
  } catch (const std::exception&) {
    return 0;
  }
}

size_t Transfer::OnBody(char* data, size_t one, size_t size, void* self) {
  try {
    return static_cast<Transfer*>(self)->TakeBody({data, one * size}) ? one * size : 0;
  } catch (const std::exception&) {
    return 0;
  }
}

bool Transfer::AddHeaderLine(const std::string& line) {
  curl_slist* longer = curl_slist_append(header_list_, line.c_str());
  if (longer == nullptr) return false;
  header_list_ = longer;
  return true;
}

bool Transfer::SetHeaders() {
  if (request_->accept_gzip && !AddHeaderLine("Accept-Encoding: gzip")) return false;
  // Without a body there is no point in waiting for "100 Continue", with one it costs a round trip.
  if (!request_->body.empty() && !AddHeaderLine("Expect:")) return false;
  const std::string& host = connection_options_.host_header();
  if (!host.empty() && !AddHeaderLine("Host: " + host)) return false;
  if (request_->settings && !AddHeaders(request_->settings->headers)) return false;
  if (!AddHeaders(request_->headers)) return false;
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_list_);
  return true;
}

bool Transfer::AddHeaders(const Pairs& headers) {
  for (const auto& [name, value] : headers) {
    if (name.empty() || HasLineBreak(name) || HasLineBreak(value)) return false;
    // curl takes "Name:" as "leave it out" and "Name;" as "send it empty".
    if (!AddHeaderLine(value.empty() ? name + ";" : StrCat(name, ": ", value))) return false;
  }
  return true;
}

void Transfer::SetMethod() {
  if (request_->method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
    return;
  }
  if (!request_->body.empty() || request_->method == "POST") {
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_->body.data());
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request_->body.size()));
    if (request_->method == "POST") return;
  }
  if (request_->method != "GET" || !request_->body.empty()) {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_->method.c_str());
  }
}

bool Transfer::Prepare(CURL* easy, const std::string& user_agent, SpareBodies& spare) {
  easy_ = easy;
  spare_ = &spare;
  const long timeout =
      static_cast<long>(std::clamp<int64_t>(request_->timeout_ms, 1, 1'000'000'000));
  curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // Addresses are asked for anew, as by Prometheus: libcurl goes through its whole cache for each
  // request, which with ten thousand dead targets is more work than everything else.
  curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBytes);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request_->follow_redirects ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout);
  if (request_->shuffle_addresses) curl_easy_setopt(easy, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  SetMethod();
  static const ClientSettings plain;
  const ClientSettings& settings = request_->settings ? *request_->settings : plain;
  if (!connection_options_.Set(easy, settings, request_->url)) return false;
  KeepConnection();
  return SetHeaders();
}

Transfer::~Transfer() {
  curl_slist_free_all(header_list_);
  if (closed_fd_ >= 0) close(closed_fd_);
}

// libcurl is to make a connection for this request alone, to show what it sends, and to leave the
// connection to us.
void Transfer::KeepConnection() {
  keep_ = request_->repeats && request_->method == "GET" && request_->body.empty() &&
          request_->url.starts_with("http://") && !connection_options_.uses_proxy();
  if (!keep_) return;
  curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy_, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(easy_, CURLOPT_CLOSESOCKETFUNCTION, &Transfer::OnClose);
  curl_easy_setopt(easy_, CURLOPT_CLOSESOCKETDATA, this);
  curl_easy_setopt(easy_, CURLOPT_VERBOSE, 1L);
  curl_easy_setopt(easy_, CURLOPT_DEBUGFUNCTION, &Transfer::OnDebug);
  curl_easy_setopt(easy_, CURLOPT_DEBUGDATA, this);
}

int Transfer::OnDebug(CURL*, curl_infotype type, char* data, size_t size, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (type != CURLINFO_HEADER_OUT) return 0;
  try {
    ++transfer.heads_sent_;
    transfer.sent_.assign(data, size);
  } catch (const std::exception&) {
    transfer.keep_ = false;
  }
  return 0;
}

int Transfer::OnClose(void* self, curl_socket_t fd) {
  auto& transfer = *static_cast<Transfer*>(self);
  // Of several the last is that of the response; the others lost a race or led on to it.
  if (transfer.closed_fd_ >= 0) close(transfer.closed_fd_);
  transfer.closed_fd_ = fd;
  return 0;
}

std::optional<Transfer::Reusable> Transfer::TakeConnection(CURLcode code) {
  if (!keep_ || code != CURLE_OK || closed_fd_ < 0 || too_big_ || heads_sent_ != 1) return {};
  long status = 0;
  long version = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy_, CURLINFO_HTTP_VERSION, &version);
  if (status != 200 || version != CURL_HTTP_VERSION_1_1) return {};
  bool delimited = false;
  for (const auto& [name, value] : response_.headers) {
    if (EqualFold(name, "Connection") && !EqualFold(value, "keep-alive")) return {};
    delimited |= EqualFold(name, "Content-Length") || EqualFold(name, "Transfer-Encoding");
  }
  if (!delimited) return {};
  return Reusable{std::exchange(closed_fd_, -1), std::move(sent_)};
}

bool Transfer::RedirectsOn(int status) const {
  return request_->follow_redirects && status >= 301 && status <= 308;
}

void Transfer::TakeHead(std::string_view head) {
  while (!head.empty()) {
    const size_t end = std::min(head.find('\n'), head.size() - 1) + 1;
    TakeHeader(head.substr(0, end));
    head.remove_prefix(end);
  }
}

void Transfer::FinishWith(int status, std::string body, SpareBodies& spare) {
  spare_ = &spare;
  response_.status = status;
  response_.body = std::move(body);
  Call(Unpacked());
}

void Transfer::TakeHeader(std::string_view line) {
  // Each answer of a redirect, and "100 Continue", begins with its own status line.
  if (line.starts_with("HTTP/")) {
    response_.headers.clear();
    response_.content_type.clear();
    response_.body.clear();
    gzip_ = false;
    return;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || response_.headers.size() >= kMaxResponseHeaders) return;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = base::TrimSpace(line.substr(colon + 1));
  if (EqualFold(name, "Content-Type")) response_.content_type = value;
  if (EqualFold(name, "Content-Encoding"))
    gzip_ = EqualFold(value, "gzip") || EqualFold(value, "x-gzip");
  response_.headers.emplace_back(name, value);
}

bool Transfer::TakeBody(std::string_view piece) {
  std::string& body = response_.body;
  uint64_t expected = body.size() + piece.size();
  if (body.empty()) {
    curl_off_t length = 0;
    curl_easy_getinfo(easy_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length > 0) expected = std::max(expected, static_cast<uint64_t>(length));
    if (body.capacity() < expected) {
      body = spare_->Take();
      body.clear();
    }
    body.reserve(std::min({expected, request_->max_body_bytes, kMaxReserveBytes}));
  }
  if (expected > request_->max_body_bytes) {
    too_big_ = true;
    return false;
  }
  body.append(piece);
  return true;
}

Result<void> Transfer::Unpack() {
  response_.wire_bytes = response_.body.size();
  if (!gzip_ || response_.body.empty()) return {};
  std::string body = TRY(GzipDecompress(response_.body, request_->max_body_bytes));
  spare_->Keep(std::exchange(response_.body, std::move(body)));
  return {};
}

Result<ClientResponse> Transfer::Outcome(CURLcode code) {
  if (too_big_) return Failure(ErrorCode::kResourceExhausted, TooLong());
  if (code == CURLE_OPERATION_TIMEDOUT) return Failure(ErrorCode::kTimeout, Reason(code));
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    return Failure(ErrorCode::kInvalidArgument, Reason(code));
  }
  if (code != CURLE_OK) return Failure(ErrorCode::kUnavailable, Reason(code));
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  return Unpacked();
}

Result<ClientResponse> Transfer::Unpacked() {
  if (auto unpacked = Unpack(); !unpacked) {
    const bool too_long = unpacked.error().code() == ErrorCode::kResourceExhausted;
    return Failure(unpacked.error().code(), too_long ? TooLong() : unpacked.error().message());
  }
  return std::move(response_);
}

void Transfer::Call(Result<ClientResponse> result) {
  try {
    done_(std::move(result));
    // NOLINTNEXTLINE(bugprone-use-after-move): a callback leaves what it does not want.
    if (result && spare_ != nullptr) spare_->Keep(std::move(result->body));
  } catch (const std::exception& e) {
    base::LogError("http client callback failed", {{"error", e.what()}});
  }
}

void Transfer::Finish(CURLcode code) { Call(Outcome(code)); }

void Transfer::Fail(ErrorCode code, std::string_view reason) { Call(Failure(code, reason)); }

void Transfer::FailTooBig() { Call(Failure(ErrorCode::kResourceExhausted, TooLong())); }

}  // namespace slurmscope::http
