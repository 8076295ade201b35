// Tones: made, written and read as WAV, and proven to be heard.

import { readFileSync, writeFileSync } from "node:fs";

/** What is judged at a time, s. */
const WINDOW = 0.1;
/** A tone is looked for in pieces of a window, s: where a jitter buffer leaves out or puts in a frame its phase jumps, and the ear does not mind. */
const PIECE = 0.02;
/** RMS below which a window is silence, of full scale: -50 dBFS. */
const SILENCE = 0.003;
/** Share of a window's energy that must be the tone's; what else there is was not said by that party. */
const PURITY = 0.5;

/** A steady tone. Whole periods in whole seconds, so that a player that loops it does not click. */
export function tone(hz, rate, seconds, amplitude = 0.4) {
  const samples = new Float32Array(rate * seconds);
  for (let n = 0; n < samples.length; n++) samples[n] = amplitude * Math.sin((2 * Math.PI * hz * n) / rate);
  return samples;
}

/** 16-bit PCM, one array of samples in -1..1 for each channel. */
export function writeWav(path, rate, ...channels) {
  const width = 2 * channels.length;
  const bytes = Buffer.alloc(44 + channels[0].length * width);
  bytes.write("RIFF", 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(channels.length, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * width, 28);
  bytes.writeUInt16LE(width, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(bytes.length - 44, 40);
  channels.forEach((samples, channel) =>
    samples.forEach((sample, n) => bytes.writeInt16LE(Math.round(32_767 * Math.max(-1, Math.min(1, sample))), 44 + n * width + 2 * channel)),
  );
  writeFileSync(path, bytes);
}

/** `{rate, channels}` of a 16-bit PCM file; chunks other than fmt and data are passed over. */
export function readWav(source) {
  const bytes = Buffer.isBuffer(source) ? source : readFileSync(source);
  if (bytes.toString("latin1", 0, 4) !== "RIFF") throw new Error("this is no WAV file");
  let format = null;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const [name, size] = [bytes.toString("latin1", at, at + 4), bytes.readUInt32LE(at + 4)];
    if (name === "fmt ") format = { channels: bytes.readUInt16LE(at + 10), rate: bytes.readUInt32LE(at + 12), bits: bytes.readUInt16LE(at + 22) };
    if (name === "data") return samplesOf(bytes.subarray(at + 8, Math.min(bytes.length, at + 8 + size)), format);
    at += 8 + size + (size % 2);
  }
  throw new Error("this WAV file holds no samples");
}

function samplesOf(bytes, { channels: count, rate, bits }) {
  if (bits !== 16) throw new Error(`${bits} bits in a sample, 16 expected`);
  const length = Math.floor(bytes.length / (2 * count));
  const channels = Array.from({ length: count }, (_, channel) => Float32Array.from({ length }, (_, n) => bytes.readInt16LE(2 * (n * count + channel)) / 32_768));
  return { rate, channels };
}

/** Energy, and the tone's part of it, by Goertzel. */
function goertzel(samples, rate, hz) {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / rate);
  let [before, last, energy] = [0, 0, 0];
  for (const sample of samples) {
    [before, last] = [last, sample + coefficient * last - before];
    energy += sample * sample;
  }
  return { energy, tone: (last * last + before * before - coefficient * last * before) * (2 / samples.length) };
}

/** Root mean square of a window, and the tone's share of its energy. */
function judge(samples, rate, hz) {
  const width = Math.round(rate * PIECE);
  let [energy, tone] = [0, 0];
  for (let from = 0; from < samples.length; from += width) {
    const piece = goertzel(samples.subarray(from, from + width), rate, hz);
    energy += piece.energy;
    tone += piece.tone;
  }
  return { rms: Math.sqrt(energy / samples.length), purity: energy > 0 ? tone / energy : 0 };
}

/** For each 100 ms, whether the tone is what is heard. */
export function windows(samples, rate, hz) {
  const width = Math.round(rate * WINDOW);
  return Array.from({ length: Math.floor(samples.length / width) }, (_, n) => {
    const { rms, purity } = judge(samples.subarray(n * width, (n + 1) * width), rate, hz);
    return rms > SILENCE && purity > PURITY;
  });
}

/** Share of windows in which the tone is heard, and how many there are. */
export function heard(samples, rate, hz) {
  const all = windows(samples, rate, hz);
  return { hz, windows: all.length, share: all.length === 0 ? 0 : all.filter(Boolean).length / all.length };
}

/** The loudest it gets in any window. */
export function loudest(samples, rate) {
  const width = Math.round(rate * WINDOW);
  let most = 0;
  for (let from = 0; from + width <= samples.length; from += width) most = Math.max(most, judge(samples.subarray(from, from + width), rate, 440).rms);
  return most;
}
