import { describe, expect, it } from "vitest";
import { readDashboard } from "./dashboard";
import { chooseValue, parseCustom, parseVariableQuery, refineOptions, sortByNeed } from "./variables";

const model = (fields: object) => readDashboard({ templating: { list: [{ name: "v", type: "query", ...fields }] } }).variables[0]!;

describe("variables", () => {
  it.each([
    ["label_values(up, job)", { kind: "labelValues", label: "job", match: "up" }],
    ['label_values(up{a="1",b="2"}, instance)', { kind: "labelValues", label: "instance", match: 'up{a="1",b="2"}' }],
    ["label_values(instance)", { kind: "labelValues", label: "instance" }],
    ["label_names()", { kind: "labelNames" }],
    ["metrics(node_.*)", { kind: "metrics", pattern: "node_.*" }],
    ["query_result(topk(5, up))", { kind: "query", expr: "topk(5, up)" }],
    ["", undefined],
  ])("reads %s", (text, expected) => expect(parseVariableQuery(text)).toEqual(expected));
  it("reads custom options", () => {
    expect(parseCustom("a, b c , text : value, x\\,y")).toEqual(["a", "b c", "value", "x,y"]);
  });
  it("refines by regex and sorts", () => {
    expect(refineOptions(["gpu-10:9100", "gpu-2:9100", "cpu-1:9100", "gpu-2:9100"], { regex: "/(gpu-.*):/", sort: 3 })).toEqual(["gpu-2", "gpu-10"]);
    expect(refineOptions(["b", "a"], { regex: "(", sort: 0 })).toEqual(["b", "a"]);
  });
  it("chooses what the URL says, if it is there", () => {
    expect(chooseValue(model({}), ["a", "b"], ["b"]).value).toBe("b");
    expect(chooseValue(model({}), ["a", "b"], ["gone"]).value).toBe("a");
    expect(chooseValue(model({ multi: true }), ["a", "b"], ["b", "a"]).value).toEqual(["b", "a"]);
  });
  it("knows All, with and without a value of its own", () => {
    expect(chooseValue(model({ includeAll: true, multi: true }), ["a", "b"], ["$__all"])).toEqual({ value: ["a", "b"], text: "All", multi: true });
    expect(chooseValue(model({ includeAll: true, allValue: ".*" }), ["a"], ["$__all"])).toEqual({ value: ".*", text: "All", raw: true });
  });
  it("resolves those first that others need", () => {
    const list = [{ name: "gpu", type: "query", query: 'label_values(x{node="$node"}, gpu)' }, { name: "node", type: "query", query: "label_values(node)" }];
    expect(sortByNeed(readDashboard({ templating: { list } }).variables).map((item) => item.name)).toEqual(["node", "gpu"]);
    const circle = [{ name: "a", query: "$b" }, { name: "b", query: "$a" }];
    expect(sortByNeed(readDashboard({ templating: { list: circle } }).variables)).toHaveLength(2);
  });
});
