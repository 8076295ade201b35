// How loud a stream is right now.

import { signal, type ReadonlySignal } from "@preact/signals";

/** Bars that a meter has. */
export const BARS = 5;
/** dBFS below which it is silence, and the width of one bar. */
const FLOOR = -55;
const BAR_DB = 9;
/** Looks per second: enough for an eye, cheap for eight hours. */
const PERIOD = 80;

export class Meter {
  private readonly level_ = signal(0);
  private readonly context = new AudioContext();
  private readonly track: MediaStreamTrack | undefined;
  private readonly timer: number;

  /** Listens to a clone, so that muting the sent track does not blind it. */
  constructor(stream: MediaStream) {
    this.track = stream.getAudioTracks()[0]?.clone();
    const analyser = new AnalyserNode(this.context, { fftSize: 1024 });
    if (this.track) {
      this.track.enabled = true;
      this.context.createMediaStreamSource(new MediaStream([this.track])).connect(analyser);
    }
    const samples = new Float32Array(analyser.fftSize);
    this.timer = window.setInterval(() => {
      if (this.context.state === "suspended") void this.context.resume();
      analyser.getFloatTimeDomainData(samples);
      this.level_.value = bars(samples);
    }, PERIOD);
  }

  /** 0 (silence) to `BARS`. */
  get level(): ReadonlySignal<number> {
    return this.level_;
  }

  close(): void {
    clearInterval(this.timer);
    this.track?.stop();
    void this.context.close();
  }
}

/** Root mean square of one look, as bars. */
export function bars(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const loudness = 10 * Math.log10(sum / samples.length + 1e-12);
  return Math.max(0, Math.min(BARS, Math.ceil((loudness - FLOOR) / BAR_DB)));
}
