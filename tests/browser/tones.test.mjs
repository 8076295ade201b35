// The ear itself: what it must not take for the other's voice.

import assert from "node:assert/strict";
import { test } from "node:test";
import { heard, loudest, readWav, tone, writeWav } from "./tones.mjs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const RATE = 8_000;
const voice = tone(440, RATE, 2);

test("a tone is heard in every window, and no other is", () => {
  assert.deepEqual(heard(voice, RATE, 440), { hz: 440, windows: 20, share: 1 });
  assert.equal(heard(voice, RATE, 880).share, 0);
});

test("silence, and what is too quiet to hear, is no voice", () => {
  assert.equal(heard(new Float32Array(2 * RATE), RATE, 440).share, 0);
  assert.equal(heard(tone(440, RATE, 2, 0.002), RATE, 440).share, 0);
  assert.equal(loudest(new Float32Array(2 * RATE), RATE), 0);
});

test("a voice that is gone for a second is heard half of the time", () => {
  assert.equal(heard(voice.map((sample, n) => (n < RATE ? sample : 0)), RATE, 440).share, 0.5);
});

test("a voice whose phase jumps is the same voice", () => {
  assert.equal(heard(voice.map((sample, n) => (n < RATE + 400 ? sample : -sample)), RATE, 440).share, 1);
});

test("a louder other voice hides it", () => {
  const both = voice.map((sample, n) => sample / 4 + 0.4 * Math.sin((2 * Math.PI * 880 * n) / RATE));
  assert.equal(heard(both, RATE, 440).share, 0);
  assert.equal(heard(both, RATE, 880).share, 1);
});

test("channels of a file stay apart", () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-tones-"));
  const path = join(folder, "two.wav");
  writeWav(path, RATE, voice, tone(880, RATE, 2));
  const { rate, channels } = readWav(path);
  rmSync(folder, { recursive: true });
  assert.equal(rate, RATE);
  assert.deepEqual(channels.map((samples) => [heard(samples, rate, 440).share, heard(samples, rate, 880).share]), [[1, 0], [0, 1]]);
});
