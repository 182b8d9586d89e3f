import { describe, expect, it } from "vitest";
import { parseTolerantJson, stripComments } from "./tolerantJson";

describe("parseTolerantJson", () => {
  it("reads comments and trailing commas", () => {
    const text = '{\n  "a": [1, 2 // two\n  , /* three */ 3,],\n  "u": "http://x/*y*/", // end\n}';
    expect(parseTolerantJson(text)).toEqual({ a: [1, 2, 3], u: "http://x/*y*/" });
  });
  it("reads the guide's ending of panels", () => {
    expect(parseTolerantJson('{"panels":[{"id":1}\n// Add more panels as needed\n]}')).toEqual({ panels: [{ id: 1 }] });
  });
  it("drops a comma that only comments follow", () => {
    expect(parseTolerantJson("[1, // x\n /* y */ ]")).toEqual([1]);
  });
  it("keeps strings with escapes and commas", () => {
    expect(parseTolerantJson(String.raw`["a\" // no, ]", "b,]"]`)).toEqual(['a" // no, ]', "b,]"]);
  });
  it("keeps positions", () => {
    const text = '{"a": 1 // x\n}';
    expect(stripComments(text)).toHaveLength(text.length);
    expect(() => parseTolerantJson('{\n  "a": 1 // x\n  "b": 2\n}')).toThrow(/line 3, column 3/);
  });
  it("never sets a prototype", () => {
    const value = parseTolerantJson('{"__proto__": {"x": 1}}') as { x?: number };
    expect(value.x).toBeUndefined();
  });
  it("refuses huge texts", () => {
    expect(() => parseTolerantJson(" ".repeat(6 * 1024 * 1024))).toThrow(/5 MB/);
  });
});
