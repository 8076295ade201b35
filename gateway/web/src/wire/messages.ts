// The JSON that pages and gateway speak; the gateway's own definition is core/src/events/{page,story}.rs, and it is right where they differ.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Milliseconds since 1970-01-01 UTC. */
export type UtcMillis = number;
/** Below 2^53, so a number holds it. */
export type CallId = number;

export type Medium = "call" | "chat" | "email" | "sms" | "messenger" | "portal" | "form";
export type Fault = "caller" | "carrier" | "agent" | "gateway" | "unknown";
export type ExitReason =
  | "asked_agent"
  | "no_input"
  | "no_match"
  | "api_error"
  | "routed"
  | "resume"
  | "transfer"
  | "callback"
  | "completed";

/** Why something ended: SIP status, Q.850 value, the party at fault, whether another try may succeed. */
export interface Cause {
  sip: number;
  q850: number;
  fault: Fault;
  retry: boolean;
}

export interface Fact {
  key: string;
  value: Json;
  source: string;
  at: UtcMillis;
  /** Per cent. */
  confidence: number;
  confirmed: boolean;
  privacy: "open" | "pii" | "pci";
}

export interface Identity {
  kind: string;
  value: string;
  verified_at: UtcMillis | null;
  source: string;
}

export interface Interaction {
  id: number;
  medium: Medium;
  at: UtcMillis;
  gist: string;
  outcome: string | null;
  agent: number | null;
}

export interface Case {
  id: number;
  status: string;
  title: string;
  opened: UtcMillis;
}

export interface ChatLine {
  at: UtcMillis;
  from: string;
  text: string;
}

export interface Reason {
  intent: string;
  label: string;
  /** Per cent. */
  confidence: number;
  evidence: string[];
}

export interface MenuPresented {
  node: string;
  version: number;
  order: { item: string; score: number; terms: Record<string, number> }[];
  mode: string;
  holdout: boolean;
}

/** T1: what an agent receives with an offer. */
export interface Card {
  context_id: string;
  version: number;
  session_id: string;
  entry: { medium: Medium; dialled: string; trunk: string | null; diverted_from: string | null; diverted_because?: string | null };
  trust: { level: string; evidence: string[] };
  customer: { id: number; name: string | null; language: string | null; segment: string | null } | null;
  identities: Identity[];
  reason: Reason | null;
  exit: { kind: ExitReason; node: string; detail: string | null };
  ivr: { flow: string; version: number; path: string[]; menu: MenuPresented | null };
  slots: Fact[];
  self_service: { medium: Medium; step: number; step_of: number } | null;
  chat: ChatLine[];
  timeline: Interaction[];
  open_cases: Case[];
  routing: { queue: string; skills: string[]; waited_ms: number; tried: number[]; chosen_because: string };
  recording: { state: string; consent: boolean | null };
  brief: string;
  handovers: { at: UtcMillis; from: number; note: string | null }[];
  resume: { script: string; version: number; node: string; slots: Record<string, Fact> } | null;
  links: Record<string, string>;
  trimmed: string[];
}

/** One RFC 6902 operation. */
export type PatchOp =
  | { op: "add" | "replace" | "test"; path: string; value: Json }
  | { op: "remove"; path: string }
  | { op: "move" | "copy"; from: string; path: string };

/** A page to the gateway. */
export type ClientMessage =
  | { type: "resume"; token: string; last_seq: number }
  | { type: "call.start"; dialled: string; sdp: string }
  | { type: "media.offer"; call: CallId; sdp: string }
  | { type: "context.ack"; call: CallId; context_id: string; version: number; rendered_ms: number }
  | { type: "call.accept"; call: CallId }
  | { type: "call.decline"; call: CallId }
  | { type: "call.hold"; call: CallId; held: boolean }
  | { type: "call.transfer"; call: CallId; to: string; note: string | null; consult: boolean }
  | { type: "call.hangup"; call: CallId }
  | { type: "key"; call: CallId; key: string }
  | { type: "recording.pause"; call: CallId; paused: boolean }
  | { type: "fact.confirm"; call: CallId; key: string }
  | { type: "wrapup"; call: CallId; disposition: string; tags: string[]; resolved: boolean; note: string | null }
  | { type: "status"; state: string };

/** What the gateway tells a page. */
export type Notice =
  | { type: "call.offer"; call: CallId; card: Card; ring_deadline: UtcMillis }
  | { type: "call.withdrawn"; call: CallId; cause: Cause }
  | { type: "media.answer"; call: CallId; sdp: string }
  | { type: "call.bridged"; call: CallId; was: CallId | null; context_version: number }
  | { type: "context.patch"; call: CallId; from: number; to: number; ops: PatchOp[] }
  | { type: "call.ended"; call: CallId; cause: Cause }
  | { type: "menu"; call: CallId; items: [string, string][] }
  | { type: "caption"; call: CallId; speaker: string; text: string }
  | { type: "status"; call: CallId | null; state: string; detail: string | null };

/** The first word on every socket: the right to resume, and which channel it is. */
export interface Hello {
  type: "hello";
  resume: string;
  channel: number | string;
}

/** Something the page said was not understood or not allowed; `id` is what to quote. */
export interface ProblemNotice {
  type: "problem";
  what: string;
  /** To quote; the socket's own end gives one, the switch does not. */
  id?: string;
  /** The switch's are numbered among the notices; the socket's own end's are not. */
  seq?: number;
}

export type ServerMessage = Hello | ProblemNotice | (Notice & { seq: number });
