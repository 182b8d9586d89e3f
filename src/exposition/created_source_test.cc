// testdata/python_client.om was written by prometheus_client 0.26 for Python.
#include "exposition/created_source.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/strings.h"
#include "exposition/nhcb_source.h"

namespace slurmscope::exposition {
namespace {

using base::StrCat;

// "series value @start" of each sample, or the line of what is none; then what went wrong.
std::string Read(const ItemReader::Source& source) {
  ItemReader reader(source);
  std::string out;
  while (true) {
    Result<Entry> entry = reader.Next();
    if (!entry) return StrCat(out, "error: ", entry.error().message());
    if (entry->kind == Entry::Kind::kEnd) return out;
    const Item& item = *reader.item();
    if (entry->kind != Entry::Kind::kSample) {
      base::StrAppend(out, entry->raw, "\n");
      continue;
    }
    base::StrAppend(out, entry->series, item.histogram ? " histogram" : "");
    if (item.created_ms != 0) base::StrAppend(out, " @", item.created_ms);
    if (!item.exemplars.empty()) base::StrAppend(out, " #", item.exemplars.size());
    out += '\n';
  }
}

std::string ReadBody(std::string_view body) { return Read(CreatedOfOpenMetrics(body)); }

std::string PythonPage() {
  return base::ReadFile(StrCat(SLURMSCOPE_ROOM_DIR, "/testdata/python_client.om")).value();
}

TEST(CreatedSource, ABodyOfPythonsClient) {
  EXPECT_EQ(ReadBody(PythonPage()), R"(# HELP jobs Jobs by state.
# TYPE jobs counter
jobs_total{state="done"} @1795978706391
jobs_total{state="failed, \"oops\""} @1795978706402 #1
# HELP latency_seconds How long.
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1",path="/"} @1795978706402
latency_seconds_bucket{le="1.0",path="/"} @1795978706402
latency_seconds_bucket{le="+Inf",path="/"} @1795978706402
latency_seconds_count{path="/"} @1795978706402
latency_seconds_sum{path="/"} @1795978706402
# HELP size_bytes Sizes.
# TYPE size_bytes summary
# UNIT size_bytes bytes
size_bytes_count @1795978706402
size_bytes_sum @1795978706402
# HELP file_created A gauge that is called so.
# TYPE file_created gauge
file_created
# HELP build Build.
# TYPE build info
build_info{version="1"}
)");
}

TEST(CreatedSource, HistogramsMadeOfBucketsHaveIt) {
  const std::string page = PythonPage();
  const std::string read = Read(NhcbOfItems(CreatedOfOpenMetrics(page), false));
  EXPECT_NE(read.find(R"({"latency_seconds","path"="/"} histogram @1795978706402)"),
            std::string::npos)
      << read;
}

TEST(CreatedSource, OrderQuantilesAndOtherMetrics) {
  EXPECT_EQ(ReadBody("# TYPE a counter\na_created{x=\"1\"} 2\na_total{x=\"1\"} 5\n"
                     "a_total{x=\"2\"} 5\n# EOF\n"),
            "# TYPE a counter\na_total{x=\"1\"} @2000\na_total{x=\"2\"}\n");
  EXPECT_EQ(ReadBody("# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_count 2\ns_created 3\n# EOF\n"),
            "# TYPE s summary\ns{quantile=\"0.5\"}\ns_count @3000\n");
  EXPECT_EQ(
      ReadBody("# TYPE \"a.b\" counter\n{\"a.b_total\"} 1\n{\"a.b_created\"} 4.0625\n# EOF\n"),
      "# TYPE \"a.b\" counter\n{\"a.b_total\"} @4062\n");
  EXPECT_EQ(ReadBody("# TYPE a counter\n# HELP a x\na_total 1\na_created 4\n# EOF\n"),
            "# TYPE a counter\n# HELP a x\na_total @4000\n");
  // Of no type, or behind the text of another family.
  EXPECT_EQ(ReadBody("x_created 5\n# TYPE a counter\n# HELP b x\nb_created 4\n# EOF\n"),
            "x_created\n# TYPE a counter\n# HELP b x\nb_created\n");
  // Nonsense is no time.
  for (const char* value : {"NaN", "-5", "+Inf", "1e300", "0"}) {
    EXPECT_EQ(ReadBody(StrCat("# TYPE a counter\na_total 1\na_created ", value, "\n# EOF\n")),
              "# TYPE a counter\na_total\n");
  }
}

TEST(CreatedSource, ErrorsNameTheLineOfTheText) {
  EXPECT_EQ(
      ReadBody("# TYPE a counter\na_created 1\na_total{x=1} 2\n# EOF\n").find("error: line 3"),
      std::string("# TYPE a counter\n").size());
  EXPECT_NE(ReadBody("# TYPE a counter\na_total 1\na_created 1\n").find("error: line 4"),
            std::string::npos);
  const std::string body = "# TYPE a counter\na_created 1\na_total 2\n# EOF\n";
  ItemReader reader(CreatedOfOpenMetrics(body));
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.Next()->line, 3u);
}

}  // namespace
}  // namespace slurmscope::exposition
