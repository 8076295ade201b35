// The caller's line: from the right to call to the last goodbye.

import { signal } from "@preact/signals";
import { Meter } from "../media/meter";
import { MicrophoneError, openMicrophone, stop, type MicrophoneFault } from "../media/microphone";
import { Peer } from "../media/peer";
import { Channel } from "../wire/channel";
import type { Notice, ProblemNotice } from "../wire/messages";
import { advance, CONNECTING, type CallerCall } from "./call";
import { token } from "./chat";

/** The script that the shop's number runs. */
const DIALLED = "main";

/** The call, `null` when there is none. */
export const call = signal<CallerCall | null>(null);
export const asking = signal(false);
export const microphoneFault = signal<MicrophoneFault | null>(null);
export const fault = signal<unknown>(null);
export const problem = signal<ProblemNotice | null>(null);
export const muted = signal(false);
export const line = signal<Line | null>(null);

export async function dial(): Promise<void> {
  if (asking.value || line.value) return;
  asking.value = true;
  microphoneFault.value = null;
  fault.value = null;
  problem.value = null;
  let stream: MediaStream | null = null;
  try {
    stream = await openMicrophone();
    line.value = new Line(stream, await token());
  } catch (error) {
    stop(stream);
    if (error instanceof MicrophoneError) microphoneFault.value = error.fault;
    else fault.value = error;
  }
  asking.value = false;
}

export class Line {
  readonly peer: Peer;
  readonly meter: Meter;
  readonly channel: Channel;
  private started = false;

  constructor(
    private readonly stream: MediaStream,
    token: string,
  ) {
    call.value = CONNECTING;
    muted.value = false;
    performance.mark("call-started");
    this.meter = new Meter(stream);
    this.channel = new Channel(`/v1/caller?token=${encodeURIComponent(token)}`, {
      notice: (notice) => this.hear(notice),
      problem: (told) => (problem.value = told),
      replaced: () => this.end(null),
      mayRetry: () => Promise.resolve(call.value?.stage !== "ended"),
    });
    this.peer = new Peer(stream, (sdp) => this.offer(sdp));
    void this.peer.offer().catch((error: unknown) => (fault.value = error));
  }

  key(key: string): void {
    const id = call.value?.call;
    if (id != null) this.channel.send({ type: "key", call: id, key });
  }

  mute(off: boolean): void {
    muted.value = off;
    this.peer.mute(off);
  }

  hangUp(): void {
    const id = call.value?.call;
    if (id != null) this.channel.send({ type: "call.hangup", call: id });
    this.end(null);
  }

  private offer(sdp: string): void {
    const id = call.value?.call;
    if (!this.started) this.channel.send({ type: "call.start", dialled: DIALLED, sdp });
    else if (id != null) this.channel.send({ type: "media.offer", call: id, sdp });
    this.started = true;
  }

  private hear(notice: Notice): void {
    const state = call.value;
    if (!state) return;
    if (notice.type === "media.answer") void this.peer.answer(notice.sdp).catch((error: unknown) => (fault.value = error));
    const next = advance(state, notice, Date.now());
    call.value = next;
    if (next.stage === "ended") this.end(next);
  }

  private end(last: CallerCall | null): void {
    const state = last ?? call.value;
    if (state) call.value = { ...state, stage: "ended", menu: [] };
    this.meter.close();
    this.peer.close();
    stop(this.stream);
    line.value = null;
    // The goodbye just sent must leave before the socket does; close() flushes what is buffered.
    this.channel.close();
  }
}
