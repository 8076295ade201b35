// Record three seconds and hear them back: the only test of a headset that a person believes.

/** ms. */
const LENGTH = 3_000;

export async function recordAndPlay(stream: MediaStream, speaker: string | undefined, playing: () => void): Promise<void> {
  const recorder = new MediaRecorder(stream);
  const chunks: Blob[] = [];
  recorder.ondataavailable = (event) => chunks.push(event.data);
  const stopped = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start();
  await new Promise((resolve) => setTimeout(resolve, LENGTH));
  recorder.stop();
  await stopped;
  // Decoded here rather than played from a blob: URL, which the page's policy forbids.
  const context = new AudioContext();
  if (speaker && "setSinkId" in context) await (context as AudioContext & { setSinkId(id: string): Promise<void> }).setSinkId(speaker).catch(() => undefined);
  const sound = await context.decodeAudioData(await new Blob(chunks).arrayBuffer());
  const source = new AudioBufferSourceNode(context, { buffer: sound });
  source.connect(context.destination);
  playing();
  source.start();
  await new Promise((resolve) => (source.onended = resolve));
  await context.close();
}
