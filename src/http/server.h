#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace slurmscope::http {

using base::Result;

// Name and value pairs in the order they came. Header names compare without case, parameter names
// exactly.
using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;      // upper case
  std::string path;        // percent-decoded, without the query
  std::string raw_target;  // as sent, for logs
  Pairs params;  // query string, then form fields of an application/x-www-form-urlencoded body
  Pairs headers;
  std::string body;            // empty when it was a form
  std::string remote_address;  // "127.0.0.1:4711"
  bool secure = false;         // came by TLS

  // First value, or empty. HasParam tells empty from absent.
  std::string_view Param(std::string_view name) const;
  std::vector<std::string_view> ParamAll(std::string_view name) const;
  bool HasParam(std::string_view name) const;
  std::string_view Header(std::string_view name) const;
  std::string_view Cookie(std::string_view name) const;

  // The handler runs on a thread that moves bytes: it answers within some ten microseconds, or says
  // Response::later. See ServerOptions::hurry.
  bool hurried = false;

  // True once the client has gone away (it closed its connection, or its half of it) or the server
  // stops; long handlers look now and then. Only to be called while the handler runs.
  std::function<bool()> canceled = [] { return false; };
};

class EventQueue;  // http/event_queue.h

struct Response {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";  // lives as long as the program
  Pairs headers;
  // Whether another Accept-Encoding may get other bytes: says so in Vary. Set by the server.
  bool varies_by_encoding = false;
  std::string body;
  // Given the memory of `body` when it is no longer needed, for the next one; may be empty. Called
  // on the thread that moves bytes.
  std::function<void(std::string body)> take_back;
  // Body outside the string, for embedded files; must live as long as the program. Used when `body`
  // is empty.
  std::string_view static_body;
  // What follows `body`, for an answer too large to be held as one text: appends the next piece to
  // `out`, false when it was the last one. Called on a worker thread, by one at a time, as the
  // client takes what was before; freed when all is sent or the client has gone.
  std::function<bool(std::string& out)> rest;
  // Instead of `rest`: what follows `body` comes when something happens. `body` must not be empty.
  std::shared_ptr<EventQueue> events;
  // To a hurried request: nothing was done, ask again on a worker.
  bool later = false;
  // The body is already gzip (content-encoding is set); otherwise the server compresses when asked
  // and worth it.
  bool gzipped = false;

  static Response Text(int status, std::string body);
  static Response Json(int status, std::string body);
  static Response Redirect(std::string location, int status = 302);
};

// Called on a worker thread; must be thread-safe. An exception becomes 500 and a log line.
using Handler = std::function<Response(const Request&)>;

// Maps method and path to handlers. Patterns: "/a/b" exactly, "/a/:name/b" with a parameter of one
// segment (added to Request::params under its name), "/a/*rest" for all below. Fixed segments win
// over parameters, those over "*". Not thread-safe while routes are added; Handle is.
class Router {
 public:
  // `methods` like "GET POST"; GET also answers HEAD.
  void Add(std::string_view methods, std::string pattern, Handler handler);
  // 404 for an unknown path, 405 with Allow for a known path with another method.
  Response Handle(const Request& request) const;
  // For metrics: the pattern that a request would be answered by, "" when none.
  std::string PatternOf(const Request& request) const;

 private:
  struct Route {
    std::vector<std::string> methods;
    std::string pattern;
    std::vector<std::string> segments;
    bool is_path = false;  // no parameters
    Handler handler;
  };
  std::vector<Route> routes_;
};

class Access;  // http/access.h

struct ServerOptions {
  // "host:port", ":port", "[::1]:0"; port 0 takes a free one. "localhost" listens on IPv4 and IPv6
  // where there.
  std::vector<std::string> listen_addresses;
  // Sockets that already listen, from systemd; closed with the server.
  std::vector<int> listen_sockets;
  // Of all listen addresses together; a further one pushes out the one that waits longest for a
  // request, and is refused when all are being answered. At most half of the files that the process
  // may open.
  size_t max_connections = 512;
  // Of one address (an IPv6 network of 64 bits counts as one); 0: half of the connections, and of
  // the requests that may wait, but no limit for this machine, where proxies are.
  size_t max_connections_per_client = 0;
  size_t max_requests_per_client = 0;   // under way; beyond: 429
  size_t max_header_bytes = 32 * 1024;  // with the request target
  size_t max_body_bytes = 32 * 1024 * 1024;
  size_t max_total_body_bytes = 512 * 1024 * 1024;  // of all requests under way; beyond: 503
  int idle_timeout_seconds = 300;  // also for a request that is not sent to its end
  size_t worker_threads = 8;
  size_t max_queued_requests = 512;  // beyond: 503 with Retry-After
  size_t min_gzip_bytes = 1024;
  // TLS, users and headers; null: plain HTTP for everyone.
  std::shared_ptr<Access> access;
  // "/a/b": all paths lie below it, and Request::path is without it. "/" leads there, others are
  // 404.
  std::string path_prefix;
  // Requests whose handler is called first on the thread that has read them, which saves two
  // wake-ups of threads where the answer is at hand. Not asked where users are checked.
  std::function<bool(const Request&)> hurry;
  bool check_users = true;  // false: only TLS and headers; the handler knows users of its own
};

// Figures for the program's own /metrics.
struct ServerStats {
  uint64_t requests = 0;
  uint64_t rejected = 0;     // by a limit
  uint64_t connections = 0;  // open now
};

// An HTTP/1.1 server: accepts and reads on its own threads, answers on worker threads. Start
// returns when the sockets listen; an address in use is an error that names it. Thread-safe.
class Server {
 public:
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, Handler handler);
  virtual ~Server() = default;  // stops

  // The address really bound for each listen address, e.g. "127.0.0.1:9090".
  virtual std::vector<std::string> addresses() const = 0;
  // The port of the first one.
  virtual int port() const = 0;
  virtual ServerStats stats() const = 0;
  // Stops accepting, lets running handlers finish (at most `grace_seconds`; they see
  // Request::canceled at once), answers 503 for those that have not, closes. The destructor also
  // waits for the handlers that are still running.
  virtual void Stop(int grace_seconds = 10) = 0;
};

}  // namespace slurmscope::http
