import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { formatValue, isBinaryUnit, knownUnits } from "./units";

const golden = resolve(import.meta.dirname, "../../../../shared/reference/grafana-unit-golden.json");
// The clock units have odd corner cases that no dashboard seen so far uses.
const NOT_COVERED = new Set(["clocks", "clockms"]);

describe("formatValue", () => {
  it.each([
    [123456789, "bytes", undefined, "118 MiB"],
    [40536, "mbytes", undefined, "39.6 GiB"],
    [1234.57, "short", undefined, "1.23 K"],
    [0.5, "percentunit", undefined, "50%"],
    [99.95, "s", undefined, "1.67 mins"],
    [65536, "dtdurations", undefined, "18 hours"],
    [0, "percent", 2, "0.00%"],
    [-2048, "currencyUSD", 2, "-$2.05K"],
    [3, "connections", undefined, "3 connections"],
    [1500, "si:m/s", undefined, "1.50 km/s"],
    [7, "suffix:x", undefined, "7x"],
  ])("%s as %s with %s decimals is %s", (value, unit, decimals, text) => {
    expect(formatValue(value, unit, decimals)).toBe(text);
  });

  it("shows what is not a number", () => {
    expect(formatValue(null, "bytes")).toBe("–");
    expect(formatValue(NaN, "bytes")).toBe("NaN");
    expect(formatValue(-Infinity, "s")).toBe("-Inf");
  });

  it("knows which units count in 1024", () => {
    expect(isBinaryUnit("mbytes")).toBe(true);
    expect(isBinaryUnit("decbytes")).toBe(false);
  });
});

describe.skipIf(!existsSync(golden))("golden table", () => {
  it("agrees with every value of every covered unit", () => {
    const table = JSON.parse(readFileSync(golden, "utf8")) as Record<string, [number, string, string][]>;
    const wrong: string[] = [];
    let cells = 0;
    for (const [unit, rows] of Object.entries(table)) {
      if (NOT_COVERED.has(unit)) continue;
      for (const [value, plain, two] of rows) {
        cells += 2;
        const got = [formatValue(value, unit), formatValue(value, unit, 2)];
        if (got[0] !== plain) wrong.push(`${unit} ${value}: ${got[0]} != ${plain}`);
        if (got[1] !== two) wrong.push(`${unit} ${value} .2: ${got[1]} != ${two}`);
      }
    }
    const missing = Object.keys(table).filter((unit) => !knownUnits().includes(unit) && !NOT_COVERED.has(unit));
    expect(missing).toEqual([]);
    expect(wrong).toEqual([]);
    expect(cells).toBeGreaterThan(8000);
  });
});
