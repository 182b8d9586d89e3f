#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/strings.h"

namespace slurmscope::tsdb {

// Debian's Prometheus, unpacked for tests.
inline const std::string kPeers = std::string(SLURMSCOPE_SOURCE_DIR) + "/build/peers/usr/bin/";

#define SKIP_WITHOUT(program)                                                              \
  if (::access((kPeers + (program)).c_str(), X_OK) != 0) {                                 \
    GTEST_SKIP() << "no " << kPeers << (program) << " (unpack Debian's prometheus there)"; \
  }

// A port that nobody listens on now.
inline int FreePort() {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

// A message of protobuf in the making: what remote write 1.0 needs of it.
class Message {
 public:
  Message& Bytes(uint64_t field, std::string_view bytes) {
    base::PutUvarint(out_, field << 3 | 2);
    base::PutUvarintString(out_, bytes);
    return *this;
  }
  Message& Varint(uint64_t field, uint64_t value) {
    base::PutUvarint(out_, field << 3);
    base::PutUvarint(out_, value);
    return *this;
  }
  Message& Signed(uint64_t field, int64_t value) {  // sint64
    base::PutUvarint(out_, field << 3);
    base::PutVarint(out_, value);
    return *this;
  }
  Message& Double(uint64_t field, double value) {
    base::PutUvarint(out_, field << 3 | 1);
    PutLittle(out_, value);
    return *this;
  }
  static void PutLittle(std::string& out, double value) {
    auto bits = std::bit_cast<uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>((bits >> shift) & 0xFF);
  }
  const std::string& bytes() const { return out_; }

 private:
  std::string out_;
};

// A stock Prometheus on `directory`/data that scrapes nothing; it takes remote writes. Killed with
// the object, if not before.
class StockPrometheus {
 public:
  StockPrometheus(const std::string& directory, const std::string& features,
                  const std::string& storage = "{}")
      : directory_(directory), address_(base::StrCat("127.0.0.1:", FreePort())) {
    std::string config = directory + "/prometheus.yml";
    std::ofstream(config) << "global: {scrape_interval: 1h}\nstorage: " << storage << "\n";
    std::vector<std::string> args = {kPeers + "prometheus",
                                     "--config.file=" + config,
                                     "--storage.tsdb.path=" + directory + "/data",
                                     "--storage.tsdb.retention.time=100y",
                                     "--web.listen-address=" + address_,
                                     "--web.enable-remote-write-receiver",
                                     "--enable-feature=" + features,
                                     "--log.level=error"};
    std::vector<char*> raw;
    for (std::string& arg : args) raw.push_back(arg.data());
    raw.push_back(nullptr);
    child_ = ::fork();
    if (child_ == 0) {
      ::execv(raw[0], raw.data());
      ::_exit(127);
    }
    // Until the log is read.
    EXPECT_NE(Get("/-/ready"), "");
  }
  ~StockPrometheus() { Kill(); }
  StockPrometheus(const StockPrometheus&) = delete;
  StockPrometheus& operator=(const StockPrometheus&) = delete;

  void Kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

  std::string Get(const std::string& path) {
    return Curl("--retry 60 --retry-delay 1 --retry-connrefused --retry-all-errors", path);
  }
  // Write requests of remote write 1.0, not compressed yet. All must be taken.
  void Write(const std::vector<std::string>& requests) {
    std::ofstream config(directory_ + "/requests");
    for (size_t i = 0; i < requests.size(); ++i) {
      std::string file = base::StrCat(directory_, "/request.", i);
      std::ofstream(file, std::ios::binary) << Literal(requests[i]);
      if (i > 0) config << "next\n";
      config << "url = \"http://" << address_ << "/api/v1/write\"\nfail\nsilent\n"
             << "header = \"Content-Encoding: snappy\"\n"
             << "header = \"Content-Type: application/x-protobuf\"\n"
             << "header = \"X-Prometheus-Remote-Write-Version: 0.1.0\"\n"
             << "data-binary = \"@" << file << "\"\nwrite-out = \"%{http_code} \"\n";
    }
    config.close();
    std::string command =
        base::StrCat("curl -K ", directory_, "/requests > ", directory_, "/codes");
    EXPECT_EQ(std::system(command.c_str()), 0);
    std::string all;
    for (size_t i = 0; i < requests.size(); ++i) all += "204 ";
    EXPECT_EQ(*base::ReadFile(directory_ + "/codes"), all);
  }

 private:
  std::string Curl(const std::string& options, const std::string& path) {
    std::string file = directory_ + "/answer";
    std::string command =
        base::StrCat("curl -s ", options, " 'http://", address_, path, "' > ", file);
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return *base::ReadFile(file);
  }
  // The snappy format without any compression.
  static std::string Literal(std::string_view data) {
    std::string out;
    for (size_t n = data.size();; n >>= 7) {
      out += static_cast<char>(n < 0x80 ? n : (n & 0x7F) | 0x80);
      if (n < 0x80) break;
    }
    for (; !data.empty(); data.remove_prefix(std::min<size_t>(data.size(), 65536))) {
      size_t n = std::min<size_t>(data.size(), 65536) - 1;
      out += static_cast<char>(61 << 2);
      out += static_cast<char>(n & 0xFF);
      out += static_cast<char>(n >> 8);
      out += data.substr(0, n + 1);
    }
    return out;
  }

  std::string directory_;
  std::string address_;
  pid_t child_ = 0;
};

}  // namespace slurmscope::tsdb
