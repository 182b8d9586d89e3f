#include "base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace slurmscope::base {
namespace {

using std::string_view_literals::operator""sv;

std::string Varint(int64_t value) {
  std::string out;
  PutVarint(out, value);
  return out;
}
std::string Uvarint(uint64_t value) {
  std::string out;
  PutUvarint(out, value);
  return out;
}

TEST(Bytes, FixedIntegersAreBigEndian) {
  std::string out;
  PutU16Be(out, 0x0102);
  PutU32Be(out, 0x03040506);
  PutU64Be(out, 0xF708090A0B0C0D0Eu);
  EXPECT_EQ(out, "\x01\x02\x03\x04\x05\x06\xF7\x08\x09\x0A\x0B\x0C\x0D\x0E"sv);
  ByteReader reader(out);
  EXPECT_EQ(reader.U8(), 1);
  EXPECT_EQ(reader.U8(), 2);
  EXPECT_EQ(reader.U32Be(), 0x03040506u);
  EXPECT_EQ(reader.U64Be(), 0xF708090A0B0C0D0Eu);
  EXPECT_TRUE(reader.ok() && reader.empty());
  EXPECT_EQ(reader.U16Be(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(Bytes, VarintsAreGos) {
  EXPECT_EQ(Uvarint(0), "\0"sv);
  EXPECT_EQ(Uvarint(127), "\x7F");
  EXPECT_EQ(Uvarint(128), "\x80\x01");
  EXPECT_EQ(Uvarint(300), "\xAC\x02");
  EXPECT_EQ(Uvarint(~uint64_t{0}), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
  EXPECT_EQ(Varint(-1), "\x01");
  EXPECT_EQ(Varint(1), "\x02");
  EXPECT_EQ(Varint(-64), "\x7F");
  for (int64_t value : {int64_t{0}, int64_t{63}, int64_t{64}, int64_t{-65},
                        std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    std::string text = Varint(value);
    ByteReader reader(text);
    EXPECT_EQ(reader.Varint(), value);
    EXPECT_TRUE(reader.ok() && reader.empty());
  }
}

TEST(Bytes, ABadReadSticks) {
  for (std::string_view bad : {""sv, "\x80"sv, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"sv,
                               "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"sv}) {
    ByteReader reader(bad);
    EXPECT_EQ(reader.Uvarint(), 0u);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.U8(), 0);
  }
  ByteReader reader(
      "\x05"
      "abc");
  EXPECT_EQ(reader.UvarintString(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(Bytes, Strings) {
  std::string out;
  PutUvarintString(out, "abc");
  PutUvarintString(out, "");
  ByteReader reader(out);
  EXPECT_EQ(reader.UvarintString(), "abc");
  EXPECT_EQ(reader.UvarintString(), "");
  EXPECT_TRUE(reader.ok() && reader.empty());
}

TEST(Bytes, Crc32cKnownValues) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720 B.4
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
}

TEST(Bytes, Crc32cContinues) {
  std::string text = "The quick brown fox jumps over the lazy dog";
  for (size_t i = 0; i <= text.size(); ++i) {
    EXPECT_EQ(Crc32c(text.substr(i), Crc32c(text.substr(0, i))), Crc32c(text));
  }
}

// Long ones are taken in parts side by side.
TEST(Bytes, Crc32cOfAnyLength) {
  std::string text;
  uint32_t by_bytes = 0;
  for (size_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(Crc32c(text), by_bytes) << i;
    text += static_cast<char>((i * 2654435761u) >> 13);
    by_bytes = Crc32c(text.substr(i), by_bytes);
  }
  for (size_t i = 0; i < text.size(); i += 7)
    ASSERT_EQ(Crc32c(text.substr(i), Crc32c(text.substr(0, i))), by_bytes) << i;
}

TEST(Bytes, Hash64KnownValues) {
  EXPECT_EQ(Hash64(""), 0xEF46DB3751D8E999u);
  EXPECT_EQ(Hash64("a"), 0xD24EC4F1A98C6E5Bu);
}

}  // namespace
}  // namespace slurmscope::base
