#include "http/response_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace slurmscope::http {
namespace {

using State = ResponseReader::State;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\n";

State Feed(ResponseReader& reader, std::string_view bytes, size_t piece) {
  State state = State::kMore;
  while (!bytes.empty() && state == State::kMore) {
    const auto room = reader.room();
    const size_t size = std::min({piece, room.size, bytes.size()});
    std::memcpy(room.data, bytes.data(), size);
    bytes.remove_prefix(size);
    state = reader.Received(size);
  }
  return state;
}

// The body, or the name of the state.
std::string Read(std::string_view bytes, uint64_t max_body = 1000) {
  std::string first;
  for (size_t piece : {size_t{1}, size_t{3}, size_t{1000}, bytes.size()}) {
    ResponseReader reader;
    reader.Begin("left over", max_body, 0);
    const State state = Feed(reader, bytes, std::max<size_t>(piece, 1));
    std::string outcome = state == State::kMore     ? "more"
                          : state == State::kOdd    ? "odd"
                          : state == State::kTooBig ? "too big"
                                                    : "done " + reader.TakeBody();
    if (piece == 1) first = outcome;
    EXPECT_EQ(outcome, first) << "in pieces of " << piece;
  }
  return first;
}

std::string Response(std::string_view rest) { return base::StrCat(kOk, rest); }

TEST(ResponseReader, ReadsALength) {
  EXPECT_EQ(Read(Response("Content-Length: 5\r\n\r\nhello")), "done hello");
  EXPECT_EQ(Read(Response("content-length:0\r\nA: b\r\n\r\n")), "done ");
  EXPECT_EQ(Read(Response("Content-Length: 5\r\n\r\nhell")), "more");
  EXPECT_EQ(Read(Response("Content-Length: 5\r\n\r")), "more");
  EXPECT_EQ(Read(Response("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello")), "done hello");
  EXPECT_EQ(Read("HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno"), "done no");
}

TEST(ResponseReader, JoinsChunks) {
  const std::string chunked = Response("Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(Read(chunked + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"), "done hello world");
  EXPECT_EQ(Read(chunked + "0\r\nTrailer: x\r\nOther: y\r\n\r\n"), "done ");
  EXPECT_EQ(Read(chunked + "A\r\n0123456789\r\n0\r\n"), "more");
  EXPECT_EQ(Read(chunked + "5\r\nhello!\r\n0\r\n\r\n"), "odd");
  EXPECT_EQ(Read(chunked + "-5\r\nhello\r\n0\r\n\r\n"), "odd");
  EXPECT_EQ(Read(chunked + "\r\n"), "odd");
  EXPECT_EQ(Read(chunked + "ffffffffffffffffff\r\n"), "odd");
  EXPECT_EQ(Read(chunked + std::string(5000, '0')), "odd");
}

TEST(ResponseReader, JoinsManyChunksInABuffer) {
  std::string bytes = Response("Transfer-Encoding: chunked\r\n\r\n");
  std::string body;
  for (int i = 0; i < 300; ++i) {
    const std::string piece(static_cast<size_t>(i), static_cast<char>('a' + i % 26));
    if (piece.empty()) continue;
    char size[16];
    snprintf(size, sizeof size, "%x", i);
    bytes += base::StrCat(size, "\r\n", piece, "\r\n");
    body += piece;
  }
  EXPECT_EQ(Read(bytes + "0\r\n\r\n", 100'000), "done " + body);
}

TEST(ResponseReader, BoundsTheBody) {
  EXPECT_EQ(Read(Response("Content-Length: 5\r\n\r\nhello"), 5), "done hello");
  EXPECT_EQ(Read(Response("Content-Length: 5\r\n\r\nhello"), 4), "too big");
  EXPECT_EQ(Read(Response("Content-Length: 18446744073709551615\r\n\r\n")), "too big");
  const std::string chunked = Response("Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(Read(chunked + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 5), "done abcde");
  EXPECT_EQ(Read(chunked + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 4), "too big");
  EXPECT_EQ(Read(chunked + "ffffffffffffffff\r\n"), "too big");
}

TEST(ResponseReader, LeavesTheUnusualToOthers) {
  for (std::string_view head :
       {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 204 None\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n", "hello\r\n\r\n", "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 1\r\n\r\n"}) {
    EXPECT_EQ(Read(head), "odd") << head;
  }
  EXPECT_EQ(Read(std::string(ResponseReader::kMaxHeadBytes + 1, 'x')), "odd");
}

TEST(ResponseReader, KnowsWhetherTheConnectionLives) {
  const auto keeps = [](std::string_view rest) {
    ResponseReader reader;
    reader.Begin({}, 1000, 0);
    EXPECT_EQ(Feed(reader, Response(rest), 1000), State::kDone) << rest;
    return reader.keeps();
  };
  EXPECT_TRUE(keeps("Content-Length: 1\r\n\r\nx"));
  EXPECT_TRUE(keeps("Content-Length: 1\r\nConnection: Keep-Alive\r\n\r\nx"));
  EXPECT_FALSE(keeps("Content-Length: 1\r\nConnection: close\r\n\r\nx"));
  EXPECT_FALSE(keeps("Content-Length: 1\r\n\r\nxy"));
  EXPECT_FALSE(keeps("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx"));
}

}  // namespace
}  // namespace slurmscope::http
