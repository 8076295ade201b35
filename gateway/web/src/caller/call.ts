// The caller's one call as data: what a notice makes of it.

import type { CallId, Cause, Notice } from "../wire/messages";

export type Stage = "connecting" | "in_menu" | "queued" | "ringing" | "talking" | "held" | "ended";

export interface Caption {
  speaker: string;
  text: string;
}

export interface CallerCall {
  stage: Stage;
  /** Comes with the first notice that has one. */
  call: CallId | null;
  /** What the stage says beside its name: a place in line, an agent's name. */
  detail: string | null;
  /** Key and label, in spoken order. */
  menu: [string, string][];
  captions: Caption[];
  recording: boolean;
  cause: Cause | null;
  /** When the talk with a person began. */
  since: number | null;
}

export const CONNECTING: CallerCall = { stage: "connecting", call: null, detail: null, menu: [], captions: [], recording: false, cause: null, since: null };

/** Captions kept: what fits on a phone's screen, and a little more to scroll to. */
const CAPTIONS_MAX = 30;

const STAGES: readonly string[] = ["connecting", "in_menu", "queued", "ringing", "talking", "held", "ended"] satisfies Stage[];

export function advance(state: CallerCall, notice: Notice, now: number): CallerCall {
  if (state.stage === "ended") return state;
  const call = state.call ?? notice.call;
  switch (notice.type) {
    case "status":
      return told({ ...state, call }, notice.state, notice.detail, now);
    case "menu":
      return { ...state, call, menu: notice.items, ...(state.stage === "connecting" && { stage: "in_menu" as const }) };
    case "caption":
      return { ...state, call, captions: [...state.captions, { speaker: notice.speaker, text: notice.text }].slice(-CAPTIONS_MAX) };
    case "call.bridged":
      return told({ ...state, call: notice.call }, "talking", state.stage === "talking" ? state.detail : null, now);
    case "call.ended":
      return { ...state, call, stage: "ended", cause: notice.cause, menu: [] };
    case "media.answer":
      return { ...state, call };
    default:
      return state;
  }
}

function told(state: CallerCall, word: string, detail: string | null, now: number): CallerCall {
  if (word === "recording") return { ...state, recording: true };
  if (word === "recording_paused" || word === "recording_stopped" || word === "recording_failed") return { ...state, recording: false };
  if (!isStage(word)) return state;
  const next = { ...state, stage: word, detail };
  // A menu that is no longer spoken must not be clicked.
  if (word !== "in_menu" && word !== "connecting") next.menu = [];
  if (word === "talking" && state.since === null) next.since = now;
  // Held and taken back: the name of who one talks with still holds.
  if (word === "talking" && detail === null && (state.stage === "held" || state.stage === "talking")) next.detail = state.detail;
  if (word === "held" && detail === null) next.detail = state.detail;
  return next;
}

function isStage(word: string): word is Stage {
  return STAGES.includes(word);
}

/** A place in line and a wait in seconds, where the detail says them: "2" or "2 120". */
export function placeInLine(detail: string | null): { place: number; wait: number | null } | null {
  const found = /^(\d+)(?:\D+(\d+))?\s*s?$/.exec(detail?.trim() ?? "");
  if (!found) return null;
  return { place: Number(found[1]), wait: found[2] === undefined ? null : Number(found[2]) };
}
