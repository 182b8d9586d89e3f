#include "base/systemd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/strings.h"

namespace slurmscope::base {

void NotifySystemd(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || path[0] == '\0') return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // an abstract socket
  int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  auto address_size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  // A lost notification shows as a start timeout in systemd's log: nothing to do about it here.
  (void)::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<sockaddr*>(&address), address_size);
  ::close(fd);
}

std::vector<int> TakeSystemdSockets() {
  constexpr int kFirst = 3;
  constexpr int kMost = 1024;
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  std::vector<int> sockets;
  if (pid != nullptr && count != nullptr && ParseInt<pid_t>(pid) == ::getpid()) {
    const int n = ParseInt<int>(count).value_or(0);
    for (int i = 0; i < n && i < kMost; ++i) {
      ::fcntl(kFirst + i, F_SETFD, FD_CLOEXEC);
      sockets.push_back(kFirst + i);
    }
  }
  // Not for the programs that we start.
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  return sockets;
}

}  // namespace slurmscope::base
