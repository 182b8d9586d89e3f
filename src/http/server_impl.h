#pragma once

#include <microhttpd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/thread_pool.h"
#include "http/access_impl.h"
#include "http/connection_table.h"
#include "http/exchange.h"
#include "http/listener.h"
#include "http/server.h"

namespace slurmscope::http {

// Whether the other end of a socket has closed it, or its half of it.
bool PeerGone(int fd);

// The server on libmicrohttpd. server.cc: its start and its end; server_exchange.cc: connections
// and requests; server_stream.cc: bodies that are made while they are sent.
class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, Handler handler);
  ~ServerImpl() override { Stop(kDefaultGraceSeconds); }

  Result<void> Open();
  std::vector<std::string> addresses() const override { return addresses_; }
  int port() const override { return listeners_.empty() ? 0 : listeners_.front().port(); }
  ServerStats stats() const override;
  void Stop(int grace_seconds) override;

 private:
  static constexpr int kDefaultGraceSeconds = 10;

  Result<void> StartDaemon(const Listener& listener);
  // The library's callbacks; `self` is the server.
  static void* OnRequestLine(void* self, const char* target, MHD_Connection* mhd);
  static MHD_Result OnProgress(void* self, MHD_Connection* mhd, const char* url, const char* method,
                               const char* version, const char* upload, size_t* upload_size,
                               void** context);
  static void OnCompleted(void* self, MHD_Connection* mhd, void** context,
                          MHD_RequestTerminationCode why);
  // The end of a request, whatever came of it.
  void Complete(Exchange& exchange);
  static MHD_Result OnAccept(void* self, const sockaddr* address, socklen_t size);
  static void OnConnection(void* self, MHD_Connection* mhd, void** context,
                           MHD_ConnectionNotificationCode what);

  MHD_Result Begin(Exchange& exchange, const char* method);
  MHD_Result Dispatch(Exchange& exchange);
  bool AnswerAtOnce(Exchange& exchange);
  MHD_Result Reject(Exchange& exchange, Response response);
  MHD_Result Send(Exchange& exchange, bool close);
  std::optional<Response> Refusal(Exchange& exchange);
  bool TakeBody(Exchange& exchange, std::string_view piece);
  void Work(const std::shared_ptr<Exchange>& exchange);
  Response Answer(Request& request);
  // Hands the response to the library's thread, unless the server has given up on the exchange.
  void Finish(Exchange& exchange, Response response, std::unique_ptr<BodyStream> stream = nullptr);
  static std::unique_ptr<BodyStream> Stream(const Request& request, Response& response);
  // Of a body that is made while it is sent; `streaming` is a Streaming.
  static ssize_t OnReadBody(void* streaming, uint64_t position, char* out, size_t size);
  static void OnBodyDone(void* streaming);
  MHD_Result QueueStream(Exchange& exchange, bool close);
  static void TakeEvents(Exchange& exchange, Response& response);
  void Resume(Exchange& exchange);
  void DropGoneSubscribers();
  void EndEvents();
  ssize_t WaitForPiece(const std::shared_ptr<Exchange>& exchange);
  void MakePiece(const std::shared_ptr<Exchange>& exchange);
  void WatchIdle();
  void WaitForRunning(std::chrono::milliseconds at_most);
  void Abandon();

  const ServerOptions options_;
  const Handler handler_;
  const std::shared_ptr<AccessImpl> access_;
  ConnectionTable connections_;
  std::vector<std::string> addresses_;
  std::vector<Listener> listeners_;
  std::vector<MHD_Daemon*> daemons_;
  std::thread watcher_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> requests_ = 0;
  std::atomic<uint64_t> rejected_ = 0;
  std::atomic<size_t> body_bytes_ = 0;  // of all requests

  std::mutex stop_mutex_;  // one Stop at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;  // no request may be suspended any more
  size_t running_ = 0;   // dispatched and not yet completed
  std::unordered_set<Exchange*> suspended_;

  base::ThreadPool pool_;  // last: its threads use all of the above
};

}  // namespace slurmscope::http
