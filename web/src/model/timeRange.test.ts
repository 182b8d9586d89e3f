import { describe, expect, it } from "vitest";
import { describeRange, parseInterval, parseTime, resolveRange, shiftRange, zoomOut } from "./timeRange";

const now = new Date(2026, 10, 23, 14, 35, 20).getTime();

describe("parseTime", () => {
  it("reads relative times", () => {
    expect(parseTime("now", now, true)).toBe(now);
    expect(parseTime("now-6h", now, false)).toBe(now - 6 * 36e5);
    expect(parseTime("now-1h+30m", now, false)).toBe(now - 18e5);
  });
  it("rounds a start down and an end up", () => {
    expect(parseTime("now/d", now, false)).toBe(new Date(2026, 10, 23).getTime());
    expect(parseTime("now/d", now, true)).toBe(new Date(2026, 10, 24).getTime() - 1);
    expect(parseTime("now-1d/d", now, false)).toBe(new Date(2026, 10, 22).getTime());
    expect(parseTime("now/w", now, false)).toBe(new Date(2026, 10, 23).getTime());
    expect(parseTime("now-1M/M", now, false)).toBe(new Date(2026, 9, 1).getTime());
    expect(parseTime("now/Q", now, false)).toBe(new Date(2026, 9, 1).getTime());
  });
  it("reads absolute times", () => {
    expect(parseTime("1700000000000", now, false)).toBe(1700000000000);
    expect(parseTime("1700000000", now, false)).toBe(1700000000000);
    expect(parseTime("2026-01-02T03:04:05Z", now, false)).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(parseTime("2026-01-02 03:04", now, false)).toBe(new Date(2026, 0, 2, 3, 4).getTime());
  });
  it.each(["", "later", "now-", "now-6x", "now-6h/", "12", "2026-99-99"])("refuses %j", (text) => {
    expect(parseTime(text, now, false)).toBeUndefined();
  });
});

describe("ranges", () => {
  it("must be in order", () => {
    expect(resolveRange({ from: "now", to: "now-1h" }, now)).toBeUndefined();
    expect(resolveRange({ from: "now-1h", to: "now" }, now)).toEqual({ from: now - 36e5, to: now });
  });
  it("zoom out and shift", () => {
    const range = { from: 1000, to: 3000 };
    expect(zoomOut(range)).toEqual({ from: "0", to: "4000" });
    expect(shiftRange(range, -1)).toEqual({ from: "0", to: "2000" });
  });
  it("have a name", () => {
    expect(describeRange({ from: "now-6h", to: "now" })).toBe("Last 6 hours");
    expect(describeRange({ from: "now-7h", to: "now" })).toBe("now-7h to now");
  });
});

describe("parseInterval", () => {
  it.each([["15s", 15e3], ["1m", 6e4], ["1h30m", 54e5], ["30", 3e4], ["250ms", 250], [">10s", 1e4], ["", undefined], ["x", undefined]])(
    "%j is %j", (text, ms) => expect(parseInterval(text)).toBe(ms),
  );
});
