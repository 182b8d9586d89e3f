#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace slurmscope::http {

// What one client of an answer without an end (server-sent events) is still to be told: text comes
// when something happens, and no worker waits for it. Give it as Response::events. Thread-safe.
class EventQueue {
 public:
  // Of text that waits; a client that leaves more is let go of.
  static constexpr size_t kMaxWaitingBytes = 256 * 1024;

  // False when the client has gone or has too much waiting already: nothing more will reach it.
  bool Push(std::string_view text);
  // The answer ends after what waits.
  void Close();
  bool closed() const;

  // For the server. Appends what waits; false when nothing will follow.
  bool Drain(std::string& out);
  // Calls `wake` once, as soon as there is something to drain; false, without keeping it, when
  // there is already. `wake` runs in the thread of Push or Close, with the queue locked.
  bool WaitForText(std::function<void()> wake);
  // The client has gone: nobody is to be woken.
  void Abandon();

 private:
  void Wake();

  mutable std::mutex mutex_;
  std::string text_;
  bool closed_ = false;
  std::function<void()> wake_;
};

}  // namespace slurmscope::http
