#include <benchmark/benchmark.h>

#include <atomic>

#include "base/strings.h"
#include "http/client.h"
#include "http/server.h"

namespace slurmscope::http {
namespace {

// Client and server in one process on loopback: one scrape-like exchange, 64 at once.
void BM_Exchange(benchmark::State& state) {
  std::string page;
  while (page.size() < static_cast<size_t>(state.range(0))) {
    base::StrAppend(page, "node_cpu_seconds_total{cpu=\"", page.size(), "\",mode=\"idle\"} 1234\n");
  }
  ServerOptions options;
  options.listen_addresses = {"127.0.0.1:0"};
  auto server = Server::Start(options, [&](const Request&) { return Response::Text(200, page); });
  auto client = Client::Start({});
  if (!server || !client) return state.SkipWithError("cannot start");
  ClientRequest request;
  request.url = base::StrCat("http://127.0.0.1:", (*server)->port(), "/metrics");
  request.accept_gzip = state.range(1) != 0;
  std::atomic<int> running = 0;
  for (auto unused : state) {
    while (running.load() >= 64) running.wait(64);
    ++running;
    (*client)->Fetch(request, [&](Result<ClientResponse> r) {
      benchmark::DoNotOptimize(r);
      --running;
      running.notify_one();
    });
  }
  for (int left = running.load(); left > 0; left = running.load()) running.wait(left);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Exchange)->Args({64, 0})->Args({100'000, 0})->Args({100'000, 1})->UseRealTime();

}  // namespace
}  // namespace slurmscope::http
