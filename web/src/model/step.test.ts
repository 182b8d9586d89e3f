import { describe, expect, it } from "vitest";
import { computeStep, formatInterval, macroValues, roundInterval } from "./step";

const hours = (count: number) => ({ from: 1_700_000_001_234 - count * 36e5, to: 1_700_000_001_234 });

describe("roundInterval", () => {
  it.each([[700, 500], [1500, 1000], [3400, 2000], [33230, 30000], [46000, 60000], [100000, 120000], [3e6, 36e5], [4e7, 432e5], [9e7, 864e5], [7e8, 6048e5]])(
    "%d -> %d", (ms, nice) => expect(roundInterval(ms)).toBe(nice),
  );
});

describe("computeStep", () => {
  it("follows the width of the panel", () => {
    const step = computeStep({ range: hours(6), maxDataPoints: 650 });
    expect(step.stepMs).toBe(30_000);
    expect(step.rateIntervalMs).toBe(60_000);
    expect(step.start % 30_000).toBe(0);
    expect(step.end).toBe(Math.floor(1_700_000_001_234 / 30_000) * 30_000);
  });
  it("is never finer than the scrape interval", () => {
    expect(computeStep({ range: hours(0.25), maxDataPoints: 1000 }).stepMs).toBe(15_000);
    expect(computeStep({ range: hours(1), maxDataPoints: 1000, minStep: "2m" }).stepMs).toBe(120_000);
    expect(computeStep({ range: hours(1), maxDataPoints: 1000, panelInterval: "1m" }).stepMs).toBe(60_000);
  });
  it("multiplies by the interval factor", () => {
    expect(computeStep({ range: hours(6), maxDataPoints: 650, intervalFactor: 4 }).stepMs).toBe(120_000);
  });
  it("stays under the limit of points", () => {
    const range = { from: 0, to: 365 * 864e5 };
    const step = computeStep({ range, maxDataPoints: 1e6, minStep: "15s" });
    expect((range.to - range.from) / step.stepMs).toBeLessThanOrEqual(11_000);
  });
  it("takes four scrapes for a rate when the step is small", () => {
    expect(computeStep({ range: hours(1), maxDataPoints: 1000, minStep: "1m" }).rateIntervalMs).toBe(240_000);
  });
});

describe("macros", () => {
  it("are durations PromQL reads", () => {
    expect(formatInterval(90_000)).toBe("90s");
    expect(formatInterval(7_200_000)).toBe("2h");
    expect(formatInterval(250)).toBe("250ms");
  });
  it("cover the range", () => {
    const range = hours(6);
    const values = macroValues(computeStep({ range, maxDataPoints: 650 }), range);
    expect(values).toMatchObject({ __interval: "30s", __rate_interval: "1m", __range: "21600s", __interval_ms: "30000" });
  });
});
