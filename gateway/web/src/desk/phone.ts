// The desk at work: turns notices into the call that is drawn, and what the agent does into messages.

import { computed, effect, signal } from "@preact/signals";
import { Peer } from "../media/peer";
import { Quality } from "../media/quality";
import { Channel } from "../wire/channel";
import type { LedgerState } from "../wire/ledger";
import type { CallId, Cause, Notice, ProblemNotice } from "../wire/messages";
import { isStillIn } from "./account";
import { Attention } from "./attention";
import { advance, confirmed, IDLE, isPresence, type DeskCall, type Presence } from "./call";
import { nameOf } from "./naming";
import { choice, meter, stream } from "./sound";
import { t } from "./words";

const KEPT = "tandem.channel";
/** Speech this loud, in bars, on this many more looks than quiet ones, is somebody talking into a muted microphone. */
const SPEECH_BARS = 3;
const SPEECH_LOOKS = 4;
/** Between two looks, ms. */
const SPEECH_PERIOD = 100;

/** A goodbye that is not answered by then is taken as said, ms; nobody is held in a call that is over. */
const GOODBYE_WAIT = 3_000;
const UNHEARD: Cause = { sip: 200, q850: 16, fault: "agent", retry: false };

export class Phone {
  readonly call = signal<DeskCall>(IDLE);
  readonly presence = signal<Presence>("away");
  readonly muted = signal(false);
  readonly speakingMuted = signal(false);
  readonly pausedSince = signal<number | null>(null);
  readonly problem = signal<ProblemNotice | null>(null);
  readonly wasReplaced = signal(false);
  readonly peer = signal<Peer | null>(null);
  readonly quality = signal<Quality | null>(null);
  readonly channel: Channel;
  readonly link = computed(() => this.channel.link.value);
  private readonly attention = new Attention();
  private offeredAt = 0;
  private drawnFor: CallId | null = null;
  private readonly effects: (() => void)[];

  constructor() {
    this.channel = new Channel(
      "/v1/desk",
      {
        notice: (notice) => this.hear(notice),
        problem: (problem) => (this.problem.value = problem),
        replaced: () => this.lost(),
        doubtful: () => this.channel.send({ type: "status", state: this.presence.value === "available" ? "available" : "away" }),
        mayRetry: isStillIn,
        keep,
      },
      kept(),
    );
    this.effects = [this.followMicrophone(), this.watchMutedSpeech()];
  }

  /** The card of this call is on the screen: the gateway may let the voices through. */
  drawn(call: CallId): void {
    const state = this.call.value;
    if (state.phase !== "ringing" && state.phase !== "joining") return;
    if (state.call !== call || this.drawnFor === call) return;
    this.drawnFor = call;
    performance.mark("card-drawn");
    const rendered_ms = Math.round(performance.now() - this.offeredAt);
    this.channel.send({ type: "context.ack", call, context_id: state.card.context_id, version: state.card.version, rendered_ms });
  }

  accept(): void {
    const state = this.call.value;
    if (state.phase !== "ringing") return;
    this.attention.rest();
    this.call.value = { phase: "joining", call: state.call, card: state.card, stale: state.stale };
    this.channel.send({ type: "call.accept", call: state.call });
  }

  decline(): void {
    const state = this.call.value;
    if (state.phase !== "ringing") return;
    this.channel.send({ type: "call.decline", call: state.call });
    this.call.value = IDLE;
    this.silence();
  }

  hold(held: boolean): void {
    const state = this.call.value;
    if (state.phase !== "talking") return;
    this.call.value = { ...state, held };
    this.channel.send({ type: "call.hold", call: state.call, held });
  }

  mute(muted: boolean): void {
    this.muted.value = muted;
    this.peer.value?.mute(muted);
  }

  key(key: string): void {
    const state = this.call.value;
    if (state.phase === "talking") this.channel.send({ type: "key", call: state.call, key });
  }

  pauseRecording(paused: boolean): void {
    const state = this.call.value;
    if (state.phase !== "talking") return;
    this.pausedSince.value = paused ? Date.now() : null;
    this.call.value = { ...state, card: { ...state.card, recording: { ...state.card.recording, state: paused ? "paused" : "on" } } };
    this.channel.send({ type: "recording.pause", call: state.call, paused });
  }

  hangUp(): void {
    const state = this.call.value;
    if (state.phase !== "talking" && state.phase !== "joining") return;
    this.channel.send({ type: "call.hangup", call: state.call });
    setTimeout(() => {
      const now = this.call.value;
      if ((now.phase === "talking" || now.phase === "joining") && now.call === state.call) this.hear({ type: "call.ended", call: state.call, cause: UNHEARD });
    }, GOODBYE_WAIT);
  }

  confirm(key: string): void {
    const state = this.call.value;
    if (state.phase === "idle") return;
    this.call.value = { ...state, card: confirmed(state.card, key) };
    this.channel.send({ type: "fact.confirm", call: state.call, key });
  }

