// How well the two hear each other, in one word, from what the browser counts.

import { signal } from "@preact/signals";
import type { Peer } from "./peer";

export type Verdict = "unknown" | "good" | "fair" | "poor";

/** One look: round trip and jitter in ms, loss in per cent since the look before. */
export interface Look {
  roundTrip: number | null;
  jitter: number;
  loss: number;
}

const PERIOD = 2_000;
/** A verdict gets worse only when it was so in this many of the last looks; one burst is not a bad line. */
const LOOKS = 5;
const LOOKS_BAD = 3;

/** Round trip over 400 ms, jitter over 30 ms or loss over 3 % are heard as trouble; half of that is noticed. */
export function judge(look: Look): Verdict {
  const strain = Math.max((look.roundTrip ?? 0) / 400, look.jitter / 30, look.loss / 3);
  return strain > 1 ? "poor" : strain > 0.5 ? "fair" : "good";
}

export function verdict(looks: Look[]): Verdict {
  if (looks.length === 0) return "unknown";
  const recent = looks.slice(-LOOKS).map(judge);
  const count = (...which: Verdict[]): number => recent.filter((one) => which.includes(one)).length;
  if (count("poor") >= LOOKS_BAD) return "poor";
  if (count("poor", "fair") >= LOOKS_BAD) return "fair";
  return "good";
}

export class Quality {
  readonly verdict = signal<Verdict>("unknown");
  readonly last = signal<Look | null>(null);
  private looks: Look[] = [];
  private received = 0;
  private lost = 0;
  private readonly timer: number;

  constructor(private readonly peer: Peer) {
    this.timer = window.setInterval(() => void this.look(), PERIOD);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.peer.state.peek() !== "connected") return;
    let roundTrip: number | null = null;
    let jitter = 0;
    let received = 0;
    let lost = 0;
    for (const entry of (await this.peer.stats()).values() as Iterable<Record<string, unknown>>) {
      if (entry["type"] === "inbound-rtp") {
        received = Number(entry["packetsReceived"] ?? 0);
        lost = Number(entry["packetsLost"] ?? 0);
        jitter = Number(entry["jitter"] ?? 0) * 1_000;
      } else if (entry["type"] === "candidate-pair" && entry["nominated"] === true && typeof entry["currentRoundTripTime"] === "number") {
        roundTrip = entry["currentRoundTripTime"] * 1_000;
      }
    }
    const [newReceived, newLost] = [received - this.received, lost - this.lost];
    [this.received, this.lost] = [received, lost];
    // Nothing arrives while the caller is on hold; silence is no verdict.
    if (newReceived + newLost <= 0) return;
    const look = { roundTrip, jitter, loss: (Math.max(0, newLost) / (newReceived + newLost)) * 100 };
    this.looks = [...this.looks.slice(1 - LOOKS), look];
    this.last.value = look;
    this.verdict.value = verdict(this.looks);
  }
}
