import { expect, test } from "vitest";
import { advance, CONNECTING, placeInLine } from "../src/caller/call";
import { merge } from "../src/caller/chat";
import { customerFrom } from "../src/caller/customer";
import { fakePitch } from "../src/media/microphone";
import { verdict } from "../src/media/quality";
import type { Notice } from "../src/wire/messages";

const status = (state: string, detail: string | null = null): Notice => ({ type: "status", call: 9, state, detail });
const after = (...notices: Notice[]) => notices.reduce((state, notice) => advance(state, notice, 1_000), CONNECTING);

test("the call's id comes with the first notice that has one", () => {
  expect(after({ ...status("connecting"), call: null } as Notice).call).toBeNull();
  expect(after(status("connecting")).call).toBe(9);
});

test("the menu stands while it is spoken and goes when the line moves on", () => {
  const menu: Notice = { type: "menu", call: 9, items: [["2", "Parcel"], ["1", "Invoice"]] };
  expect(after(status("in_menu"), menu).menu[0]).toEqual(["2", "Parcel"]);
  expect(after(status("in_menu"), menu, status("queued", "2")).menu).toEqual([]);
});

test("held and taken back keeps the name and the clock", () => {
  const state = after(status("talking", "Ada"), status("held"), status("talking"));
  expect(state).toMatchObject({ stage: "talking", detail: "Ada", since: 1_000 });
});

test("recording is a notice beside the stage, not a stage", () => {
  expect(after(status("in_menu"), status("recording"))).toMatchObject({ stage: "in_menu", recording: true });
});

test("nothing follows the end", () => {
  const state = after({ type: "call.ended", call: 9, cause: { sip: 200, q850: 16, fault: "agent", retry: false } });
  expect(advance(state, status("talking"), 2)).toBe(state);
});

test("a place in line is read with and without a wait", () => {
  expect(placeInLine("2 120")).toEqual({ place: 2, wait: 120 });
  expect(placeInLine("3")).toEqual({ place: 3, wait: null });
  expect(placeInLine("soon")).toBeNull();
});

test("the gateway's lines take the place of the one drawn in advance", () => {
  const mine = { at: 5, from: "customer", text: "late" };
  const kept = { at: 7, from: "customer", text: "late" };
  const bot = { at: 8, from: "bot", text: "sorry" };
  expect(merge([mine], mine, [kept, bot])).toEqual([kept, bot]);
  expect(merge([kept, bot, mine], mine, [kept, bot, { at: 9, from: "bot", text: "?" }])).toEqual([kept, bot, mine, { at: 9, from: "bot", text: "?" }]);
});

test("the demo customer is picked by number, with or without its plus", () => {
  expect(customerFrom("?customer=+380671234567")).toEqual({ tel: "+380671234567", name: "Андрей Мельник" });
  expect(customerFrom("?customer=%2B15550001111")).toEqual({ tel: "+15550001111" });
  expect(customerFrom("?customer=guest")).toBeUndefined();
});

test("the built-in tone has a pitch", () => {
  expect([fakePitch(""), fakePitch("?fake=1"), fakePitch("?fake=660")]).toEqual([null, 440, 660]);
});

test("one burst is not a bad line", () => {
  const good = { roundTrip: 30, jitter: 2, loss: 0 };
  const bad = { roundTrip: 30, jitter: 2, loss: 9 };
  expect(verdict([])).toBe("unknown");
  expect(verdict([good, good, bad, good, good])).toBe("good");
  expect(verdict([good, bad, bad, good, bad])).toBe("poor");
});
