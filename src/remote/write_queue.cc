#include "remote/write_queue.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "remote/log_feed.h"
#include "remote/position_file.h"
#include "remote/shard_count.h"
#include "remote/write_requests.h"
#include "remote/write_shards.h"

namespace slurmscope::remote {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
// How often the log is looked at when it had nothing new.
constexpr int64_t kPollNs = 100 * kMs;
// The position is stored at most so often.
constexpr int64_t kStorePauseNs = 100 * kMs;
// Batches read before requests are looked at again.
constexpr int kBatchesInTurn = 64;

std::optional<PositionFile> OpenPosition(const std::string& path) {
  auto file = PositionFile::Open(path);
  if (file) return *std::move(file);
  base::LogError("cannot keep up to where samples are sent: a restart would send some not at all",
                 {{"error", file.error()}});
  return std::nullopt;
}

std::unique_ptr<model::SampleLog> FollowFrom(const std::optional<PositionFile>& file,
                                             const OpenLog& open) {
  return open(file ? file->position() : std::nullopt);
}

}  // namespace

struct WriteQueue::State {
  State(config::RemoteWriteConfig c, std::map<std::string, std::string> external_labels,
        const std::string& position_path, WriteSources s, http::Client& client,
        const base::Clock& k, int64_t tick)
      : config(std::move(c)),
        sources(std::move(s)),
        clock(k),
        tick_ns(tick * kMs),
        position(OpenPosition(position_path)),
        log(FollowFrom(position, sources.open_log)),
        requests(config, client, clock),
        shards(config, requests, clock, log->opened_at(), &live),
        feed(config, std::move(external_labels), *log, clock, shards, &live),
        metadata(config, requests, clock, &live),
        next_tick_ns(clock.SteadyNs() + tick_ns) {
    live.name = config.name;
    live.url = http::RedactedUrl(config.url);
    live.shards_min = config.queue.min_shards;
    live.shards_max = config.queue.max_shards;
    live.shard_capacity = config.queue.capacity;
    live.max_samples_per_send = config.queue.max_samples_per_send;
    live.shards_desired = static_cast<double>(shards.size());
    // A new queue begins here, even when it is killed before it has sent anything.
    if (position && !position->position()) Store(log->opened_at());
    Publish();
    thread = std::thread([this] { Run(); });
  }

  void Run();
  bool Turn();
  void TakeAnswers();
  void SendMetadata();
  void Tick();
  void StorePosition(bool now);
  void Store(const model::LogPosition& at);
  bool IsFinished(bool caught_up) const;
  void WaitForWork(bool more_to_read);
  void Publish();

  const config::RemoteWriteConfig config;
  const WriteSources sources;
  const base::Clock& clock;
  const int64_t tick_ns;

  // Of the thread:
  std::optional<PositionFile> position;
  std::optional<model::LogPosition> to_store;
  int64_t stored_ns = 0;
  const std::unique_ptr<model::SampleLog> log;
  WriteStats live;
  WriteRequests requests;
  WriteShards shards;
  LogFeed feed;
  MetadataSender metadata;
  int64_t next_tick_ns;
  int64_t next_families_ns = 0;
  uint64_t read_at_tick = 0;

  std::atomic<bool> stopping = false;
  std::atomic<bool> flushing = false;
  std::atomic<int64_t> deadline_ns = kNever;

  mutable std::mutex mutex;
  WriteStats published;
  std::thread thread;
};

void WriteQueue::State::TakeAnswers() {
  for (const WriteRequests::Done& done : requests.Take()) {
    if (done.id == MetadataSender::kId) {
      metadata.TakeAnswer(done);
    } else {
      shards.TakeAnswer(done);
    }
  }
}

// By 1.0 in messages of its own; by 2.0 it goes with the series.
void WriteQueue::State::SendMetadata() {
  if (stopping || !sources.families) return;
  if (shards.version() == WriteVersion::kV1) {
    if (config.metadata.send) metadata.Start(sources.families);
    return;
  }
  if (clock.SteadyNs() < next_families_ns) return;
  next_families_ns = clock.SteadyNs() + tick_ns;
  Families families;
  for (FamilyMetadata& family : sources.families())
    families.emplace(std::move(family.family), std::move(family.metadata));
  feed.SetFamilies(std::move(families));
}

