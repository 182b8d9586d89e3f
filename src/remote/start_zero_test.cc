#include "remote/start_zero.h"

#include <gtest/gtest.h>

#include "base/protobuf.h"
#include "remote/snappy_block.h"
#include "remote/write_receiver.h"
#include "tsdb/test_support.h"

namespace slurmscope::remote {
namespace {

using base::ProtoWriter;

constexpr int64_t kStart = 1'700'000'000'000;

TEST(StartZero, StartTimesOf20BecomeZerosWhenAskedTo) {
  tsdb::TestDirectory directory;
  auto db = tsdb::OpenDb(directory.path() + "/data");
  base::FakeClock clock(kStart + 60'000);
  for (bool wanted : {false, true}) {
    const std::string name = wanted ? "with" : "without";
    std::string body;
    {
      ProtoWriter request(body);
      for (const std::string& symbol : {std::string(), std::string("__name__"), name})
        request.add_string(4, symbol);
      ProtoWriter series(request, 5);
      std::vector<uint32_t> labels = {1, 2};
      series.add_packed_uint32(1, labels.begin(), labels.end());
      for (int64_t t : {10'000, 20'000, 30'000}) {
        ProtoWriter sample(series, 2);
        sample.add_double(1, static_cast<double>(t));
        sample.add_int64(2, kStart + t);
        if (t == 30'000) sample.add_int64(3, kStart + 25'000);
      }
      series.add_int64(6, kStart + 5'000);
    }
    WriteReceiver receiver(*db, clock, {true, true, wanted});
    http::Request request;
    request.headers = {
        {"Content-Encoding", "snappy"},
        {"Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"}};
    request.body = SnappyEncode(body);
    const http::Response response = receiver.Handle(request);
    EXPECT_EQ(response.status, 204) << response.body;
    auto querier = std::move(db->NewQuerier(0, kStart * 2)).value();
    model::SelectHints hints;
    hints.end = kStart * 2;
    auto set = std::move(querier->Select(
                             true, hints,
                             {*model::Matcher::Make(model::MatchType::kEqual, "__name__", name)}))
                   .value();
    ASSERT_EQ(set->size(), 1u);
    model::Columns columns;
    ASSERT_TRUE(set->Decode(0, 0, kStart * 2, &columns));
    std::vector<int64_t> times;
    for (int64_t t : columns.t) times.push_back(t - kStart);
    using Times = std::vector<int64_t>;
    EXPECT_EQ(times, wanted ? Times({5'000, 10'000, 20'000, 25'000, 30'000})
                            : Times({10'000, 20'000, 30'000}));
  }
}

}  // namespace
}  // namespace slurmscope::remote
