// The ring, made of two sine waves: nothing to fetch, nothing to fail.

/** Two short calls a fifth apart, then rest; ms. */
const PERIOD = 3_000;

export class Ring {
  private context: AudioContext | null = null;
  private timer = 0;

  start(speaker?: string): void {
    if (this.context) return;
    const context = new AudioContext();
    this.context = context;
    if (speaker && "setSinkId" in context) void (context as AudioContext & { setSinkId(id: string): Promise<void> }).setSinkId(speaker).catch(() => undefined);
    void context.resume();
    this.burst();
    this.timer = window.setInterval(() => this.burst(), PERIOD);
  }

  stop(): void {
    clearInterval(this.timer);
    void this.context?.close();
    this.context = null;
  }

  private burst(): void {
    for (const [after, pitch] of [[0, 587], [0.22, 880], [0.6, 587], [0.82, 880]] as const) this.note(after, pitch);
  }

  private note(after: number, pitch: number): void {
    const context = this.context;
    if (!context) return;
    const at = context.currentTime + 0.02 + after;
    const voice = new OscillatorNode(context, { frequency: pitch });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.18, at + 0.015);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.3);
    voice.connect(volume).connect(context.destination);
    voice.start(at);
    voice.stop(at + 0.32);
  }
}