void WriteQueue::State::Tick() {
  int64_t now_ns = clock.SteadyNs();
  if (now_ns < next_tick_ns) return;
  ShardLoad load;
  load.seconds = static_cast<double>(now_ns - next_tick_ns + tick_ns) / 1e9;
  next_tick_ns = now_ns + tick_ns;
  WriteShards::Work work = shards.TakeWork();
  load.samples_in = static_cast<double>(feed.read() - read_at_tick);
  read_at_tick = feed.read();
  load.samples_sent = work.samples;
  load.request_seconds = work.seconds;
  load.pending = static_cast<double>(shards.waiting()) + feed.SamplesBehind();
  double desired = DesiredShards(load);
  if (desired <= 0) return;
  live.shards_desired = desired;
  size_t next =
      NextShardCount(desired, shards.size(), config.queue.min_shards, config.queue.max_shards);
  if (next != shards.size()) {
    base::LogInfo("the number of shards of remote write changes",
                  {{"remote_name", config.name}, {"from", shards.size()}, {"to", next}});
  }
  shards.Resize(next);
}

void WriteQueue::State::Store(const model::LogPosition& at) {
  auto stored = position->Store(at);
  if (stored) return;
  base::LogError("cannot keep up to where samples are sent",
                 {{"remote_name", config.name}, {"error", stored.error()}});
}

void WriteQueue::State::StorePosition(bool now) {
  if (auto moved = shards.TakeAcknowledged()) to_store = moved;
  if (!position || !to_store) return;
  int64_t now_ns = clock.SteadyNs();
  if (!now && now_ns < stored_ns + kStorePauseNs) return;
  stored_ns = now_ns;
  Store(*to_store);
  to_store.reset();
}

bool WriteQueue::State::IsFinished(bool caught_up) const {
  if (!stopping) return false;
  if (clock.SteadyNs() >= deadline_ns) return true;
  if (shards.in_air()) return false;
  return !flushing || shards.failing() || (caught_up && shards.empty());
}

void WriteQueue::State::WaitForWork(bool more_to_read) {
  int64_t until = clock.SteadyNs() + kPollNs;
  if (more_to_read) return;
  if (!stopping || flushing) until = std::min(until, shards.next_due_ns(flushing));
  requests.Wait(until);
}

// False when it is over.
bool WriteQueue::State::Turn() {
  TakeAnswers();
  bool reading = !stopping || flushing;
  bool caught_up = false;
  bool more = false;
  for (int i = 0; reading && i < kBatchesInTurn; ++i) {
    LogFeed::Progress progress = feed.Read();
    caught_up = progress == LogFeed::Progress::kNothingNew;
    more = progress == LogFeed::Progress::kRead;
    if (!more) break;
  }
  if (reading) shards.Start(flushing);
  SendMetadata();
  StorePosition(false);
  Tick();
  Publish();
  if (IsFinished(caught_up)) return false;
  WaitForWork(more);
  return true;
}

void WriteQueue::State::Run() {
  while (Turn()) continue;
  TakeAnswers();
  StorePosition(true);
  Publish();
}

void WriteQueue::State::Publish() {
  live.shards = shards.size();
  live.v1 = shards.version() == WriteVersion::kV1;
  const std::lock_guard lock(mutex);
  published = live;
}

WriteQueue::WriteQueue(config::RemoteWriteConfig config,
                       std::map<std::string, std::string> external_labels,
                       std::string position_file, WriteSources sources, http::Client& client,
                       const base::Clock& clock, int64_t tick_ms)
    : state_(std::make_unique<State>(std::move(config), std::move(external_labels), position_file,
                                     std::move(sources), client, clock, tick_ms)) {}

WriteQueue::~WriteQueue() { Stop(HowToStop::kAtOnce, 0); }

void WriteQueue::BeginStop(HowToStop how, int64_t at_most_ms) {
  state_->deadline_ns = state_->clock.SteadyNs() + at_most_ms * kMs;
  state_->flushing = how == HowToStop::kFlush;
  state_->stopping = true;
  state_->requests.Wake();
}

void WriteQueue::Stop(HowToStop how, int64_t at_most_ms) {
  if (!state_->thread.joinable()) return;
  BeginStop(how, at_most_ms);
  state_->thread.join();
}

const config::RemoteWriteConfig& WriteQueue::config() const { return state_->config; }

WriteStats WriteQueue::stats() const {
  const std::lock_guard lock(state_->mutex);
  return state_->published;
}

}  // namespace slurmscope::remote
