#include "rules/template.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/strings.h"

namespace slurmscope::rules {
namespace {

std::shared_ptr<const TemplateSample> MakeSample(StringMap labels, double value) {
  return std::make_shared<const TemplateSample>(TemplateSample{std::move(labels), value, nullptr});
}

class Template : public testing::Test {
 protected:
  Template() {
    data_.labels = {{"instance", "node-1.example.com:9100"}, {"job", "node"}};
    data_.external_labels = {{"cluster", "c1"}};
    data_.external_url = "http://head:9090/p";
    data_.value = 1234567;
    context_.time_ms = 1'700'000'000'500;
    context_.external_url = "http://head:9090/p";
    context_.query = [](const std::string& expr) -> Result<SampleVector> {
      if (expr == "bad") return base::Fail(base::ErrorCode::kInvalidArgument, "no such thing");
      if (expr == "none") return SampleVector{};
      return SampleVector{MakeSample({{"a", "2"}}, 21), MakeSample({{"a", "1"}}, 11)};
    };
  }
  // The text, or the error.
  std::string Expand(std::string_view text) {
    auto result = ExpandAlertTemplate("X", text, data_, context_);
    return result ? *result : result.error().message();
  }
  static std::string Problem(std::string_view text) {
    auto result = CheckAlertTemplate("X", text);
    return result ? "none" : result.error().message();
  }

