// One call's audio between this browser and the gateway: we offer, it answers; candidates are never sent, it learns ours from our checks (RFC 8445 7.3.1.3).

import { signal } from "@preact/signals";

/** How long ICE may be disconnected before a new offer goes out, ms: Wi-Fi roaming mends itself in less. */
const ROAM_WAIT = 2_000;
/** Between two looks for the first sound, ms. */
const LISTEN_PERIOD = 10;

export type MediaState = "new" | "connecting" | "connected" | "broken" | "closed";

/** Says our offer to the gateway; called again when the network changes. */
export type SendOffer = (sdp: string) => void;

export class Peer {
  readonly state = signal<MediaState>("new");
  private readonly connection = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  private readonly sender: RTCRtpSender;
  private readonly audio = new Audio();
  private roaming = 0;
  private listening = 0;
  private ended = false;

  constructor(
    stream: MediaStream,
    private readonly send: SendOffer,
    speaker?: string,
  ) {
    const track = stream.getAudioTracks()[0]!;
    const transceiver = this.connection.addTransceiver(track, { direction: "sendrecv", streams: [stream] });
    this.sender = transceiver.sender;
    prefer(transceiver);
    this.audio.autoplay = true;
    this.route(speaker);
    this.connection.ontrack = (event) => {
      this.audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      void this.audio.play().catch(() => undefined);
    };
    this.connection.onconnectionstatechange = () => this.changed();
  }

  async offer(options?: RTCOfferOptions): Promise<void> {
    const offer = await this.connection.createOffer(options);
    await this.connection.setLocalDescription(offer);
    // What createOffer wrote has no candidates yet, which is what is wanted: nothing to wait for.
    if (!this.ended) this.send(offer.sdp ?? "");
  }

  async answer(sdp: string): Promise<void> {
    if (this.connection.signalingState !== "have-local-offer") return;
    await this.connection.setRemoteDescription({ type: "answer", sdp });
  }

  /** Puts another microphone in place, without a new offer. */
  async replace(track: MediaStreamTrack): Promise<void> {
    track.enabled = this.sender.track?.enabled ?? true;
    await this.sender.replaceTrack(track);
  }

  mute(muted: boolean): void {
    if (this.sender.track) this.sender.track.enabled = !muted;
  }

  /** Plays through this speaker, where the browser can choose. */
  route(speaker?: string): void {
    if (speaker && "setSinkId" in this.audio) void this.audio.setSinkId(speaker).catch(() => undefined);
  }

  stats(): Promise<RTCStatsReport> {
    return this.connection.getStats();
  }

  close(): void {
    this.ended = true;
    clearTimeout(this.roaming);
    clearInterval(this.listening);
    this.connection.close();
    this.audio.srcObject = null;
    this.state.value = "closed";
  }

  private changed(): void {
    if (this.ended) return;
    clearTimeout(this.roaming);
    switch (this.connection.connectionState) {
      case "connecting":
        this.state.value = "connecting";
        break;
      case "connected":
        if (this.listening === 0) {
          performance.mark("media-connected");
          this.listen();
        }
        this.state.value = "connected";
        break;
      case "disconnected":
        this.state.value = "broken";
        this.roaming = window.setTimeout(() => this.restart(), ROAM_WAIT);
        break;
      case "failed":
        this.state.value = "broken";
        this.restart();
        break;
      case "closed":
        this.state.value = "closed";
        break;
    }
  }

  private restart(): void {
    if (this.connection.signalingState === "stable") void this.offer({ iceRestart: true }).catch(() => undefined);
  }

  private listen(): void {
    this.listening = window.setInterval(() => {
      const heard = this.connection.getReceivers().some((receiver) => receiver.getSynchronizationSources().length > 0);
      if (!heard) return;
      clearInterval(this.listening);
      performance.mark("first-audio");
    }, LISTEN_PERIOD);
  }
}

/** Opus, and keys at its clock: telephone-event/8000 beside it would be answered with the wrong clock. */
function prefer(transceiver: RTCRtpTransceiver): void {
  const known = RTCRtpReceiver.getCapabilities("audio")?.codecs ?? [];
  const mime = (codec: { mimeType: string }): string => codec.mimeType.toLowerCase();
  const wanted = known.filter((codec) => mime(codec) === "audio/opus" || (mime(codec) === "audio/telephone-event" && codec.clockRate === 48_000));
  if (wanted.some((codec) => mime(codec) === "audio/opus")) transceiver.setCodecPreferences(wanted);
}
