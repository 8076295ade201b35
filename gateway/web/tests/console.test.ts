import { expect, test } from "vitest";
import { parties, pointsRight, seconds } from "../src/console/ladder";
import { fault, told } from "../src/console/recordings";
import { byWhat } from "../src/console/route-test";
import type { Message, Recording } from "../src/console/wire";
import { language } from "../src/words/catalogue";

const message = (way: "in" | "out", remote: string): Message => ({ at: 0, ms: 0, way, local: "10.0.0.1:5060", remote, transport: "UDP", label: "INVITE", text: "" });

test("parties stand in the order in which they first spoke", () => {
  expect(parties([message("in", "a"), message("out", "b"), message("in", "b"), message("out", "a")])).toEqual(["a", "b"]);
});

test("an arrow points from who speaks to who hears", () => {
  expect(pointsRight(message("in", "a"), 0)).toBe(true);
  expect(pointsRight(message("out", "a"), 0)).toBe(false);
  expect(pointsRight(message("out", "b"), 1)).toBe(true);
  expect(pointsRight(message("in", "b"), 1)).toBe(false);
});

test("times are seconds with milliseconds", () => {
  expect([seconds(0), seconds(7), seconds(61_234)]).toEqual(["0.000", "0.007", "61.234"]);
});

test("an address is a source, and a word is a trunk", () => {
  expect(byWhat("10.1.2.3")).toEqual({ source: "10.1.2.3" });
  expect(byWhat(" fd00::1 ")).toEqual({ source: "fd00::1" });
  expect(byWhat("carrier")).toEqual({ trunk: "carrier" });
  expect(byWhat("  ")).toEqual({});
});

test("a recording says how far it is, what it is, and what is wrong with it", () => {
  language.value = "en";
  const kept: Recording = { id: 7, state: "archived", at: 0, length_ms: 67_000, format: "opus", encrypted: true, trouble: null, failure: null };
  expect([told(kept), fault(kept)]).toEqual(["kept, 01:07, opus, encrypted", null]);
  expect(told({ ...kept, state: "erased", erased: { at: 9, by: "retention" } })).toBe("erased, retention");
  expect(fault({ ...kept, trouble: "the bucket is away" })).toBe("the bucket is away");
});