  TemplateData data_;
  TemplateContext context_;
};

TEST_F(Template, PlainTextAndVariables) {
  EXPECT_EQ(Expand("plain } text"), "plain } text");
  EXPECT_EQ(Expand("{{ $labels.job }}/{{ .Labels.job }}/{{$labels.none}}|"), "node/node/|");
  EXPECT_EQ(Expand("{{ $value }} {{ .Value }}"), "1.234567e+06 1.234567e+06");
  EXPECT_EQ(Expand("{{ $externalLabels.cluster }} {{ $externalURL }}"), "c1 http://head:9090/p");
  EXPECT_EQ(Expand("{{ externalURL }}{{ pathPrefix }}"), "http://head:9090/p/p");
  EXPECT_EQ(Expand("a {{- 1 -}} b"), "a1b");
  EXPECT_EQ(Expand("a{{/* no }} */}}b{{- /* x */ -}} c"), "abc");
  EXPECT_EQ(Expand("{{ $x := 1 }}{{ $x = 2 }}{{ $x }}"), "2");
  EXPECT_EQ(Expand("{{ $labels }}"), "map[instance:node-1.example.com:9100 job:node]");
}

TEST_F(Template, Control) {
  EXPECT_EQ(Expand("{{if eq $labels.job \"node\"}}y{{else}}n{{end}}"), "y");
  EXPECT_EQ(Expand("{{if gt $value 2e6}}a{{else if gt $value 1e6}}b{{else}}c{{end}}"), "b");
  EXPECT_EQ(Expand("{{with $labels.none}}x{{else}}empty{{end}}"), "empty");
  EXPECT_EQ(Expand("{{with $labels.job}}{{.}}{{end}}"), "node");
  EXPECT_EQ(Expand("{{range query \"q\"}}{{.Labels.a}}={{.Value}};{{end}}"), "2=21;1=11;");
  EXPECT_EQ(
      Expand("{{range $i, $s := query \"q\" | sortByLabel \"a\"}}{{$i}}{{$s.Labels.a}} {{end}}"),
      "01 12 ");
  EXPECT_EQ(Expand("{{range query \"none\"}}x{{else}}nobody{{end}}"), "nobody");
  EXPECT_EQ(Expand("{{range $k, $v := $labels}}{{$k}} {{end}}"), "instance job ");
  EXPECT_EQ(Expand("{{range query \"q\"}}{{if eq .Value 11.0}}{{break}}{{end}}{{.Value}}{{end}}"),
            "21");
  EXPECT_EQ(
      Expand("{{range query \"q\"}}{{if gt .Value 12.0}}{{continue}}{{end}}{{.Value}}{{end}}"),
      "11");
  EXPECT_EQ(Expand("{{and 1 0}}{{or 0 \"x\"}}{{not true}}"), "0xfalse");
}

TEST_F(Template, DefinedTemplates) {
  EXPECT_EQ(Expand("{{define \"t\"}}<{{.arg0}}{{.arg1}}>{{end}}{{template \"t\" (args 1 \"b\")}}"),
            "<1b>");
  EXPECT_EQ(Expand("{{block \"t\" 5}}{{.}}{{end}}"), "5");
  EXPECT_EQ(Expand("{{template \"none\"}}"),
            "error executing template __alert_X: template: __alert_X:1:123: executing "
            "\"__alert_X\" at <{{template \"none\"}}>: template \"none\" not defined");
}

TEST_F(Template, PrometheusFunctions) {
  EXPECT_EQ(Expand("{{ query \"q\" | first | value }}"), "21");
  EXPECT_EQ(Expand("{{ query \"q\" | first | label \"a\" }}"), "2");
  EXPECT_EQ(Expand("{{ $value | humanize }} {{ humanize1024 2048.0 }} {{ humanize 0.0012 }}"),
            "1.235M 2ki 1.2m");
  EXPECT_EQ(Expand("{{ humanizeDuration 93784.5 }},{{ humanizeDuration 61 }},{{ humanizeDuration "
                   "0.0123 }},{{humanizeDuration \"1.5\"}},{{humanizeDuration -3700}}"),
            "1d 2h 3m 4s,1m 1s,12.3ms,1.5s,-1h 1m 40s");
  EXPECT_EQ(Expand("{{ humanizePercentage 0.12345 }}"), "12.35%");
  EXPECT_EQ(Expand("{{ humanizeTimestamp 1435065584.128 }}"), "2015-06-23 13:19:44.128 +0000 UTC");
  EXPECT_EQ(Expand("{{ (toTime 1435065584).Format \"Mon Jan 2 15:04:05 2006\" }}"),
            "Tue Jun 23 13:19:44 2015");
  EXPECT_EQ(Expand("{{ toDuration 90.5 }} {{ now }}"), "1m30.5s 1.7000000005e+09");
  EXPECT_EQ(Expand("{{ title \"abc de\" }} {{ toUpper \"ab\" }} {{ toLower \"AB\" }}"),
            "Abc De AB ab");
  EXPECT_EQ(Expand("{{ stripPort $labels.instance }} {{ stripDomain $labels.instance }}"),
            "node-1.example.com node-1:9100");
  EXPECT_EQ(Expand("{{ stripDomain \"10.0.0.1:80\" }} {{ stripPort \"[::1]:80\" }}"),
            "10.0.0.1:80 ::1");
  EXPECT_EQ(Expand("{{ match \"n.*e\" $labels.job }} {{ reReplaceAll \"(o)\" \"<$1>\" \"foo\" }}"),
            "true f<o><o>");
  EXPECT_EQ(Expand("{{ tableLink \"up == 0\" }}"), "/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
  EXPECT_EQ(Expand("{{ parseDuration \"1h30m\" }} {{ urlQueryEscape \"a b&c\" }}"), "5400 a+b%26c");
  EXPECT_EQ(Expand("{{ safeHtml \"<b>\" }}{{ html \"<b>\" }}"), "<b>&lt;b&gt;");
}

TEST_F(Template, GosPrintf) {
  EXPECT_EQ(
      Expand("{{ printf \"%.2f|%5d|%-5s|%q|%05.1f|%x\" 3.14159 42 \"ab\" \"c\\\"d\" 2.5 255 }}"),
      "3.14|   42|ab   |\"c\\\"d\"|002.5|ff");
  EXPECT_EQ(Expand("{{ printf \"%d %s\" 1.5 2 }}"), "%!d(float64=1.5) %!s(int=2)");
  EXPECT_EQ(Expand("{{ printf \"%s %s\" \"a\" }}{{ printf \"x\" 1 }}"),
            "a %!s(MISSING)x%!(EXTRA int=1)");
  EXPECT_EQ(Expand("{{ printf \"%v %t %T %%\" 1e21 true 1.0 }}"), "1e+21 true float64 %");
  EXPECT_EQ(Expand("{{ print 1 2 \"a\" \"b\" 3 }}{{ println 1 \"a\" }}"), "1 2ab31 a\n");
  EXPECT_EQ(Expand("{{ $value | printf \"%.1f\" }}"), "1234567.0");
  EXPECT_EQ(Expand("{{ printf \"%*d|%-*d|\" 4 7 4 7 }}"), "   7|7   |");
  EXPECT_EQ(Expand("{{ index $labels \"job\" }} {{ len $labels.job }} {{ slice \"abcd\" 1 3 }}"),
            "node 4 bc");
}

TEST_F(Template, ParseErrors) {
  EXPECT_EQ(Problem("{{ foo }}"), "template: __alert_X:1: function \"foo\" not defined");
  EXPECT_EQ(Problem("{{ $value }"), "template: __alert_X:1: unexpected \"}\" in operand");
  EXPECT_EQ(Problem("{{ $x }}"), "template: __alert_X:1: undefined variable \"$x\"");
  EXPECT_EQ(Problem("{{ if 1 }}"), "template: __alert_X:1: unexpected EOF");
  EXPECT_EQ(Problem("{{ end }}"), "template: __alert_X:1: unexpected {{end}}");
  EXPECT_EQ(Problem("a\n{{ }}"), "template: __alert_X:2: missing value for command");
  EXPECT_EQ(Problem("{{ 1"), "template: __alert_X:1: unclosed action");
  EXPECT_EQ(Problem("{{ \"x }}"), "template: __alert_X:1: unterminated quoted string");
  EXPECT_EQ(Problem("{{/* x"), "template: __alert_X:1: unclosed comment");
  EXPECT_EQ(Problem("{{break}}"), "template: __alert_X:1: {{break}} outside {{range}}");
  EXPECT_EQ(Problem("{{ 1 | 2 }}"),
            "template: __alert_X:1: non executable command in pipeline stage 2");
}

TEST_F(Template, ExecutionErrors) {
  EXPECT_EQ(Expand("{{ query \"none\" | first }}"),
            "error executing template __alert_X: template: __alert_X:1:130: executing "
            "\"__alert_X\" at <first>: error calling first: first() called on vector with no "
            "elements");
  EXPECT_EQ(Expand("{{ .Foo }}"),
            "error executing template __alert_X: template: __alert_X:1:115: executing "
            "\"__alert_X\" at <.Foo>: can't evaluate field Foo in type struct { Labels "
            "map[string]string; ExternalLabels map[string]string; ExternalURL string; Value "
            "interface {} }");
  EXPECT_NE(Expand("{{ humanize \"x\" }}")
                .find("error calling humanize: strconv.ParseFloat: "
                      "parsing \"x\": invalid syntax"),
            std::string::npos);
  EXPECT_NE(Expand("{{ eq 1 \"a\" }}").find("incompatible types for comparison"),
            std::string::npos);
  EXPECT_NE(Expand("{{ toUpper 1 }}").find("expected string; found 1"), std::string::npos);
  EXPECT_NE(Expand("{{ query \"bad\" }}").find("no such thing"), std::string::npos);
  EXPECT_NE(Expand("{{ reReplaceAll \"(\" \"\" \"\" }}").find("error parsing regexp"),
            std::string::npos);
}

TEST_F(Template, IsBounded) {
  EXPECT_NE(Expand("{{define \"t\"}}{{template \"t\"}}{{end}}{{template \"t\"}}")
                .find("exceeded maximum template depth"),
            std::string::npos);
  EXPECT_NE(
      Expand("{{define \"t\"}}{{range 1000}}{{range 1000}}x{{end}}{{end}}{{end}}{{template \"t\"}}")
          .find("too many steps"),
      std::string::npos);
  EXPECT_NE(Expand("{{range 1000}}{{printf \"%99999d\" 1}}{{end}}").find("output is too large"),
            std::string::npos);
  EXPECT_NE(Expand("{{range 1000}}{{query \"q\"}}{{end}}").find("more than 100 queries"),
            std::string::npos);
  std::string deep = "{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}";
  EXPECT_NE(Problem(deep).find("nested too deeply"), std::string::npos);
}

}  // namespace
}  // namespace slurmscope::rules
