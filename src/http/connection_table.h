#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "http/tls_server.h"

namespace slurmscope::http {

struct Exchange;  // http/exchange.h

// A connection of a server. Belongs to its table.
struct Connection {
  int fd = -1;
  std::string client;  // address without port
  std::shared_ptr<const TlsContext> tls;
  // For the end of a request, or for the client to take a piece of a long body; 0 while an answer
  // or a piece is being made.
  std::atomic<int64_t> waiting_since_ns = 0;
  std::atomic<bool> fresh = true;  // no head of a request has come yet
  // Of the library's thread: the request that has begun and not ended, which keeps itself; and the
  // last one, for its memory, as the next is mostly the same again.
  Exchange* begun = nullptr;
  std::shared_ptr<Exchange> last;
  // Of the table: how far a client has got in reading its answer.
  uint64_t read_bytes = 0;
  int64_t read_at_ns = 0;
};

// The open connections of a server, and who of them has to go: those that wait too long, do not
// read what they asked for, or are in the way of others. Private to the room. Thread-safe.
class ConnectionTable {
 public:
  struct Limits {
    size_t connections = 512;
    // Of one address, and requests that it may have under way. 0: the limits for addresses that
    // are not this machine's.
    size_t connections_per_client = 0;
    size_t requests_per_client = 0;
    size_t connections_per_remote_client = 0;
    size_t requests_per_remote_client = 0;
    int64_t idle_ns = 0;   // for a request to be there, and to read a part of an answer
    int64_t fresh_ns = 0;  // for the head of the first request
  };

  explicit ConnectionTable(Limits limits) : limits_(limits) {}

  // Before a connection is taken: false when the client has too many, or when the table is full and
  // all are being answered.
  bool MayConnect(const std::string& client) const;
  // When the table is full, the connection that waits longest for a request is closed, those that
  // never sent one first.
  Connection* Add(int fd, std::string client, std::shared_ptr<const TlsContext> tls,
                  int64_t now_ns);
  void Remove(Connection* connection);

  // False when the client has too many requests under way.
  bool BeginRequest(const Connection& connection);
  void EndRequest(const Connection& connection);

  // Closes those whose time is over. To be called now and then.
  void CloseStale(int64_t now_ns);
  size_t size() const;
  uint64_t evicted() const { return evicted_.load(); }

 private:
  struct Client {
    size_t connections = 0;
    size_t requests = 0;
  };
  bool Exceeds(size_t count, const std::string& client, size_t limit, size_t remote_limit) const;
  Connection* Victim() const;
  void MakeRoom();
  bool IsStale(Connection& connection, int64_t now_ns) const;
  void Forget(const std::string& client);

  const Limits limits_;
  std::atomic<uint64_t> evicted_ = 0;
  mutable std::mutex mutex_;
  std::unordered_set<Connection*> connections_;
  std::unordered_map<std::string, Client> clients_;
};

}  // namespace slurmscope::http
