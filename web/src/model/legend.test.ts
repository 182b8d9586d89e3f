import { describe, expect, it } from "vitest";
import { compactNames, fillLegend, formatSeries, seriesNames } from "./legend";

const gpu0 = { __name__: "DCGM_FI_DEV_GPU_UTIL", gpu: "0", instance: "gpu-01:9400" };
const gpu1 = { __name__: "DCGM_FI_DEV_GPU_UTIL", gpu: "1", instance: "gpu-01:9400" };

describe("legend", () => {
  it("writes a series as Prometheus does", () => {
    expect(formatSeries(gpu0)).toBe('DCGM_FI_DEV_GPU_UTIL{gpu="0", instance="gpu-01:9400"}');
    expect(formatSeries({ __name__: "up" })).toBe("up");
    expect(formatSeries({ a: 'x"y' })).toBe('{a="x\\"y"}');
  });
  it("fills label templates", () => {
    expect(fillLegend("GPU {{gpu}} on {{ instance }} {{none}}", gpu0)).toBe("GPU 0 on gpu-01:9400 ");
    expect(fillLegend("{{constructor}}{{__proto__}}", gpu0)).toBe("");
  });
  it("names a series without labels by its expression", () => {
    expect(seriesNames([{}], undefined, "1 + 1")).toEqual(["1 + 1"]);
  });
  it("__auto shows only what differs", () => {
    expect(seriesNames([gpu0, gpu1], "__auto", "x")).toEqual(["0", "1"]);
    expect(seriesNames([gpu0], "__auto", "x")).toEqual(["DCGM_FI_DEV_GPU_UTIL"]);
    expect(seriesNames([gpu0, { ...gpu1, instance: "gpu-02:9400" }], "__auto", "x")).toEqual([
      '{gpu="0", instance="gpu-01:9400"}', '{gpu="1", instance="gpu-02:9400"}',
    ]);
  });
  it("compact names are the few labels that tell the series apart", () => {
    const board = ["gpu-01", "gpu-02"].flatMap((node) => ["0", "1"].map((gpu) => ({ gpu, Hostname: node, UUID: `GPU-${node}-${gpu}`, instance: `${node}:9400` })));
    expect(compactNames(board, "x").slice(1, 3)).toEqual(['instance="gpu-01:9400", gpu="1"', 'instance="gpu-02:9400", gpu="0"']);
  });
  it("compact names stay distinct", () => {
    expect(compactNames([gpu0, gpu1], "x")).toEqual(["0", "1"]);
    expect(compactNames([gpu0], "x")).toEqual([formatSeries(gpu0)]);
    expect(compactNames([gpu0, gpu0], "x")).toEqual([formatSeries(gpu0), formatSeries(gpu0)]);
  });
});
