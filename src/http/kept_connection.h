#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "http/event_loop.h"
#include "http/response_reader.h"
#include "http/transfer.h"

namespace slurmscope::http {

// A connection that libcurl opened and that now repeats the request it was opened for, byte for
// byte, without libcurl: docs/adr/0015-kept-connections.md. Only plain HTTP and plain answers;
// anything else goes back to libcurl. Belongs to the thread of the loop.
class KeptConnection final : EventLoop::Watcher {
 public:
  // Takes a transfer that has to be done by libcurl after all.
  using Restart = std::function<void(std::unique_ptr<Transfer>)>;

  // Takes `fd` over. `request` is what is sent.
  KeptConnection(EventLoop& loop, int fd, std::string request, SpareBodies& spare, Restart restart);
  ~KeptConnection() override;
  KeptConnection(const KeptConnection&) = delete;
  KeptConnection& operator=(const KeptConnection&) = delete;

  // Begins the exchange; false, and the transfer is left alone, when the connection is no good (any
  // more) or in use.
  bool Start(std::unique_ptr<Transfer>& transfer);
  // Ends a running exchange with kCanceled, and closes.
  void Cancel();
  bool open() const { return fd_ >= 0; }

 private:
  void OnReady(int fd, uint32_t events) override;
  void Receive();
  void OnEnd();
  void Done();
  void GiveBack();
  void Fail(base::ErrorCode code, std::string_view reason);
  std::unique_ptr<Transfer> End();
  void Close();

  EventLoop& loop_;
  int fd_;
  const std::string request_;
  SpareBodies& spare_;
  const Restart restart_;
  int64_t idle_since_ns_;
  std::unique_ptr<Transfer> transfer_;  // null: idle
  EventLoop::TimerId timer_;
  ResponseReader reader_;
  bool received_ = false;      // a byte of the response
  size_t expected_bytes_ = 0;  // as long as the last response
};

}  // namespace slurmscope::http
