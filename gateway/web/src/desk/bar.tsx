// The call bar: waiting, ringing, joining, talking. It keeps its place and height, so a hand finds it without looking.

import { useEffect, useRef, useState } from "preact/hooks";
import { Keypad } from "../look/keypad";
import { shared } from "../words/shared";
import { running, second } from "../words/time";
import { recording, type DeskCall } from "./call";
import { nameOf } from "./naming";
import type { Phone } from "./phone";
import { t, type DeskKey } from "./words";

export function CallBar({ phone, state }: { phone: Phone; state: DeskCall }) {
  switch (state.phase) {
    case "ringing":
      return <Ringing key={state.call} phone={phone} state={state} />;
    case "joining":
      return (
        <div class="bar wait" data-testid="bar" data-state="joining" role="status">
          <strong class="large">{t("offer.joining")}</strong>
        </div>
      );
    case "talking":
      return <Live phone={phone} state={state} />;
    default:
      return <Idle phone={phone} passed={state.phase === "idle" ? state.passed : null} />;
  }
}

function Idle({ phone, passed }: { phone: Phone; passed: string | null }) {
  const presence = phone.presence.value;
  return (
    <div class="bar idle" data-testid="bar" data-state="idle" role="status">
      <span>
        {passed && <strong data-testid="passed">{t(`passed.${passed}` as DeskKey)} </strong>}
        {t(`idle.${presence}` as DeskKey)}
      </span>
      {presence !== "available" && (
        <button type="button" class="primary" onClick={() => phone.setPresence("available")} data-testid="go-available">
          {t("go.available")}
        </button>
      )}
    </div>
  );
}

function Ringing({ phone, state }: { phone: Phone; state: Extract<DeskCall, { phase: "ringing" }> }) {
  const take = useRef<HTMLButtonElement>(null);
  const left = Math.max(0, Math.ceil((state.deadline - second.value) / 1_000));
  const audio = phone.peer.value?.state.value;
  useEffect(() => {
    // Somebody who is typing keeps the keyboard; Enter takes the call all the same, unless it is in a field.
    if (!isTyping(document.activeElement)) take.current?.focus();
    const press = (event: KeyboardEvent): void => {
      if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
      const onControl = event.target instanceof Element && event.target.closest("button, a, input, textarea, select, summary") !== null;
      if (event.key === "Enter" && !onControl) phone.accept();
      else if (event.key === "Escape") phone.decline();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  return (
    <div class="bar ringing" data-testid="bar" data-state="ringing" role="alertdialog" aria-labelledby="ring-heading" aria-describedby="ring-reason">
      <div class="ring-words">
        <strong class="large" id="ring-heading">
          {t("offer.heading", { who: nameOf(state.card) })}
        </strong>
        <span id="ring-reason">{state.card.reason?.label ?? state.card.brief}</span>
        <span class="soft" aria-live="off">
          {t("offer.left", { n: left })}
          {audio !== "connected" && <>, {t("offer.audio")}</>}
        </span>
      </div>
      <button type="button" class="decline" onClick={() => phone.decline()} data-testid="decline" aria-keyshortcuts="Escape">
        {t("offer.decline")} <kbd>Esc</kbd>
      </button>
      <button type="button" class="take" ref={take} onClick={() => phone.accept()} data-testid="take" aria-keyshortcuts="Enter">
        {t("offer.take")} <kbd>Enter</kbd>
      </button>
    </div>
  );
}

function Live({ phone, state }: { phone: Phone; state: Extract<DeskCall, { phase: "talking" }> }) {
  const [keypad, setKeypad] = useState(false);
  const muted = phone.muted.value;
  const rec = recording(state.card);
  const broken = phone.peer.value?.state.value === "broken";
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
      if (event.code === "KeyM") phone.mute(!phone.muted.value);
      else if (event.code === "KeyH") phone.hold(!state.held);
      else if (event.code === "KeyK") setKeypad((open) => !open);
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [state.held]);
  const tone = muted ? (phone.speakingMuted.value ? "muted speaking" : "muted") : state.held ? "wait" : "live";
  return (
    <div class={`bar ${tone}`} data-testid="bar" data-state={muted ? "muted" : state.held ? "held" : "talking"}>
      <div class="live-words" role="status" aria-live="polite">
        <strong class="large">{muted ? t("live.muted") : t(state.held ? "live.held" : "live.talking")}</strong>
        {muted && <span>{t(phone.speakingMuted.value ? "live.muted.speaking" : "live.muted.text")}</span>}
        {broken && <span class="stop-text">{t("live.broken")}</span>}
      </div>
      <Timer since={state.since} />
      <Rec rec={rec} pausedSince={phone.pausedSince.value} />
      <QualityChip phone={phone} />
      <span class="spring" />
      <div class="actions">
        <button type="button" class={muted ? "on" : undefined} aria-pressed={muted} aria-keyshortcuts="Alt+M" title="Alt+M" onClick={() => phone.mute(!muted)} data-testid="mute">
          {shared(muted ? "unmute" : "mute")}
        </button>
        <button type="button" aria-pressed={state.held} aria-keyshortcuts="Alt+H" title="Alt+H" onClick={() => phone.hold(!state.held)} data-testid="hold">
          {t(state.held ? "live.resume" : "live.hold")}
        </button>
        <button type="button" aria-expanded={keypad} aria-keyshortcuts="Alt+K" title="Alt+K" onClick={() => setKeypad(!keypad)} data-testid="keypad-toggle">
          {shared("keypad")}
        </button>
        {rec !== "off" && (
          <button type="button" onClick={() => phone.pauseRecording(rec === "on")} data-testid="rec-toggle">
            {t(rec === "on" ? "live.rec.pause" : "live.rec.resume")}
          </button>
        )}
        <button type="button" class="end" onClick={() => phone.hangUp()} data-testid="hangup">
          {t("live.end")}
        </button>
      </div>
      {keypad && <Keypad press={(key) => phone.key(key)} close={() => setKeypad(false)} />}
    </div>
  );
}

function Timer({ since }: { since: number }) {
  return (
    <span class="timer" role="timer" aria-live="off" data-testid="timer">
      {running(second.value - since)}
    </span>
  );
}

function Rec({ rec, pausedSince }: { rec: "off" | "on" | "paused"; pausedSince: number | null }) {
  if (rec === "off") return <span class="rec soft" data-testid="rec" data-state="off">{t("live.rec.off")}</span>;
  return (
    <span class={rec === "on" ? "rec stop-text" : "rec wait-text"} data-testid="rec" data-state={rec}>
      <i class={rec === "on" ? "dot stop" : "dot wait hollow"} /> {t(rec === "on" ? "live.rec" : "live.rec.paused")}
      {rec === "paused" && pausedSince !== null && <> {running(second.value - pausedSince)}</>}
    </span>
  );
}

function QualityChip({ phone }: { phone: Phone }) {
  const quality = phone.quality.value;
  const verdict = quality?.verdict.value ?? "unknown";
  const last = quality?.last.value;
  const detail = last && t("quality.detail", { rtt: Math.round(last.roundTrip ?? 0), jitter: Math.round(last.jitter), loss: Math.round(last.loss * 10) / 10 });
  return (
    <span class="chip" title={detail ?? undefined} data-testid="quality" data-state={verdict}>
      <i class={`wave ${verdict}`} /> {t(`quality.${verdict}`)}
    </span>
  );
}

function isTyping(element: Element | null): boolean {
  return element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement;
}
