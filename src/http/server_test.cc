#include "http/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include "base/strings.h"
#include "http/client.h"
#include "http/gzip.h"
#include "http/socket_for_test.h"

namespace slurmscope::http {
namespace {

using base::StrCat;

bool WaitFor(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000 && !condition(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return condition();
}

ServerOptions Loopback() {
  ServerOptions options;
  options.listen_addresses = {"127.0.0.1:0"};
  options.worker_threads = 2;
  return options;
}

std::unique_ptr<Server> StartServer(ServerOptions options, Handler handler) {
  auto server = Server::Start(std::move(options), std::move(handler));
  EXPECT_TRUE(server) << server.error().message();
  return server ? *std::move(server) : nullptr;
}

// What the handler saw, as text.
Response Echo(const Request& r) {
  std::string out = StrCat(r.method, ' ', r.path, '\n');
  for (const auto& [name, value] : r.params)
    base::StrAppend(out, base::Quote(name), '=', base::Quote(value), '\n');
  base::StrAppend(out, "body ", r.body.size(), '\n');
  return Response::Text(200, std::move(out));
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() : client_(*Client::Start({})) {}
  Result<ClientResponse> Fetch(const Server& server, std::string target, std::string method = "GET",
                               std::string body = "", Pairs headers = {}) {
    ClientRequest request;
    request.url = StrCat("http://127.0.0.1:", server.port(), target);
    request.method = std::move(method);
    request.body = std::move(body);
    request.headers = std::move(headers);
    return client_->FetchAndWait(std::move(request));
  }
  std::unique_ptr<Client> client_;
};

// A connection keeps what it has of one request for the memory of the next.
TEST_F(ServerTest, ARequestSeesNothingOfTheOneBeforeIt) {
  auto server = StartServer(Loopback(), [](const Request& r) {
    std::string out =
        StrCat(r.method, ' ', r.path, " body=", r.body, " gone=", r.canceled() ? 1 : 0);
    for (const auto& [name, value] : r.params) base::StrAppend(out, ' ', name, '=', value);
    for (const auto& [name, value] : r.headers) base::StrAppend(out, ' ', name, ':', value);
    return Response::Text(r.path == "/a" ? 201 : 200, out + "!");
  });
  RawSocket socket(server->port());
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(
        socket.Send("POST /a?p=1&q=2 HTTP/1.1\r\nHost: x\r\nX-Secret: of the first request\r\n"
                    "Accept-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"));
    const std::string first = socket.ReadUntil("!");
    EXPECT_NE(first.find("POST /a body=hello gone=0 p=1 q=2 Host:x X-Secret:of the first request "
                         "Accept-Encoding:gzip Content-Length:5!"),
              std::string::npos)
        << first;
    ASSERT_TRUE(socket.Send("GET /b HTTP/1.1\r\nHost: longer than the one before\r\n\r\n"));
    const std::string second = socket.ReadUntil("!");
    EXPECT_TRUE(second.starts_with("HTTP/1.1 200 ")) << second;
    EXPECT_NE(second.find("GET /b body= gone=0 Host:longer than the one before!"),
              std::string::npos)
        << second;
  }
}

TEST_F(ServerTest, ReadsQueryThenForm) {
  auto server = StartServer(Loopback(), Echo);
  const Pairs form = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
  auto r =
      Fetch(*server, "/a%2Fb+c?match[]=x%00y&match%5B%5D=2&e", "POST", "match[]=3&q=a+b", form);
  ASSERT_TRUE(r) << r.error().message();
  EXPECT_EQ(r->body,
            "POST "
            "/a/"
            "b+c\n\"match[]\"=\"x\\x00y\"\n\"match[]\"=\"2\"\n\"e\"=\"\"\n\"match[]\"=\"3\"\n\"q\"="
            "\"a b\"\n"
            "body 0\n");
  EXPECT_EQ(Fetch(*server, "/?a=%zz")->status, 400);
  EXPECT_EQ(Fetch(*server, "/", "POST", "raw")->status, 200);
}

TEST_F(ServerTest, KeepsTheConnectionAndAnswersHead) {
  std::string seen;
  auto server = StartServer(Loopback(), [&](const Request& r) {
    seen += r.remote_address + ";";
    return Response::Text(200, "12345");
  });
  RawSocket socket(server->port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(socket.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_NE(socket.ReadUntil("12345").find("200 OK"), std::string::npos);
  }
  ASSERT_TRUE(socket.Send("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const std::string head = socket.ReadUntil("never there");
  EXPECT_NE(head.find("Content-Length: 5"), std::string::npos) << head;
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  const auto pieces = base::Split(seen, ';');
  ASSERT_EQ(pieces.size(), 5u);
  EXPECT_EQ(pieces[0], pieces[3]);
  EXPECT_EQ(server->stats().requests, 4u);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  auto server = StartServer(Loopback(), Echo);
  RawSocket socket(server->port());
  ASSERT_TRUE(
      socket.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: "
                  "x\r\nContent-Length: 3\r\n\r\nabc"
                  "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string out = socket.ReadUntil("GET /3\n");
  EXPECT_LT(out.find("GET /1"), out.find("POST /2\nbody 3"));
  EXPECT_LT(out.find("POST /2\nbody 3"), out.find("GET /3"));
}

TEST_F(ServerTest, CompressesWhenAskedAndWorthIt) {
  const std::string text(5000, 'x');
  auto server = StartServer(Loopback(), [&](const Request& r) {
    Response out = Response::Text(200, r.path == "/small" ? "x" : text);
    if (r.path == "/png") out.content_type = "image/png";
    return out;
  });
  auto r = Fetch(*server, "/");
  ASSERT_TRUE(r) << r.error().message();
  EXPECT_EQ(r->body, text);
  EXPECT_LT(r->wire_bytes, 500u);
  EXPECT_EQ(Fetch(*server, "/png")->wire_bytes, text.size());
  EXPECT_EQ(Fetch(*server, "/small")->wire_bytes, 1u);
  RawSocket socket(server->port());
  ASSERT_TRUE(socket.Send("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip;q=0\r\n\r\n"));
  EXPECT_NE(socket.ReadUntil(text).find(text), std::string::npos);
}

TEST_F(ServerTest, RefusesLongBodies) {
  ServerOptions options = Loopback();
  options.max_body_bytes = 1000;
  auto server = StartServer(std::move(options), Echo);
  EXPECT_EQ(Fetch(*server, "/", "POST", std::string(1000, 'x'))->status, 200);
  RawSocket announced(server->port());
  ASSERT_TRUE(announced.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"));
  EXPECT_NE(announced.ReadUntil("bytes\n").find(" 413 "), std::string::npos);
  RawSocket chunked(server->port());
  ASSERT_TRUE(
      chunked.Send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                   std::string(1001, 'x') + "\r\n0\r\n\r\n"));
  EXPECT_NE(chunked.ReadUntil("bytes\n").find(" 413 "), std::string::npos);
  EXPECT_EQ(server->stats().rejected, 2u);
}

TEST_F(ServerTest, RefusesLongHeadersAndOtherMethods) {
  ServerOptions options = Loopback();
  options.max_header_bytes = 2000;
  auto server = StartServer(std::move(options), Echo);
  EXPECT_EQ(Fetch(*server, "/", "GET", "", {{"X", std::string(1000, 'x')}})->status, 200);
  EXPECT_EQ(Fetch(*server, "/", "GET", "", {{"X", std::string(2500, 'x')}})->status, 431);
  const auto huge = Fetch(*server, "/", "GET", "", {{"X", std::string(90'000, 'x')}});
  EXPECT_TRUE(!huge || huge->status >= 400);
  const auto wrong = Fetch(*server, "/", "PATCH");
  ASSERT_TRUE(wrong) << wrong.error().message();
  EXPECT_EQ(wrong->status, 405);
}

TEST_F(ServerTest, ManyParametersAreTakenOrRefusedButAnswered) {
  auto server = StartServer(Loopback(), Echo);
  std::string many;
  for (int i = 0; i < 900; ++i) many += "a=1&";
  RawSocket taken(server->port());
  ASSERT_TRUE(taken.Send("GET /?" + many + " HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(taken.ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 200"));
  for (int i = 0; i < 6000; ++i) many += "a=1&";
  RawSocket refused(server->port());
  ASSERT_TRUE(refused.Send("GET /?" + many + " HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string refusal = refused.ReadUntil("parameters\n");
  EXPECT_TRUE(refusal.starts_with("HTTP/1.1 400")) << refusal;
}

// The library makes records of cookies and of headers, in memory that has an end: then it closes.
TEST_F(ServerTest, ManyCookiesAndHeadersAreAnsweredOrTheConnectionCloses) {
  auto server = StartServer(Loopback(), Echo);
  for (const std::string piece : {"a;", "a=b; ", ";", "a=\"b\";"}) {
    for (const size_t bytes : {1000u, 8000u, 14000u, 15500u, 40000u, 60000u, 100000u}) {
      SCOPED_TRACE(piece + " " + std::to_string(bytes));
      std::string cookies;
      while (cookies.size() < bytes) cookies += piece;
      RawSocket socket(server->port());
      ASSERT_TRUE(socket.Send("GET / HTTP/1.1\r\nHost: x\r\nCookie: " + cookies + "\r\n\r\n"));
      const std::string answer = socket.ReadUntil("\r\n\r\n");
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 ") || socket.closed());
    }
  }
  for (const size_t count : {100u, 500u, 1000u, 3000u, 10000u}) {
    SCOPED_TRACE(count);
    std::string headers;
    for (size_t i = 0; i < count; ++i) headers += "a:\r\n";
    RawSocket socket(server->port());
    ASSERT_TRUE(socket.Send("GET / HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n"));
    EXPECT_TRUE(socket.ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 "));
  }
  RawSocket after(server->port());
  ASSERT_TRUE(after.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(after.ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 200"));
}

TEST_F(ServerTest, RefusesHeadsThatCanBeReadInTwoWays) {
  auto server = StartServer(Loopback(), Echo);
  for (const std::string head :
       {"Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        "Host: x\r\nContent-Length: 5\r\nContent-Length: 0",
        "Host: x\r\nContent-Length: 5\r\ncontent-length: 5",
        "Host: x\r\nTransfer-Encoding: xchunked", "Host: x\r\nTransfer-Encoding: gzip, chunked",
        "Host: x\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Host: x\r\nTransfer-Encoding : chunked\r\nContent-Length: 5",
        "Host: x\r\nHost: y\r\nContent-Length: 5", "Host: x\r\nContent-Length: 5x",
        "Host: x\r\nContent-Length: +5", "Content-Length: 5"}) {
    RawSocket socket(server->port());
    ASSERT_TRUE(socket.Send(StrCat("POST /a HTTP/1.1\r\n", head,
                                   "\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")));
    const std::string answer = socket.ReadUntil("only the end of the connection ends this");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << head << "\n" << answer;
    EXPECT_EQ(answer.find("smuggled"), std::string::npos) << head << "\n" << answer;
    EXPECT_TRUE(socket.closed()) << head;
  }
  RawSocket good(server->port());
  ASSERT_TRUE(good.Send(
      "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
  EXPECT_NE(good.ReadUntil("body 3\n").find("200 OK"), std::string::npos);
}

TEST_F(ServerTest, LineBreaksInResponseHeadersAreNotSent) {
  auto server = StartServer(Loopback(), [](const Request&) {
    Response out = Response::Redirect("/a\r\nX-Injected: 1\r\n\r\n<html>");
    out.headers.emplace_back("Set-Cookie", "a=b\nX-Injected: 2");
    out.headers.emplace_back("X-Good", "yes");
    return out;
  });
  RawSocket socket(server->port());
  ASSERT_TRUE(socket.Send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const std::string answer = socket.ReadUntil("only the end of the connection ends this");
  EXPECT_EQ(answer.find("X-Injected"), std::string::npos) << answer;
  EXPECT_NE(answer.find("X-Good: yes"), std::string::npos) << answer;
}

TEST_F(ServerTest, LimitsConnections) {
  ServerOptions options = Loopback();
  options.max_connections = 2;
  auto server = StartServer(std::move(options), Echo);
  const std::string get = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
  RawSocket first(server->port());
  RawSocket second(server->port());
  for (RawSocket* socket : {&first, &second}) {
    ASSERT_TRUE(socket->Send(get));
    EXPECT_NE(socket->ReadUntil("GET /x").find("200"), std::string::npos);
  }
  // A further one takes the place of the one that waits longest.
  RawSocket third(server->port());
  ASSERT_TRUE(third.Send(get));
  EXPECT_NE(third.ReadUntil("GET /x").find("200"), std::string::npos);
  EXPECT_EQ(first.ReadUntil("GET /x"), "");
  ASSERT_TRUE(second.Send(get));
  EXPECT_NE(second.ReadUntil("GET /x").find("200"), std::string::npos);
  // Of those that never sent a request the oldest goes first.
  RawSocket silent(server->port());
  EXPECT_EQ(third.ReadUntil("x"), "") << "was idle for longest";
  RawSocket last(server->port());
  ASSERT_TRUE(last.Send(get));
  EXPECT_NE(last.ReadUntil("GET /x").find("200"), std::string::npos);
  EXPECT_EQ(silent.ReadUntil("x"), "");
  ASSERT_TRUE(second.Send(get));
  EXPECT_NE(second.ReadUntil("GET /x").find("200"), std::string::npos);
}

TEST_F(ServerTest, RefusesConnectionsWhenAllAreAnswered) {
  ServerOptions options = Loopback();
  options.max_connections = 1;
  std::atomic<bool> go_on = false;
  auto server = StartServer(std::move(options), [&](const Request& request) {
    while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return Echo(request);
  });
  RawSocket first(server->port());
  ASSERT_TRUE(first.Send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  RawSocket second(server->port());
  second.Send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(second.ReadUntil("GET /x"), "");
  go_on = true;
  EXPECT_NE(first.ReadUntil("GET /x").find("200"), std::string::npos);
}

TEST_F(ServerTest, LimitsAClientsRequestsAndConnections) {
  ServerOptions options = Loopback();
  options.max_connections_per_client = 3;
  options.max_requests_per_client = 1;
  std::atomic<bool> go_on = false;
  auto server = StartServer(std::move(options), [&](const Request& request) {
    while (!go_on && request.path == "/slow")
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return Echo(request);
  });
  RawSocket first(server->port());
  ASSERT_TRUE(first.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  RawSocket second(server->port());
  ASSERT_TRUE(second.Send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_NE(second.ReadUntil("under way").find("429"), std::string::npos);
  go_on = true;
  EXPECT_NE(first.ReadUntil("GET /slow").find("200"), std::string::npos);
  // The client has the first answer a moment before it is no longer under way.
  EXPECT_TRUE(WaitFor([&] {
    RawSocket third(server->port());
    return third.Send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n") &&
           third.ReadUntil("GET /x").find("200") != std::string::npos;
  }));
}

TEST_F(ServerTest, TakesThePrefixOffThePath) {
  ServerOptions options = Loopback();
  options.path_prefix = "/a/b";
  auto server = StartServer(std::move(options), Echo);
  const auto ask = [&](const std::string& path) {
    RawSocket socket(server->port());
    socket.Send("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return socket.ReadUntil("\nnever");
  };
  EXPECT_NE(ask("/a/b/c?d=e").find("GET /c\n"), std::string::npos);
  EXPECT_NE(ask("/a/b").find("GET /\n"), std::string::npos);
  EXPECT_NE(ask("/").find("Location: /a/b"), std::string::npos);
  for (const char* path : {"/a/bc", "/a", "/c"})
    EXPECT_NE(ask(path).find("404"), std::string::npos) << path;
}

TEST_F(ServerTest, AnswersAtOnceWhereTheHandlerCan) {
  std::mutex mutex;
  std::vector<std::string> calls;
  ServerOptions options = Loopback();
  options.path_prefix = "/p";
  options.hurry = [](const Request& r) { return r.path.ends_with("/quick"); };
  auto server = StartServer(std::move(options), [&](const Request& r) {
    const std::lock_guard lock(mutex);
    calls.push_back(StrCat(r.hurried ? "hurried " : "", r.path, " ", r.Param("a")));
    Response response = Response::Text(200, "answer");
    response.later = r.hurried && r.Param("a") == "long";
    if (r.Param("a") == "rest") {
      response.rest = [left = 3](std::string& out) mutable {
        out += "+";
        return --left > 0;
      };
    }
    return response;
  });
  EXPECT_EQ(Fetch(*server, "/p/quick?a=1")->body, "answer");
  EXPECT_EQ(Fetch(*server, "/p/quick?a=long")->body, "answer");
  EXPECT_EQ(Fetch(*server, "/p/quick?a=rest")->body, "answer+++");
  EXPECT_EQ(Fetch(*server, "/p/slow?a=2")->body, "answer");
  EXPECT_EQ(calls, (std::vector<std::string>{"hurried /quick 1", "hurried /quick long",
                                             "/quick long", "hurried /quick rest", "/slow 2"}));
  RawSocket socket(server->port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(socket.Send("GET /p/quick HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_NE(socket.ReadUntil("answer").find("200 OK"), std::string::npos);
  }
}

TEST_F(ServerTest, ClosesIdleAndDrippingClients) {
  ServerOptions options = Loopback();
  options.idle_timeout_seconds = 1;
  auto server = StartServer(std::move(options), Echo);
  RawSocket idle(server->port());
  RawSocket dripping(server->port());
  const auto start = std::chrono::steady_clock::now();
  std::string text = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
  size_t sent = 0;
  while (!dripping.closed() && std::chrono::steady_clock::now() - start < std::chrono::seconds(8)) {
    if (!dripping.Send(sent < text.size() ? text.substr(sent++, 1) : "x")) break;
    dripping.ReadUntil("never", 50);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8));
  idle.ReadUntil("never");
  EXPECT_TRUE(idle.closed());
}

// A handler that waits until it is told to go on.
class Gate {
 public:
  Response Handle(const Request& r) {
    ++inside_;
    while (!open_ && !(obey_cancel_ && r.canceled()))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (r.canceled()) ++canceled_;
    return Response::Text(200, "through the gate\n");
  }
  std::atomic<bool> open_ = false;
  std::atomic<bool> obey_cancel_ = false;
  std::atomic<int> inside_ = 0;
  std::atomic<int> canceled_ = 0;
};

TEST_F(ServerTest, SaysBusyWhenTheQueueIsFull) {
  Gate gate;
  ServerOptions options = Loopback();
  options.worker_threads = 1;
  options.max_queued_requests = 1;
  options.max_connections =
      10;  // one I/O thread: requests are queued in the order they are counted
  auto server = StartServer(std::move(options), [&](const Request& r) { return gate.Handle(r); });
  const std::string get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  RawSocket running(server->port());
  ASSERT_TRUE(running.Send(get));
  ASSERT_TRUE(WaitFor([&] { return gate.inside_ == 1; }));
  RawSocket queued(server->port());
  ASSERT_TRUE(queued.Send(get));
  ASSERT_TRUE(WaitFor([&] { return server->stats().requests == 2; }));
  RawSocket refused(server->port());
  ASSERT_TRUE(refused.Send(get));
  const std::string answer = refused.ReadUntil("again\n");
  EXPECT_NE(answer.find(" 503 "), std::string::npos) << answer;
  EXPECT_NE(answer.find("Retry-After: 1"), std::string::npos);
  gate.open_ = true;
  EXPECT_NE(running.ReadUntil("gate\n").find("200"), std::string::npos);
  EXPECT_NE(queued.ReadUntil("gate\n").find("200"), std::string::npos);
}

TEST_F(ServerTest, SlowHandlersDoNotBlockOthers) {
  Gate gate;
  auto server = StartServer(
      Loopback(), [&](const Request& r) { return r.path == "/slow" ? gate.Handle(r) : Echo(r); });
  RawSocket slow(server->port());
  ASSERT_TRUE(slow.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(WaitFor([&] { return gate.inside_ == 1; }));
  EXPECT_EQ(Fetch(*server, "/")->status, 200);
  gate.open_ = true;
  EXPECT_NE(slow.ReadUntil("gate\n").find("200"), std::string::npos);
}

TEST_F(ServerTest, TellsHandlersThatTheClientIsGone) {
  Gate gate;
  gate.obey_cancel_ = true;
  auto server = StartServer(Loopback(), [&](const Request& r) { return gate.Handle(r); });
  RawSocket socket(server->port());
  ASSERT_TRUE(socket.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(WaitFor([&] { return gate.inside_ == 1; }));
  EXPECT_EQ(gate.canceled_, 0);
  socket.Close();
  EXPECT_TRUE(WaitFor([&] { return gate.canceled_ == 1; }));
}

TEST_F(ServerTest, StopLetsRunningHandlersFinish) {
  Gate gate;
  auto server = StartServer(Loopback(), [&](const Request& r) { return gate.Handle(r); });
  RawSocket socket(server->port());
  ASSERT_TRUE(socket.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(WaitFor([&] { return gate.inside_ == 1; }));
  auto stopped = std::async(std::launch::async, [&] { server->Stop(30); });
  ASSERT_TRUE(WaitFor([&] { return !RawSocket(server->port()).connected(); }));
  gate.open_ = true;
  EXPECT_NE(socket.ReadUntil("gate\n").find("200"), std::string::npos);
  stopped.get();
  EXPECT_EQ(gate.canceled_, 1);
}

TEST_F(ServerTest, StopGivesUpAfterTheGrace) {
  Gate gate;
  auto server = StartServer(Loopback(), [&](const Request& r) { return gate.Handle(r); });
  RawSocket socket(server->port());
  ASSERT_TRUE(socket.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(WaitFor([&] { return gate.inside_ == 1; }));
  server->Stop(0);
  EXPECT_NE(socket.ReadUntil("stopping\n").find(" 503 "), std::string::npos);
  gate.open_ = true;
}

TEST_F(ServerTest, ExceptionsBecome500) {
  auto server = StartServer(Loopback(), [](const Request&) -> Response {
    throw std::runtime_error("expected in a test");
  });
  EXPECT_EQ(Fetch(*server, "/")->status, 500);
}

TEST_F(ServerTest, ServesSeveralAddressesAndStaticBodies) {
  ServerOptions options = Loopback();
  options.listen_addresses = {"127.0.0.1:0", "localhost:0"};
  auto server = StartServer(std::move(options), [](const Request&) {
    Response out;
    out.static_body = "embedded";
    return out;
  });
  ASSERT_EQ(server->addresses().size(), 2u);
  for (const std::string& address : server->addresses()) {
    ClientRequest request;
    request.url = "http://" + address + "/";
    const auto r = client_->FetchAndWait(std::move(request));
    ASSERT_TRUE(r) << r.error().message();
    EXPECT_EQ(r->body, "embedded");
  }
}

TEST_F(ServerTest, ManyAtOnceThenStopInTheMiddle) {
  ServerOptions options = Loopback();
  options.max_queued_requests = 10'000;
  auto server = StartServer(std::move(options), Echo);
  std::atomic<int> ok = 0;
  std::atomic<int> ended = 0;
  constexpr int kRequests = 2000;
  const auto send = [&](int i) {
    ClientRequest request;
    request.url = StrCat("http://127.0.0.1:", server->port(), "/", i);
    client_->Fetch(std::move(request), [&ok, &ended, i](Result<ClientResponse> r) {
      if (r && r->body == StrCat("GET /", i, "\nbody 0\n")) ++ok;
      ++ended;
    });
  };
  client_ = *Client::Start({.user_agent = "test", .max_connections = 50});
  for (int i = 0; i < kRequests; ++i) send(i);
  ASSERT_TRUE(WaitFor([&] { return ended == kRequests; }));
  EXPECT_EQ(ok, kRequests);
  for (int i = 0; i < kRequests; ++i) send(i);
  ASSERT_TRUE(WaitFor([&] { return ended > kRequests + 100; }));
  server->Stop(5);
  ASSERT_TRUE(WaitFor([&] { return ended == 2 * kRequests; }));
}

}  // namespace
}  // namespace slurmscope::http
