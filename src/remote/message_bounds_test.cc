// What a few bytes of a message may become in memory.
#include <gtest/gtest.h>

#include "base/protobuf.h"
#include "remote/read_message.h"
#include "remote/write_message.h"

namespace slurmscope::remote {
namespace {

using base::ProtoWriter;

// Of two bytes each.
std::string Many(const std::string& two_bytes, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += two_bytes;
  return out;
}

std::string SeriesOf(protozero::pbf_tag_type tag, const std::string& content) {
  std::string out;
  ProtoWriter(out).add_message(tag, content);
  return out;
}

TEST(MessageBounds, OfWhatAFewBytesBecome) {
  auto ignore = [](WriteSeries&) {};
  const std::string empty_label("\x0a\0", 2);
  const std::string empty_sample("\x12\0", 2);
  EXPECT_TRUE(DecodeWriteV1(SeriesOf(1, Many(empty_label, kMaxWriteLabels)), ignore));
  EXPECT_FALSE(DecodeWriteV1(SeriesOf(1, Many(empty_label, kMaxWriteLabels + 1)), ignore));
  EXPECT_TRUE(DecodeWriteV1(SeriesOf(1, Many(empty_sample, kMaxWriteItems)), ignore));
  EXPECT_FALSE(DecodeWriteV1(SeriesOf(1, Many(empty_sample, kMaxWriteItems + 2)), ignore));
  const std::string symbols = Many(std::string("\x22\0", 2), kMaxWriteItems);
  EXPECT_TRUE(DecodeWriteV2(symbols, ignore));
  EXPECT_FALSE(DecodeWriteV2(symbols + std::string("\x22\0", 2), ignore));
  const std::string references = SeriesOf(1, std::string(2 * kMaxWriteLabels + 2, '\0'));
  auto many = DecodeWriteV2(SeriesOf(5, references) + symbols, ignore);
  ASSERT_FALSE(many);
  EXPECT_NE(many.error().message().find("labels"), std::string::npos);
  EXPECT_TRUE(DecodeReadRequest(Many(empty_label, kMaxReadItems)));
  EXPECT_FALSE(DecodeReadRequest(Many(empty_label, kMaxReadItems + 1)));
}

}  // namespace
}  // namespace slurmscope::remote
