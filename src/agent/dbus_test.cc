#include "agent/collectors/dbus.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "agent/collector.h"
#include "base/strings.h"

namespace slurmscope::agent {
namespace {

// Writes values in D-Bus' wire format; offsets count from the start.
class Writer {
 public:
  Writer& Pad(size_t to) {
    bytes_.resize((bytes_.size() + to - 1) / to * to);
    return *this;
  }
  template <typename T>
  Writer& Number(T value) {
    Pad(sizeof value);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& Text(std::string_view text) {
    Number(static_cast<uint32_t>(text.size()));
    bytes_ += text;
    bytes_ += '\0';
    return *this;
  }
  Writer& Signature(std::string_view text) {
    bytes_ += static_cast<char>(text.size());
    bytes_ += text;
    bytes_ += '\0';
    return *this;
  }
  std::string bytes_;
};

std::string Answer(uint32_t serial, std::string_view signature, const std::string& body) {
  Writer out;
  out.bytes_ = std::string("l\2\1\1", 4);
  out.Number(static_cast<uint32_t>(body.size())).Number(uint32_t{1}).Number(uint32_t{0});
  out.bytes_ += '\5';
  out.Signature("u").Number(serial);
  out.Pad(8).bytes_ += '\10';
  out.Signature("g").Signature(signature);
  const auto fields = static_cast<uint32_t>(out.bytes_.size() - 16);
  std::memcpy(out.bytes_.data() + 12, &fields, sizeof fields);
  out.Pad(8).bytes_ += body;
  return out.bytes_;
}

std::string Variant(std::string_view text) { return Writer().Signature("s").Text(text).bytes_; }

// A list of units, a(ssssssouso), as systemd has it.
std::string Units() {
  struct Unit {
    std::string_view name, load, active, path;
  };
  Writer out;
  out.Number(uint32_t{0}).Pad(8);
  for (const Unit& unit : {Unit{"slurmd.service", "loaded", "active", "/u/slurmd"},
                           Unit{"munge.service", "loaded", "failed", "/u/munge"},
                           Unit{"gone.service", "not-found", "inactive", "/u/gone"},
                           Unit{"dev-sda.device", "loaded", "active", "/u/sda"},
                           Unit{"ssh.socket", "loaded", "active", "/u/ssh"},
                           Unit{"clean.timer", "loaded", "active", "/u/clean"}}) {
    out.Pad(8).Text(unit.name).Text("what it is").Text(unit.load).Text(unit.active).Text("sub");
    out.Text("").Text(unit.path).Number(uint32_t{0}).Text("").Text("/");
  }
  const auto length = static_cast<uint32_t>(out.bytes_.size() - 8);
  std::memcpy(out.bytes_.data(), &length, sizeof length);
  return out.bytes_;
}

// A bus with systemd on it, good for one connection.
class FakeBus {
 public:
  FakeBus() : path_(testing::TempDir() + "bus_" + std::to_string(::getpid())) {
    ::unlink(path_.c_str());
    listener_ = base::File(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    EXPECT_EQ(::bind(listener_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.fd(), 4), 0);
  }
  ~FakeBus() {
    ::shutdown(listener_.fd(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::unlink(path_.c_str());
  }
  std::string address() const { return "unix:path=" + path_; }
  // Serves `connections`, each until its other end is closed.
  void Serve(int connections) {
    thread_ = std::thread([this, connections] {
      for (int i = 0; i < connections; ++i) {
        base::File socket(::accept(listener_.fd(), nullptr, nullptr));
        if (socket.is_open()) ServeOne(socket.fd());
      }
    });
  }
  bool hang_on_list_ = false;
  std::atomic<int> types_asked_ = 0;
  std::map<std::string, std::string> properties_ = {
      {"Version", Variant("252 (252.38-1~deb12u1)")},
      {"Virtualization", Variant("")},
      {"SystemState", Variant("running")},
      {"/u/slurmd.Type", Variant("notify")},
      {"/u/munge.Type", Variant("forking")},
      {"/u/slurmd.NRestarts", Writer().Signature("u").Number(uint32_t{3}).bytes_},
      {"/u/slurmd.TasksCurrent", Writer().Signature("t").Number(uint64_t{42}).bytes_},
      {"/u/slurmd.TasksMax", Writer().Signature("t").Number(UINT64_MAX).bytes_},
      {"/u/ssh.NAccepted", Writer().Signature("u").Number(uint32_t{9}).bytes_},
      {"/u/ssh.NConnections", Writer().Signature("u").Number(uint32_t{2}).bytes_},
      {"/u/clean.LastTriggerUSec", Writer().Signature("t").Number(uint64_t{1'500'000}).bytes_},
      {"/u/slurmd.ActiveEnterTimestamp",
       Writer().Signature("t").Number(uint64_t{1'700'000'000'250'000}).bytes_}};

 private:
  void ServeOne(int fd) {
    std::string input;
    char chunk[4096];
    bool in = false;
    for (ssize_t n; (n = ::read(fd, chunk, sizeof chunk)) > 0;) {
      input.append(chunk, static_cast<size_t>(n));
      if (!in && input.ends_with("\r\n") && input.find("BEGIN") == std::string::npos) {
        EXPECT_EQ(input.find("\0AUTH EXTERNAL ", 0, 15), 0u);
        EXPECT_GT(::write(fd, "OK 1234\r\n", 9), 0);
        input.clear();
        continue;
      }
      if (!in) {
        in = true;
        input.erase(0, input.find("\r\n") + 2);
      }
      while (input.size() >= 16) {
        const size_t size = DBusMessageSize(std::string_view(input).substr(0, 16)).value();
        if (input.size() < size) break;
        Reply(fd, input.substr(0, size));
        input.erase(0, size);
      }
    }
  }

  void Reply(int fd, const std::string& call) {
    uint32_t serial = 0;
    std::memcpy(&serial, call.data() + 8, sizeof serial);
    std::map<int, std::string> fields;
    DBusReader header(call);
    header.SkipTo(12);
    const size_t end = header.ArrayEnd(8);
    while (!header.AtEnd(end)) {
      header.Align(8);
      const int code = header.Byte();
      const std::string_view type = header.Signature();
      fields[code] = type == "g" ? header.Signature() : header.String();
    }
    DBusReader body(std::string_view(call).substr((end + 7) / 8 * 8));
    std::string out;
    if (fields[3] == "Hello") out = Answer(serial, "s", Writer().Text(":1.7").bytes_);
    if (fields[3] == "ListUnits" && hang_on_list_) return;
    if (fields[3] == "ListUnits") out = Answer(serial, "a(ssssssouso)", Units());
    if (fields[3] == "Get") {
      body.String();
      const std::string property(body.String());
      if (property == "Type") ++types_asked_;
      const bool manager = fields[1] == "/org/freedesktop/systemd1";
      const auto at = properties_.find(manager ? property : fields[1] + "." + property);
      // What a unit lacks is an error of type 3, here without words.
      out = at == properties_.end() ? Answer(serial, "", "") : Answer(serial, "v", at->second);
      if (at == properties_.end()) out[1] = 3;
    }
    EXPECT_EQ(::write(fd, out.data(), out.size()), static_cast<ssize_t>(out.size()));
  }

  std::string path_;
  base::File listener_;
  std::thread thread_;
};

class SystemdTest : public testing::Test {
 protected:
  void Make() { Make(bus_.address()); }
  void Make(const std::string& address) {
    ::setenv("DBUS_SYSTEM_BUS_ADDRESS", address.c_str(), 1);
    FlagValues flags;
    const CollectorSpec* spec = FindCollector("systemd");
    for (const FlagSpec& flag : spec->flags) flags.Declare(flag);
    flags.Add("collector.systemd.enable-restarts-metrics", "true");
    flags.Add("collector.systemd.enable-task-metrics", "true");
    flags.Add("collector.systemd.enable-start-time-metrics", "true");
    const Machine machine{{}, base::SystemClock(), nullptr};
    collector_ = spec->make(machine, flags, families_).value();
  }
  std::string Page() {
    families_.Begin();
    error_ = "";
    if (auto done = collector_->Update(); !done) error_ = done.error().message();
    std::string out;
    Merger().Render({&families_}, out);
    return out;
  }
  void TearDown() override {
    collector_.reset();
    ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
  }

  FakeBus bus_;
  FamilySet families_;
  std::unique_ptr<Collector> collector_;
  std::string error_;
};

TEST_F(SystemdTest, SaysWhatSystemdSays) {
  bus_.Serve(1);
  Make();
  for (int i = 0; i < 2; ++i) {  // over the same connection
    const std::string page = Page();
    EXPECT_EQ(error_, "");
    for (const char* line :
         {"node_systemd_unit_state{name=\"slurmd.service\",state=\"active\",type=\"notify\"} 1\n",
          "node_systemd_unit_state{name=\"munge.service\",state=\"failed\",type=\"forking\"} 1\n",
          "node_systemd_unit_state{name=\"munge.service\",state=\"active\",type=\"forking\"} 0\n",
          "node_systemd_unit_state{name=\"ssh.socket\",state=\"active\",type=\"\"} 1\n",
          "node_systemd_units{state=\"active\"} 4\n", "node_systemd_units{state=\"inactive\"} 1\n",
          "node_systemd_units{state=\"activating\"} 0\n",
          "node_systemd_version{version=\"252 (252.38-1~deb12u1)\"} 252\n",
          "node_systemd_virtualization_info{virtualization_type=\"none\"} 1\n",
          "node_systemd_system_running 1\n",
          "node_systemd_service_restart_total{name=\"slurmd.service\"} 3\n",
          "node_systemd_unit_tasks_current{name=\"slurmd.service\"} 42\n",
          "node_systemd_socket_accepted_connections_total{name=\"ssh.socket\"} 9\n",
          "node_systemd_socket_current_connections{name=\"ssh.socket\"} 2\n",
          "node_systemd_timer_last_trigger_seconds{name=\"clean.timer\"} 1.5\n",
          "node_systemd_unit_start_time_seconds{name=\"munge.service\"} 0\n",
          "node_systemd_unit_start_time_seconds{name=\"slurmd.service\"} 1.70000000025e+09\n"})
      EXPECT_NE(page.find(line), std::string::npos) << line;
    for (const char* absent : {"gone.service", "dev-sda.device", "tasks_max{", "refused"})
      EXPECT_EQ(page.find(absent), std::string::npos) << absent;
  }
  EXPECT_EQ(bus_.types_asked_, 2) << "types change with the state only";
}

TEST_F(SystemdTest, ABusThatDoesNotAnswerIsGivenUp) {
  bus_.hang_on_list_ = true;
  bus_.Serve(1);
  Make();
  Page();
  EXPECT_NE(error_.find("no answer in 4000 ms"), std::string::npos) << error_;
}

TEST_F(SystemdTest, NoBusIsAnErrorThatNamesIt) {
  Make("unix:path=/nonexistent/bus");
  Page();
  EXPECT_NE(error_.find("/nonexistent/bus: No such file"), std::string::npos) << error_;
  Make("tcp:host=1.2.3.4");
  Page();
  EXPECT_NE(error_.find("cannot use address"), std::string::npos) << error_;
}

TEST(DBus, EveryTruncationIsSafe) {
  const std::string whole = Answer(7, "a(ssssssouso)", Units());
  ASSERT_EQ(DBusMessageSize(whole).value(), whole.size());
  const DBusMessage message = ParseDBusMessage(whole).value();
  EXPECT_EQ(message.reply_to, 7u);
  EXPECT_EQ(message.signature, "a(ssssssouso)");
  EXPECT_EQ(message.body, Units());
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_FALSE(ParseDBusMessage(whole.substr(0, n)).has_value());
  const std::string body = Units();
  for (size_t n = 0; n < body.size(); ++n) {
    DBusReader reader(std::string_view(body).substr(0, n));
    const size_t end = reader.ArrayEnd(8);
    while (!reader.AtEnd(end)) reader.String();
  }
}

}  // namespace
}  // namespace slurmscope::agent
