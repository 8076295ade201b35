// The microphone, or why there is none. `?fake` replaces it by a tone, for tests and for machines without one.

export type MicrophoneFault = "refused" | "missing" | "insecure" | "busy";

export class MicrophoneError extends Error {
  constructor(readonly fault: MicrophoneFault) {
    super(fault);
  }
}

/** Default pitch of the built-in tone, Hz. */
const TONE = 440;

/** The pitch asked for by `?fake=1` or `?fake=<Hz>`; `null` without it. */
export function fakePitch(search: string): number | null {
  const asked = new URLSearchParams(search).get("fake");
  if (asked === null || asked === "0") return null;
  const pitch = Number(asked);
  return Number.isFinite(pitch) && pitch >= 50 && pitch <= 8_000 ? pitch : TONE;
}

/** Opens the microphone; the browser asks the user if it must. */
export async function openMicrophone(deviceId?: string): Promise<MediaStream> {
  const pitch = fakePitch(location.search);
  if (pitch !== null) return tone(pitch);
  // Off localhost, plain HTTP has no mediaDevices at all.
  if (!window.isSecureContext || !navigator.mediaDevices) throw new MicrophoneError("insecure");
  const wanted: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { ...wanted, ...(deviceId && { deviceId: { exact: deviceId } }) } });
  } catch (error) {
    // The remembered headset is at home: any other will do.
    if (deviceId && named(error, "OverconstrainedError", "NotFoundError")) return openMicrophone();
    throw new MicrophoneError(faultOf(error));
  }
}

export interface Devices {
  microphones: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

export async function listDevices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  return {
    microphones: all.filter((device) => device.kind === "audioinput" && device.deviceId !== ""),
    speakers: all.filter((device) => device.kind === "audiooutput" && device.deviceId !== ""),
  };
}

/** Whether the microphone was granted before, so that no question would appear. */
export async function isGranted(): Promise<boolean> {
  if (fakePitch(location.search) !== null) return true;
  try {
    const state = await navigator.permissions.query({ name: "microphone" as PermissionName });
    return state.state === "granted";
  } catch {
    return false;
  }
}

export function stop(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

function tone(pitch: number): MediaStream {
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency: pitch });
  const volume = new GainNode(context, { gain: 0.3 });
  const sink = context.createMediaStreamDestination();
  oscillator.connect(volume).connect(sink);
  oscillator.start();
  void context.resume();
  return sink.stream;
}

function faultOf(error: unknown): MicrophoneFault {
  if (named(error, "NotFoundError", "OverconstrainedError")) return "missing";
  if (named(error, "NotReadableError", "AbortError")) return "busy";
  return "refused";
}

function named(error: unknown, ...names: string[]): boolean {
  return error instanceof DOMException && names.includes(error.name);
}
