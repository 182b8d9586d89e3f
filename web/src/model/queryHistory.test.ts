import { expect, it } from "vitest";
import { parseHistory, remember } from "./queryHistory";

it("keeps each query once, newest first, and at most 50", () => {
  expect(remember(["a", "b"], " b ")).toEqual(["b", "a"]);
  expect(remember(["a"], "  ")).toEqual(["a"]);
  let list: string[] = [];
  for (let i = 0; i < 80; i++) list = remember(list, `q${i}`);
  expect(list).toHaveLength(50);
  expect(list[0]).toBe("q79");
});

it.each([null, "", "{", "5", '{"a":1}'])("reads %j as empty", (stored) => expect(parseHistory(stored)).toEqual([]));
it("drops what is no text", () => expect(parseHistory('["a", 5, null]')).toEqual(["a"]));
