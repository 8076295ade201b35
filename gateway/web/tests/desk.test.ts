import { expect, test } from "vitest";
import { card } from "../mock/card.mjs";
import { advance, IDLE, recording, type DeskCall } from "../src/desk/call";
import { likeliest } from "../src/desk/naming";
import type { Card, Cause, Notice } from "../src/wire/messages";

const story = card(0) as Card;
const cause = (fault: Cause["fault"]): Cause => ({ sip: 200, q850: 16, fault, retry: false });
const offer: Notice = { type: "call.offer", call: 5, card: story, ring_deadline: 20_000 };
const bridged: Notice = { type: "call.bridged", call: 5, was: null, context_version: 1 };
const after = (...notices: [Notice, number][]): DeskCall => notices.reduce((state, [notice, now]) => advance(state, notice, now), IDLE);

test("a call rings, talks and ends in a wrap-up with its length", () => {
  const state = after([offer, 0], [bridged, 1_000], [{ type: "call.ended", call: 5, cause: cause("caller") }, 61_000]);
  expect(state).toMatchObject({ phase: "wrapup", call: 5, talked: 60_000 });
});

test("a wrap-up that the gateway counts as over makes room for the next ring", () => {
  const over: [Notice, number][] = [[offer, 0], [bridged, 1], [{ type: "call.ended", call: 5, cause: cause("caller") }, 2]];
  const told = (state: string): Notice => ({ type: "status", call: null, state, detail: null });
  expect(after(...over, [told("wrapup"), 3])).toMatchObject({ phase: "wrapup" });
  expect(after(...over, [told("wrapup"), 3], [told("available"), 4])).toEqual(IDLE);
  expect(after(...over, [told("available"), 3], [{ ...offer, call: 6 }, 4])).toMatchObject({ phase: "ringing", call: 6 });
});

test("a ring that ends tells why", () => {
  const gone = (fault: Cause["fault"], now: number) => after([offer, 0], [{ type: "call.withdrawn", call: 5, cause: cause(fault) }, now]);
  expect(gone("caller", 3_000)).toEqual({ phase: "idle", passed: "caller" });
  expect(gone("agent", 20_000)).toEqual({ phase: "idle", passed: "deadline" });
  expect(gone("unknown", 3_000)).toEqual({ phase: "idle", passed: "taken" });
});

test("merged calls go on under the new id, and the clock does not start again", () => {
  const state = after([offer, 0], [bridged, 1_000], [{ type: "call.bridged", call: 3, was: 5, context_version: 1 }, 9_000]);
  expect(state).toMatchObject({ phase: "talking", call: 3, since: 1_000 });
});

test("a patch moves the card one version on, once", () => {
  const patch: Notice = { type: "context.patch", call: 5, from: 1, to: 2, ops: [{ op: "replace", path: "/brief", value: "angry" }] };
  const state = after([offer, 0], [patch, 1], [patch, 2]);
  expect(state).toMatchObject({ card: { brief: "angry", version: 2 }, stale: false });
});

test("a patch for another version marks the card as stale and leaves it", () => {
  const state = after([offer, 0], [{ type: "context.patch", call: 5, from: 2, to: 3, ops: [] }, 1]);
  expect(state).toMatchObject({ stale: true, card: { version: 1 } });
});

test("notices about another call change nothing", () => {
  const state = after([offer, 0]);
  expect(advance(state, { type: "call.ended", call: 6, cause: cause("caller") }, 1)).toBe(state);
});

test("an offer does not push away a call in progress", () => {
  const state = after([offer, 0], [bridged, 1]);
  expect(advance(state, { ...offer, call: 6 }, 2)).toBe(state);
});

test("hold and recording follow what the gateway says", () => {
  const state = after([offer, 0], [bridged, 1], [{ type: "status", call: 5, state: "held", detail: null }, 2], [{ type: "status", call: 5, state: "recording_paused", detail: null }, 3]);
  expect(state).toMatchObject({ held: true });
  expect(state.phase === "talking" && recording(state.card)).toBe("paused");
});

test("the likeliest reason comes first and other comes last", () => {
  expect(likeliest(story)).toEqual(["delivery", "billing", "returns", "other"]);
  const menu = { ...story, reason: null, ivr: { ...story.ivr, path: ["root", "invoice"] } };
  expect(likeliest(menu)[0]).toBe("billing");
});
