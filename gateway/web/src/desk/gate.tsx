// The device gate: nobody takes calls before having been heard.

import { useEffect, useState } from "preact/hooks";
import { Level } from "../look/level";
import { Fault } from "../look/problem";
import { recordAndPlay } from "../media/echo";
import { shared } from "../words/shared";
import * as sound from "./sound";
import { t } from "./words";

type Echo = "idle" | "recording" | "playing" | "failed";

/** `insist` shows the gate although everything is settled: the agent asked for it. */
export function Gate({ pass, insist }: { pass: () => void; insist: boolean }) {
  const [asking, setAsking] = useState(true);
  const [heard, setHeard] = useState(false);
  const stream = sound.stream.value;
  const meter = sound.meter.value;
  const fault = sound.fault.value;

  const open = async (): Promise<void> => {
    setAsking(true);
    const opened = stream !== null || (await sound.open());
    setAsking(false);
    if (opened && !insist && (await sound.isSettled())) pass();
  };
  useEffect(() => {
    void open();
    return sound.watch();
  }, []);
  const level = meter?.level.value ?? 0;
  useEffect(() => {
    if (level >= 2) setHeard(true);
  }, [level]);

  const go = (): void => {
    sound.remember();
    pass();
  };
  return (
    <main class="door" data-state={fault ? `gate-${fault}` : stream ? "gate-ready" : "gate"}>
      <form
        class="sheet"
        onSubmit={(event) => {
          event.preventDefault();
          go();
        }}
      >
        <h1>{t("gate.heading")}</h1>
        <p class="soft">{t("gate.lead")}</p>
        {fault && <Fault what={shared(`mic.${fault}`)} todo={shared(`mic.${fault}.do`)} retry={() => void open()} />}
        {!fault && asking && !stream && (
          <p class="wait-text" role="status">
            {t("gate.asking")}
          </p>
        )}
        {stream && <Pickers />}
        {stream && (
          <div class="hear" role="status">
            <Level meter={meter} label={t("mic.level")} large />
            <span class={heard ? "live-text" : "soft"}>{t(heard ? "gate.heard" : "gate.speak")}</span>
          </div>
        )}
        {stream && <EchoTest stream={stream} />}
        {stream && <Notify />}
        <button class="primary wide" type="submit" disabled={!stream} data-testid="gate-go">
          {t("gate.go")}
        </button>
      </form>
    </main>
  );
}

function Pickers() {
  const { microphones, speakers } = sound.devices.value;
  const { microphone, speaker } = sound.choice.value;
  const hasDefault = speakers.some((device) => device.deviceId === "default");
  return (
    <>
      <label>
        {t("gate.microphone")}
        <select value={microphone} onChange={(event) => void sound.pick({ microphone: event.currentTarget.value })} data-testid="microphone">
          {microphones.map((device, index) => (
            <option key={device.deviceId} value={device.deviceId}>
              {device.label || `${t("gate.microphone")} ${index + 1}`}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t("gate.speaker")}
        <select value={speaker ?? (hasDefault ? "default" : "")} onChange={(event) => void sound.pick({ speaker: event.currentTarget.value })} data-testid="speaker">
          {!hasDefault && <option value="">{t("gate.speaker.default")}</option>}
          {speakers.map((device, index) => (
            <option key={device.deviceId} value={device.deviceId}>
              {device.label || `${t("gate.speaker")} ${index + 1}`}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}

function EchoTest({ stream }: { stream: MediaStream }) {
  const [echo, setEcho] = useState<Echo>("idle");
  const run = async (): Promise<void> => {
    setEcho("recording");
    try {
      await recordAndPlay(stream, sound.choice.value.speaker, () => setEcho("playing"));
      setEcho("idle");
    } catch {
      setEcho("failed");
    }
  };
  const busy = echo === "recording" || echo === "playing";
  return (
    <div class="row">
      <button type="button" disabled={busy} onClick={() => void run()} data-testid="echo">
        {echo === "recording" && <i class="dot stop" />}
        {t(busy ? `gate.echo.${echo}` : "gate.echo")}
      </button>
      {echo === "failed" && <span class="soft">{t("gate.echo.failed")}</span>}
    </div>
  );
}

function Notify() {
  const [state, setState] = useState("Notification" in window ? Notification.permission : "denied");
  if (state !== "default") return null;
  return (
    <label class="check">
      <input type="checkbox" onChange={() => void Notification.requestPermission().then(setState)} />
      {t("gate.notify")}
    </label>
  );
}
