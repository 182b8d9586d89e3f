#include "http/connection_table.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace slurmscope::http {

namespace {

// A client that takes less than this of its answer in the time for a request to come is not
// reading.
constexpr uint64_t kLeastReadBytes = 64 * 1024;

bool IsThisMachine(const std::string& client) {
  return client.starts_with("127.") || client == "::1" || client.empty();
}

// Bytes that the kernel holds for a client which has not taken them.
int Unread(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

uint64_t Acknowledged(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_acked : 0;
}

}  // namespace

bool ConnectionTable::Exceeds(size_t count, const std::string& client, size_t limit,
                              size_t remote_limit) const {
  if (limit > 0) return count >= limit;
  return remote_limit > 0 && count >= remote_limit && !IsThisMachine(client);
}

bool ConnectionTable::MayConnect(const std::string& client) const {
  const std::lock_guard lock(mutex_);
  if (connections_.size() >= limits_.connections && Victim() == nullptr) return false;
  const auto it = clients_.find(client);
  return it == clients_.end() ||
         !Exceeds(it->second.connections, client, limits_.connections_per_client,
                  limits_.connections_per_remote_client);
}

Connection* ConnectionTable::Victim() const {
  Connection* victim = nullptr;
  const auto before = [](const Connection& a, const Connection& b) {
    if (a.fresh != b.fresh) return a.fresh.load();
    return a.waiting_since_ns < b.waiting_since_ns;
  };
  for (Connection* connection : connections_) {
    if (connection->waiting_since_ns == 0) continue;
    if (victim == nullptr || before(*connection, *victim)) victim = connection;
  }
  return victim;
}

void ConnectionTable::MakeRoom() {
  if (connections_.size() < limits_.connections) return;
  Connection* victim = Victim();
  if (victim == nullptr) return;
  shutdown(victim->fd, SHUT_RDWR);
  victim->waiting_since_ns = 0;  // not a second time
  ++evicted_;
}

Connection* ConnectionTable::Add(int fd, std::string client, std::shared_ptr<const TlsContext> tls,
                                 int64_t now_ns) {
  auto connection = std::make_unique<Connection>();
  connection->fd = fd;
  connection->client = std::move(client);
  connection->tls = std::move(tls);
  connection->waiting_since_ns = now_ns;
  const std::lock_guard lock(mutex_);
  MakeRoom();
  ++clients_[connection->client].connections;
  connections_.insert(connection.get());
  return connection.release();
}

void ConnectionTable::Remove(Connection* connection) {
  {
    const std::lock_guard lock(mutex_);
    connections_.erase(connection);
    --clients_[connection->client].connections;
    Forget(connection->client);
  }
  delete connection;
}

void ConnectionTable::Forget(const std::string& client) {
  const auto it = clients_.find(client);
  if (it != clients_.end() && it->second.connections == 0 && it->second.requests == 0)
    clients_.erase(it);
}

bool ConnectionTable::BeginRequest(const Connection& connection) {
  const std::lock_guard lock(mutex_);
  Client& client = clients_[connection.client];
  if (Exceeds(client.requests, connection.client, limits_.requests_per_client,
              limits_.requests_per_remote_client))
    return false;
  ++client.requests;
  return true;
}

void ConnectionTable::EndRequest(const Connection& connection) {
  const std::lock_guard lock(mutex_);
  --clients_[connection.client].requests;
  Forget(connection.client);
}

bool ConnectionTable::IsStale(Connection& connection, int64_t now_ns) const {
  const int64_t since = connection.waiting_since_ns.load();
  if (since != 0) {
    connection.read_at_ns = 0;
    return now_ns - since > (connection.fresh ? limits_.fresh_ns : limits_.idle_ns);
  }
  // The library's own timeout starts anew with every byte that a client reads.
  if (Unread(connection.fd) == 0) {
    connection.read_at_ns = 0;
    return false;
  }
  const uint64_t read = Acknowledged(connection.fd);
  if (connection.read_at_ns == 0 || read - connection.read_bytes >= kLeastReadBytes) {
    connection.read_at_ns = now_ns;
    connection.read_bytes = read;
    return false;
  }
  return now_ns - connection.read_at_ns > limits_.idle_ns;
}

void ConnectionTable::CloseStale(int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  for (Connection* connection : connections_) {
    if (IsStale(*connection, now_ns)) shutdown(connection->fd, SHUT_RDWR);
  }
}

size_t ConnectionTable::size() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

}  // namespace slurmscope::http
