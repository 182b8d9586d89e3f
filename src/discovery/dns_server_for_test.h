#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace slurmscope::discovery {

// "\3foo\3bar\0" of "foo.bar".
inline std::string DnsName(const std::string& name) {
  std::string out;
  for (size_t at = 0; at < name.size();) {
    size_t dot = std::min(name.find('.', at), name.size());
    out += static_cast<char>(dot - at);
    out += name.substr(at, dot - at);
    at = dot + 1;
  }
  return out + '\0';
}
inline std::string Dns16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 255)};
}

// A DNS server on a loopback port that knows some records, and no other names.
class DnsServerForTest {
 public:
  static constexpr unsigned kA = 1, kNs = 2, kMx = 15, kAaaa = 28, kSrv = 33;
  enum class Mood { kAnswer, kFail, kSilent, kNonsense };

  DnsServerForTest() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    void* raw = &at;
    socklen_t size = sizeof at;
    bind(fd_, static_cast<const sockaddr*>(raw), size);
    getsockname(fd_, static_cast<sockaddr*>(raw), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~DnsServerForTest() {
    stop_ = true;
    thread_.join();
    close(fd_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // Bytes of a record's data.
  void Set(const std::string& name, unsigned type, std::vector<std::string> data) {
    std::lock_guard lock(mutex_);
    records_[{name, type}] = std::move(data);
  }
  void SetMood(Mood mood) {
    std::lock_guard lock(mutex_);
    mood_ = mood;
  }
  int questions() const { return questions_; }

 private:
  void Run() {
    while (!stop_) {
      pollfd entry{fd_, POLLIN, 0};
      if (poll(&entry, 1, 20) <= 0) continue;
      char buffer[2048];
      sockaddr_in from{};
      void* raw = &from;
      socklen_t size = sizeof from;
      ssize_t n = recvfrom(fd_, buffer, sizeof buffer, 0, static_cast<sockaddr*>(raw), &size);
      if (n < 17) continue;
      ++questions_;
      std::string reply = Answer({buffer, static_cast<size_t>(n)});
      if (!reply.empty())
        sendto(fd_, reply.data(), reply.size(), 0, static_cast<sockaddr*>(raw), size);
    }
  }

  std::string Answer(const std::string& question) {
    std::lock_guard lock(mutex_);
    if (mood_ == Mood::kSilent) return "";
    std::string name;
    size_t at = 12;
    while (question[at] != 0) {
      if (!name.empty()) name += '.';
      auto length = static_cast<size_t>(question[at]);
      name += question.substr(at + 1, length);
      at += length + 1;
    }
    unsigned type = static_cast<unsigned char>(question[at + 1]) * 256u +
                    static_cast<unsigned char>(question[at + 2]);
    std::string head = question.substr(0, 2);
    std::string asked = question.substr(12, at + 5 - 12);
    if (mood_ == Mood::kNonsense)
      return head + "\x81\x80" + Dns16(1) + Dns16(9) + Dns16(0) + Dns16(0) + asked + "\xC0\x0C\xFF";
    auto found = records_.find({name, type});
    bool known = found != records_.end() && mood_ == Mood::kAnswer;
    unsigned code = known ? 0 : mood_ == Mood::kFail ? 2 : 3;
    size_t count = known ? found->second.size() : 0;
    std::string out = head + '\x81' + static_cast<char>(0x80 | code) + Dns16(1) +
                      Dns16(static_cast<unsigned>(count)) + Dns16(0) + Dns16(0) + asked;
    for (size_t i = 0; i < count; ++i) {
      const std::string& data = found->second[i];
      out += DnsName(name) + Dns16(type) + Dns16(1) + Dns16(0) + Dns16(60) +
             Dns16(static_cast<unsigned>(data.size())) + data;
    }
    return out;
  }

  int fd_;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> questions_{0};
  std::mutex mutex_;
  Mood mood_ = Mood::kAnswer;
  std::map<std::pair<std::string, unsigned>, std::vector<std::string>> records_;
  std::thread thread_;
};

}  // namespace slurmscope::discovery
