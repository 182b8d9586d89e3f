#pragma once

#include <curl/curl.h>

#include "http/client.h"

namespace slurmscope::http {

// Buffers of bodies to be used again, so that no memory is asked of the system for each. Not
// thread-safe.
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
  ~Transfer() { curl_slist_free_all(header_list_); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // False when memory is short or the request holds a header that cannot be sent.
  bool Prepare(CURL* easy, const std::string& user_agent, SpareBodies& spare);
  void Finish(CURLcode code);  // calls done
  void Fail(base::ErrorCode code, std::string_view reason);

 private:
  static size_t OnHeader(char* data, size_t one, size_t size, void* self);
  static size_t OnBody(char* data, size_t one, size_t size, void* self);
  bool AddHeaderLine(const std::string& line);
  bool SetHeaders();
  void SetMethod();
  void TakeHeader(std::string_view line);
  bool TakeBody(std::string_view piece);
  Result<ClientResponse> Outcome(CURLcode code);
  Result<void> Unpack();
  std::string Reason(CURLcode code) const;
  std::string Peer() const;
  void Call(Result<ClientResponse> result);

  std::shared_ptr<const ClientRequest> request_;
  Client::Callback done_;
  ClientResponse response_;
  CURL* easy_ = nullptr;
  SpareBodies* spare_ = nullptr;
  curl_slist* header_list_ = nullptr;
  bool gzip_ = false;
  bool too_big_ = false;
  char error_text_[CURL_ERROR_SIZE] = "";
};

// `url` for a message: a password in it is left out.
std::string RedactedUrl(const std::string& url);

}  // namespace slurmscope::http
