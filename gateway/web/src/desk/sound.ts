// The agent's microphone and speaker: chosen once, remembered, kept open while at the desk so that a ring need not wait for them.

import { signal } from "@preact/signals";
import { Meter } from "../media/meter";
import { fakePitch, isGranted, listDevices, MicrophoneError, openMicrophone, stop, type Devices, type MicrophoneFault } from "../media/microphone";

const KEPT = "tandem.sound";

interface Choice {
  microphone?: string;
  speaker?: string;
}

export const choice = signal<Choice>(kept());
export const devices = signal<Devices>({ microphones: [], speakers: [] });
export const stream = signal<MediaStream | null>(null);
export const meter = signal<Meter | null>(null);
export const fault = signal<MicrophoneFault | null>(null);

/** Whether the gate can be passed without asking: chosen here before, and the browser will not ask either. */
export async function isSettled(): Promise<boolean> {
  return localStorage.getItem(KEPT) !== null && fakePitch(location.search) === null && (await isGranted());
}

export async function open(): Promise<boolean> {
  try {
    adopt(await openMicrophone(choice.value.microphone));
    fault.value = null;
    devices.value = await listDevices();
    return true;
  } catch (error) {
    adopt(null);
    fault.value = error instanceof MicrophoneError ? error.fault : "refused";
    return false;
  }
}

export async function pick(change: Choice): Promise<void> {
  const other = change.microphone !== undefined && change.microphone !== choice.value.microphone;
  choice.value = { ...choice.value, ...change };
  if (other) await open();
}

export function remember(): void {
  localStorage.setItem(KEPT, JSON.stringify(choice.value));
}

/** Watches for headsets that come and go; a lost microphone is replaced by whatever is left. */
export function watch(): () => void {
  const changed = async (): Promise<void> => {
    devices.value = await listDevices();
    if (stream.value?.getAudioTracks()[0]?.readyState !== "live") await open();
  };
  const listener = (): void => void changed();
  navigator.mediaDevices?.addEventListener("devicechange", listener);
  return () => navigator.mediaDevices?.removeEventListener("devicechange", listener);
}

export function release(): void {
  adopt(null);
}

function adopt(next: MediaStream | null): void {
  meter.value?.close();
  stop(stream.value);
  stream.value = next;
  meter.value = next && new Meter(next);
  const track = next?.getAudioTracks()[0];
  const using = track?.getSettings().deviceId;
  if (using) choice.value = { ...choice.value, microphone: using };
  // Unplugged in the middle of a call: the caller must not wait for a click.
  track?.addEventListener("ended", () => stream.value === next && void open());
}

function kept(): Choice {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Choice;
  } catch {
    return {};
  }
}
