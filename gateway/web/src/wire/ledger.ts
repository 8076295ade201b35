// What a page must remember to come back to its channel after a lost socket: the right to resume, and how far it has read.

import type { Hello } from "./messages";

/** Longest pause between two attempts, ms: an agent sees the gateway come back within this. */
const PAUSE_MAX = 8_000;
const PAUSE_FIRST = 250;

/** `doubtful`: greeted as somebody new although we asked to resume; the gateway may not have read that yet, so what comes next decides. */
export type Greeting = "first" | "resumed" | "replaced" | "doubtful";
/** `anew`: this is the first word of a new channel, the one we knew is gone. */
export type Place = "next" | "seen" | "gap" | "anew";

export interface LedgerState {
  token: string;
  channel: number | string;
}

export class Ledger {
  private state: LedgerState | null;
  private read = 0;
  private doubt: LedgerState | null = null;

  /** `kept` is what an earlier life of this page left behind; then everything is replayed. */
  constructor(kept: LedgerState | null = null) {
    this.state = kept;
  }

  /** What to say first on a new socket; nothing on the very first one. */
  get resume(): { type: "resume"; token: string; last_seq: number } | null {
    return this.state && { type: "resume", token: this.state.token, last_seq: this.read };
  }

  get kept(): LedgerState | null {
    return this.state;
  }

  /** `replaced` means that the channel we knew is gone, and with it everything it carried. */
  greet(hello: Hello): Greeting {
    const greeted = { token: hello.resume, channel: hello.channel };
    const known = this.state?.channel;
    if (known !== undefined && known !== hello.channel && !this.doubt && this.read > 0) {
      this.doubt = greeted;
      return "doubtful";
    }
    this.doubt = null;
    this.state = greeted;
    if (known === hello.channel) return "resumed";
    this.read = 0;
    return known === undefined ? "first" : "replaced";
  }

  /** Numbers run from 1 without gaps; what was seen before is to be dropped, a gap calls for a replay. */
  place(seq: number): Place {
    if (this.doubt) {
      const greeted = this.doubt;
      this.doubt = null;
      if (seq === 1) {
        this.state = greeted;
        this.read = 1;
        return "anew";
      }
    }
    if (seq <= this.read) return "seen";
    if (seq > this.read + 1) return "gap";
    this.read = seq;
    return "next";
  }

  /** Goes on after a gap that a replay did not fill. */
  skipTo(seq: number): void {
    this.read = Math.max(this.read, seq);
  }

  /** A new socket: doubts about the last one are over. */
  reopen(): void {
    this.doubt = null;
  }

  forget(): void {
    this.doubt = null;
    this.state = null;
    this.read = 0;
  }
}

/** The pause before attempt `attempt` (from 0), ms: doubling, and half of it by chance, so that a thousand desks do not return in one instant. */
export function pauseBefore(attempt: number, chance: number): number {
  const whole = Math.min(PAUSE_MAX, PAUSE_FIRST * 2 ** Math.min(attempt, 10));
  return Math.round(whole / 2 + (whole / 2) * chance);
}
