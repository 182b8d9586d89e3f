import { describe, expect, it } from "vitest";
import { escapeRegex, interpolateQuery, interpolateText, type Variables } from "./interpolate";

const variables: Variables = {
  node: { value: "gpu-01.cluster", text: "gpu-01.cluster" },
  nodes: { value: ["gpu-01.a", "gpu-02"], multi: true },
  one: { value: ["gpu-01.a"], multi: true },
  all: { value: ".*", raw: true, text: "All" },
  evil: { value: '"} or vector(1) #' },
  job: { value: "node" },
};

describe("interpolateQuery", () => {
  it.each([
    ['up{instance="$node"}', 'up{instance="gpu-01.cluster"}'],
    ['up{instance=~"$nodes"}', 'up{instance=~"(gpu-01\\\\.a|gpu-02)"}'],
    ['up{instance=~"$one"}', 'up{instance=~"gpu-01\\\\.a"}'],
    ['up{instance=~"${all}"}', 'up{instance=~".*"}'],
    ['up{instance=~"[[job]]x"}', 'up{instance=~"nodex"}'],
    ['up{a=~"${nodes:pipe}"}', 'up{a=~"gpu-01.a|gpu-02"}'],
    ["x${nodes:csv}y", "xgpu-01.a,gpu-02y"],
    ["${nodes:singlequote}", "'gpu-01.a','gpu-02'"],
    ["${nodes:regex}", "(gpu-01\\\\.a|gpu-02)"],
    ["${job:queryparam}", "var-job=node"],
    ["$unknown ${unknown} $1", "$unknown ${unknown} $1"],
  ])("%s", (expr, expected) => expect(interpolateQuery(expr, variables)).toBe(expected));

  it("keeps a value inside its string", () => {
    expect(interpolateQuery('up{a="$evil"}', variables)).toBe('up{a="\\"} or vector(1) #"}');
  });
  it("takes the longest macro name", () => {
    const macros = { __interval: "30s", __interval_ms: "30000", __rate_interval: "1m" };
    expect(interpolateQuery("rate(x[$__rate_interval]) $__interval_ms ${__interval}", {}, macros)).toBe("rate(x[1m]) 30000 30s");
  });
  it("is not fooled by prototype names", () => {
    expect(interpolateQuery("$constructor $__proto__ ${toString}", {})).toBe("$constructor $__proto__ ${toString}");
  });
});

it("escapes every special character", () => {
  expect(escapeRegex("a.b|c(d)$")).toBe("a\\\\.b\\\\|c\\\\(d\\\\)\\\\$");
});

it("shows text in titles", () => {
  expect(interpolateText("Node $node, ${all}, $nodes", variables)).toBe("Node gpu-01.cluster, All, gpu-01.a + gpu-02");
});