  wrapUp(disposition: string, tags: string[], resolved: boolean, note: string): void {
    const state = this.call.value;
    if (state.phase !== "wrapup") return;
    this.channel.send({ type: "wrapup", call: state.call, disposition, tags, resolved, note: note === "" ? null : note });
    this.call.value = IDLE;
  }

  setPresence(presence: "available" | "away"): void {
    this.presence.value = presence;
    this.channel.send({ type: "status", state: presence });
    if (this.call.value.phase === "idle") this.call.value = IDLE;
  }

  close(): void {
    this.silence();
    for (const stop of this.effects) stop();
    this.channel.close();
  }

  private hear(notice: Notice): void {
    if (notice.type === "media.answer") {
      const state = this.call.value;
      if (state.phase !== "idle" && state.call === notice.call) void this.peer.value?.answer(notice.sdp).catch(() => undefined);
      return;
    }
    if (notice.type === "status" && notice.call === null) {
      if (isPresence(notice.state)) this.presence.value = notice.state;
    }
    const before = this.call.value;
    const after = advance(before, notice, Date.now());
    if (after === before) return;
    if (notice.type === "call.offer") {
      performance.mark("offer-received", { detail: { call: notice.call } });
      this.offeredAt = performance.now();
    }
    this.call.value = after;
    if (after.phase === "ringing") this.ring(after);
    else if (after.phase === "talking") this.talk(before, after);
    else if (after.phase === "idle" || after.phase === "wrapup") {
      this.silence();
      if (after.phase === "idle" && after.passed === "deadline") this.presence.value = "unreachable";
    }
  }

  private ring(state: Extract<DeskCall, { phase: "ringing" }>): void {
    this.silence();
    this.drawnFor = null;
    // A replay may bring a ring that is over: it is drawn until its end is read, but not rung.
    if (state.deadline <= Date.now()) return;
    this.connect(state.call);
    const who = nameOf(state.card);
    this.attention.call(t("title.ringing", { who }), t("notify.body", { reason: state.card.reason?.label ?? state.card.brief }), choice.value.speaker);
  }

  private talk(before: DeskCall, after: Extract<DeskCall, { phase: "talking" }>): void {
    this.attention.rest();
    if (before.phase === "talking") return;
    if (!this.peer.value) this.connect(after.call);
    const peer = this.peer.value;
    if (peer && !this.quality.value) this.quality.value = new Quality(peer);
    peer?.mute(this.muted.value);
  }

  /** While it rings, so that ICE and DTLS are done before the agent's hand has reached the key. */
  private connect(call: CallId): void {
    const voice = stream.value;
    if (!voice) return;
    const peer = new Peer(
      voice,
      (sdp) => {
        // Merged calls go on under another id.
        const state = this.call.value;
        this.channel.send({ type: "media.offer", call: state.phase === "idle" ? call : state.call, sdp });
      },
      choice.value.speaker,
    );
    this.peer.value = peer;
    void peer.offer().catch(() => undefined);
  }

  private silence(): void {
    this.attention.rest();
    this.quality.value?.close();
    this.quality.value = null;
    this.peer.value?.close();
    this.peer.value = null;
    this.muted.value = false;
    this.speakingMuted.value = false;
    this.pausedSince.value = null;
    for (const track of stream.value?.getAudioTracks() ?? []) track.enabled = true;
  }

  private lost(): void {
    const state = this.call.value;
    if (state.phase !== "idle") this.wasReplaced.value = true;
    this.silence();
    const cause = { sip: 503, q850: 41, fault: "gateway", retry: true } as const;
    this.call.value =
      state.phase === "talking" ? { phase: "wrapup", call: state.call, card: state.card, stale: state.stale, cause, talked: Date.now() - state.since } : state.phase === "wrapup" ? state : IDLE;
    // The new channel starts as away; the agent's wish has not changed.
    if (this.presence.value === "available") this.channel.send({ type: "status", state: "available" });
  }

  private followMicrophone(): () => void {
    return effect(() => {
      const track = stream.value?.getAudioTracks()[0];
      const peer = this.peer.peek();
      if (track && peer) void peer.replace(track).catch(() => undefined);
    });
  }

  private watchMutedSpeech(): () => void {
    let looks = 0;
    // By the clock, not by the meter's changes: a voice that stays as loud as it is changes nothing.
    const timer = setInterval(() => {
      const level = meter.peek()?.level.peek() ?? 0;
      if (!this.muted.peek()) looks = 0;
      else if (level >= SPEECH_BARS) looks = Math.min(looks + 1, SPEECH_LOOKS * 4);
      else looks = Math.max(0, looks - 1);
      this.speakingMuted.value = this.muted.peek() && looks >= SPEECH_LOOKS;
    }, SPEECH_PERIOD);
    return () => clearInterval(timer);
  }
}

function keep(state: LedgerState | null): void {
  if (state) sessionStorage.setItem(KEPT, JSON.stringify(state));
  else sessionStorage.removeItem(KEPT);
}

function kept(): LedgerState | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as LedgerState | null;
  } catch {
    return null;
  }
}
