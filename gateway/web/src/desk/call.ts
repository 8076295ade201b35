// The desk's one call as data: what a notice makes of it. Sounds, sockets and clocks are elsewhere.

import type { CallId, Card, Cause, Notice, UtcMillis } from "../wire/messages";
import { apply } from "../wire/patch";

/** Why a ring ended without us: it ran out, the caller left, or somebody else has the call. */
export type Passed = "deadline" | "caller" | "taken";
export type Recording = "off" | "on" | "paused";

interface Carded {
  call: CallId;
  card: Card;
  /** A patch did not fit: the card is older than the story. */
  stale: boolean;
}

export type DeskCall =
  | { phase: "idle"; passed: Passed | null }
  | ({ phase: "ringing"; deadline: UtcMillis } & Carded)
  | ({ phase: "joining" } & Carded)
  | ({ phase: "talking"; since: UtcMillis; held: boolean } & Carded)
  | ({ phase: "wrapup"; cause: Cause; talked: number } & Carded);

/** Whether the agent takes calls, in the gateway's word. */
export type Presence = "available" | "away" | "unreachable";

export function isPresence(word: string): word is Presence {
  return word === "available" || word === "away" || word === "unreachable";
}

export const IDLE: DeskCall = { phase: "idle", passed: null };

/** A ring that is withdrawn this close to its deadline has run out, ms. */
const DEADLINE_SLACK = 750;

/** What the call is after this notice; the same object when the notice is about another call or changes nothing. */
export function advance(state: DeskCall, notice: Notice, now: UtcMillis): DeskCall {
  if (notice.type === "call.offer") {
    // A call in progress and an unfinished wrap-up are worth more than a ring; the gateway offers it again elsewhere.
    if (state.phase === "talking" || state.phase === "joining" || state.phase === "wrapup") return state;
    return { phase: "ringing", call: notice.call, card: notice.card, deadline: notice.ring_deadline, stale: false };
  }
  // Free for the next call: the wrap-up was said, has run out or, in a replay, was over long ago.
  if (state.phase === "wrapup" && notice.type === "status" && notice.call === null && isPresence(notice.state)) return IDLE;
  if (state.phase === "idle" || !concerns(state, notice)) return state;
  switch (notice.type) {
    case "call.withdrawn":
      if (state.phase !== "ringing" && state.phase !== "joining") return state;
      return { phase: "idle", passed: passed(state, notice.cause, now) };
    case "call.bridged": {
      if (state.phase === "wrapup") return state;
      const since = state.phase === "talking" ? state.since : now;
      return { phase: "talking", call: notice.call, card: state.card, stale: state.stale, since, held: false };
    }
    case "context.patch":
      return patched(state, notice);
    case "call.ended":
      return ended(state, notice.cause, now);
    case "status":
      return told(state, notice.state);
    default:
      return state;
  }
}

/** Whether the caller is being recorded, in the card's own word. */
export function recording(card: Card): Recording {
  switch (card.recording.state) {
    case "on":
    case "recording":
    case "running":
    case "active":
      return "on";
    case "paused":
      return "paused";
    default:
      return "off";
  }
}

/** The card with this fact ticked; the gateway's patch will say the same. */
export function confirmed(card: Card, key: string): Card {
  return { ...card, slots: card.slots.map((fact) => (fact.key === key ? { ...fact, confirmed: true } : fact)) };
}

function concerns(state: Carded, notice: Exclude<Notice, { type: "call.offer" }>): boolean {
  return notice.call === state.call || (notice.type === "call.bridged" && notice.was === state.call);
}

function passed(state: DeskCall, cause: Cause, now: UtcMillis): Passed {
  if (cause.fault === "caller") return "caller";
  if (state.phase === "ringing" && now >= state.deadline - DEADLINE_SLACK) return "deadline";
  return "taken";
}

function patched<S extends DeskCall & Carded>(state: S, notice: Extract<Notice, { type: "context.patch" }>): S {
  if (notice.to <= state.card.version) return state;
  if (notice.from !== state.card.version) return { ...state, stale: true };
  try {
    return { ...state, card: { ...apply(state.card, notice.ops), version: notice.to } };
  } catch {
    return { ...state, stale: true };
  }
}

function ended(state: DeskCall & Carded, cause: Cause, now: UtcMillis): DeskCall {
  const { call, card, stale } = state;
  if (state.phase === "talking") return { phase: "wrapup", call, card, stale, cause, talked: now - state.since };
  if (state.phase === "wrapup") return state;
  return { phase: "idle", passed: passed(state, cause, now) };
}

function told(state: DeskCall & Carded, word: string): DeskCall {
  switch (word) {
    case "held":
      return state.phase === "talking" ? { ...state, held: true } : state;
    case "talking":
    case "resumed":
      return state.phase === "talking" ? { ...state, held: false } : state;
    case "recording":
      return rolled(state, "on");
    case "recording_paused":
      return rolled(state, "paused");
    case "recording_stopped":
    case "recording_failed":
      return rolled(state, "off");
    default:
      return state;
  }
}

function rolled<S extends Carded>(state: S, word: Recording): S {
  return { ...state, card: { ...state.card, recording: { ...state.card.recording, state: word } } };
}
