#pragma once

#include <curl/curl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.h"
#include "http/connection_options.h"

namespace slurmscope::http {

inline constexpr std::string_view kTimeoutReason = "context deadline exceeded";
inline constexpr long kMaxRedirects = 10;

// Buffers of bodies to be used again, so that no memory is asked of the system for each. What is in
// one does not matter. Not thread-safe.
class SpareBodies {
 public:
  std::string Take();
  void Keep(std::string body);

 private:
  std::vector<std::string> bodies_;
};

// One exchange on a curl easy handle: sets the handle up, collects what comes, turns the outcome
// into a Result. Private to the client. The handle must not outlive the transfer while it is in
// use. Not thread-safe.
class Transfer {
 public:
  Transfer(std::shared_ptr<const ClientRequest> request, Client::Callback done)
      : request_(std::move(request)), done_(std::move(done)) {}
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // False when memory is short or the request holds a header that cannot be sent.
  bool Prepare(CURL* easy, const std::string& user_agent, SpareBodies& spare);
  void Finish(CURLcode code);  // calls done
  void Fail(base::ErrorCode code, std::string_view reason);
  void FailTooBig();
  const ClientRequest& request() const { return *request_; }
  const std::shared_ptr<const ClientRequest>& shared_request() const { return request_; }

  // Before Finish: the connection and what was sent on it, where the request is one that repeats
  // and its connection can be used again by sending the same.
  struct Reusable {
    int fd;
    std::string sent;
  };
  std::optional<Reusable> TakeConnection(CURLcode code);

  // For a response that did not come by libcurl: status line and headers, then the rest.
  bool RedirectsOn(int status) const;
  void TakeHead(std::string_view head);
  void FinishWith(int status, std::string body, SpareBodies& spare);

 private:
  static size_t OnHeader(char* data, size_t one, size_t size, void* self);
  static size_t OnBody(char* data, size_t one, size_t size, void* self);
  static int OnDebug(CURL* easy, curl_infotype type, char* data, size_t size, void* self);
  static int OnClose(void* self, curl_socket_t fd);
  void KeepConnection();
  bool AddHeaderLine(const std::string& line);
  bool AddHeaders(const Pairs& headers);
  bool SetHeaders();
  void SetMethod();
  void TakeHeader(std::string_view line);
  bool TakeBody(std::string_view piece);
  Result<ClientResponse> Outcome(CURLcode code);
  tl::unexpected<base::Error> Failure(base::ErrorCode code, std::string_view reason) const;
  std::string TooLong() const;
  Result<ClientResponse> Unpacked();
  Result<void> Unpack();
  std::string Reason(CURLcode code) const;
  std::string CertificateProblem() const;
  std::string Peer() const;
  void Call(Result<ClientResponse> result);

  std::shared_ptr<const ClientRequest> request_;
  Client::Callback done_;
  ClientResponse response_;
  CURL* easy_ = nullptr;
  SpareBodies* spare_ = nullptr;
  curl_slist* header_list_ = nullptr;
  ConnectionOptions connection_options_;
  int closed_fd_ = -1;  // by libcurl, but not by us: its last connection
  std::string sent_;    // on it
  size_t heads_sent_ = 0;
  bool keep_ = false;
  bool gzip_ = false;
  bool too_big_ = false;
  char error_text_[CURL_ERROR_SIZE] = "";
};

}  // namespace slurmscope::http
