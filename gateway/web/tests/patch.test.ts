import { expect, test } from "vitest";
import type { PatchOp } from "../src/wire/messages";
import { apply, PatchError } from "../src/wire/patch";

const card = () => ({ slots: [{ key: "order", confirmed: false }], tags: ["a", "b"], "a/b": { "m~n": 1 } }) as Record<string, unknown>;

test("a value is added to an object, at an index and at the end of an array", () => {
  const ops: PatchOp[] = [
    { op: "add", path: "/brief", value: "late" },
    { op: "add", path: "/tags/1", value: "x" },
    { op: "add", path: "/tags/-", value: "z" },
  ];
  expect(apply(card(), ops)).toMatchObject({ brief: "late", tags: ["a", "x", "b", "z"] });
});

test("a fact is confirmed by a replace deep inside", () => {
  expect(apply(card(), [{ op: "replace", path: "/slots/0/confirmed", value: true }])).toMatchObject({ slots: [{ key: "order", confirmed: true }] });
});

test("escaped slashes and tildes name their members", () => {
  expect(apply(card(), [{ op: "replace", path: "/a~1b/m~0n", value: 2 }])["a/b"]).toEqual({ "m~n": 2 });
});

test("move and copy take what stands at from", () => {
  expect(apply(card(), [{ op: "move", from: "/tags/0", path: "/tags/-" }])["tags"]).toEqual(["b", "a"]);
  expect(apply(card(), [{ op: "copy", from: "/tags/0", path: "/first" }])["first"]).toBe("a");
});

test("a test compares by value, whatever the order of members", () => {
  const document = { a: { x: 1, y: [1, 2] } };
  expect(apply(document, [{ op: "test", path: "/a", value: { y: [1, 2], x: 1 } }])).toEqual(document);
  expect(() => apply(document, [{ op: "test", path: "/a/y", value: [2, 1] }])).toThrow(PatchError);
});

test("a patch that fails half-way leaves no trace", () => {
  const document = card();
  const ops: PatchOp[] = [
    { op: "remove", path: "/tags/0" },
    { op: "replace", path: "/nowhere", value: 1 },
  ];
  expect(() => apply(document, ops)).toThrow(PatchError);
  expect(document).toEqual(card());
});

test.each<PatchOp>([
  { op: "remove", path: "/tags/2" },
  { op: "add", path: "/tags/9", value: 1 },
  { op: "add", path: "/tags/01", value: 1 },
  { op: "add", path: "tags", value: 1 },
  { op: "remove", path: "/toString" },
  { op: "move", from: "/a~1b", path: "/a~1b/m" },
])("nonsense is refused: $op $path", (op) => {
  expect(() => apply(card(), [op])).toThrow(PatchError);
});

test("a member named __proto__ is a member", () => {
  const out = apply({} as Record<string, unknown>, [{ op: "add", path: "/__proto__", value: { admin: true } }]);
  expect((out as { admin?: boolean }).admin).toBeUndefined();
  expect(Object.keys(out)).toEqual(["__proto__"]);
});

test("the whole document can be replaced", () => {
  expect(apply(card(), [{ op: "replace", path: "", value: { v: 2 } }])).toEqual({ v: 2 });
});
