// An ear in a page: keeps what the page's peer connections receive, sample by sample, and counts their packets.

import { windows } from "./tones.mjs";

/** What is kept, Hz: a third of what the browser plays, enough for tones and speech. */
export const RATE = 16_000;

/** Runs in the page before its own script. */
function listen(rate) {
  const Plain = globalThis.RTCPeerConnection;
  const heard = [];
  const peers = [];
  globalThis.RTCPeerConnection = class extends Plain {
    constructor(...args) {
      super(...args);
      peers.push(this);
      this.addEventListener("track", (event) => void keep(event.track));
    }

    setLocalDescription(...args) {
      performance.mark("offer-made");
      return super.setLocalDescription(...args);
    }
  };
  // Said again when a held track comes back, for the same track.
  const known = new Set();
  const keep = async (track) => {
    if (known.has(track)) return;
    known.add(track);
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 500 }).readable.getReader();
    let rest = { sum: 0, count: 0 };
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const samples = new Float32Array(value.numberOfFrames);
      value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      const every = value.sampleRate / rate;
      value.close();
      for (const sample of samples) {
        rest.sum += sample;
        rest.count += 1;
        if (rest.count < every) continue;
        heard.push(Math.round((32_767 * rest.sum) / rest.count));
        rest = { sum: 0, count: 0 };
      }
    }
  };
  // A steady tone is what noise suppression takes for noise; a headset's other guards have nothing to do here either.
  const media = globalThis.navigator.mediaDevices;
  const open = media?.getUserMedia.bind(media);
  if (open) {
    media.getUserMedia = ({ audio }) => open({ audio: { ...audio, echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  }
  globalThis.ear = {
    length: () => heard.length,
    since: (from) => {
      const bytes = new Uint8Array(Int16Array.from(heard.slice(from)).buffer);
      let text = "";
      for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
      return btoa(text);
    },
    packets: async () => {
      let received = 0;
      for (const peer of peers.filter((one) => one.connectionState !== "closed"))
        for (const entry of (await peer.getStats()).values()) if (entry.type === "inbound-rtp") received += entry.packetsReceived;
      return received;
    },
  };
}

export class Ear {
  constructor(page) {
    this.page = page;
  }

  /** Must be there before the page is. */
  static async in(page) {
    await page.addInitScript(listen, RATE);
    return new Ear(page);
  }

  /** Samples heard so far. */
  now() {
    return this.page.evaluate(() => globalThis.ear.length());
  }

  /** Packets that the peers which are open have received. */
  packets() {
    return this.page.evaluate(() => globalThis.ear.packets());
  }

  async since(from) {
    const bytes = Buffer.from(await this.page.evaluate((from) => globalThis.ear.since(from), from), "base64");
    return Float32Array.from({ length: bytes.length / 2 }, (_, n) => bytes.readInt16LE(2 * n) / 32_768);
  }

  /** The next `seconds` of what is heard. */
  async next(seconds, from) {
    const begin = from ?? (await this.now());
    const until = begin + seconds * RATE;
    await this.page.waitForFunction((until) => globalThis.ear.length() >= until, until, { timeout: seconds * 1_000 + 5_000, polling: 50 });
    return (await this.since(begin)).subarray(0, seconds * RATE);
  }

  /** Where the tone begins, in samples, looking from `from` on for at most 3 s. */
  async onset(hz, from) {
    for (let seconds = 0.5; seconds <= 3; seconds += 0.5) {
      const first = windows(await this.next(seconds, from), RATE, hz).indexOf(true);
      if (first >= 0) return from + Math.round((first * RATE) / 10);
    }
    throw new Error(`${hz} Hz was not heard within 3 s`);
  }
}
