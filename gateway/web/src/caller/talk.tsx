// The call: where it stands in words, the menu as buttons, what is said, and the few things to press.

import { useEffect, useRef, useState } from "preact/hooks";
import { Keypad } from "../look/keypad";
import { Level } from "../look/level";
import { ProblemFault } from "../look/problem";
import { shared } from "../words/shared";
import { running, second } from "../words/time";
import { placeInLine, type CallerCall } from "./call";
import * as line from "./line";
import { Shared } from "./share";
import { t } from "./words";

export function Talk() {
  const state = line.call.value!;
  const current = line.line.value;
  const ended = state.stage === "ended";
  const lost = !ended && current !== null && (current.channel.link.value === "lost" || current.peer.state.value === "broken");
  const [keypad, setKeypad] = useState(false);
  return (
    <div class="talk" data-testid="talk" data-state={lost ? "reconnecting" : state.stage} data-call={state.call ?? undefined}>
      <div class={`stage ${lost ? "lost" : state.stage}`} role="status" aria-live="polite" data-testid="stage">
        <strong>{lost ? t("stage.reconnecting") : stageWords(state)}</strong>
        {state.since !== null && !ended && (
          <span class="timer" aria-live="off">
            {running(second.value - state.since)}
          </span>
        )}
      </div>
      {ended ? <Ended state={state} /> : null}
      {line.problem.value && (
        <p class="stop-text" role="alert">
          {line.problem.value.what} {line.problem.value.id && shared("reference", { id: line.problem.value.id })}
        </p>
      )}
      {!ended && (
        <>
          {state.recording && (
            <p class="recording stop-text" data-testid="recording">
              <i class="dot stop" /> {t("recording.on")}
            </p>
          )}
          <MenuButtons items={state.menu} press={(key) => current?.key(key)} />
          <Captions state={state} />
          <details class="share">
            <summary>{t("share.heading")}</summary>
            <p class="soft">{t("share.during")}</p>
            <Shared />
          </details>
          {keypad && <Keypad press={(key) => current?.key(key)} close={() => setKeypad(false)} />}
          {line.muted.value && (
            <p class="muted-words" role="status">
              {t("muted")}
            </p>
          )}
          <div class="talk-actions">
            <Level meter={current?.meter ?? null} label={t("mic.level")} />
            <button type="button" aria-pressed={line.muted.value} onClick={() => current?.mute(!line.muted.value)} data-testid="mute">
              {shared(line.muted.value ? "unmute" : "mute")}
            </button>
            <button type="button" aria-expanded={keypad} onClick={() => setKeypad(!keypad)} data-testid="keypad-toggle">
              {shared("keypad")}
            </button>
            <button type="button" class="end" onClick={() => current?.hangUp()} data-testid="hangup">
              {t("hangup")}
            </button>
          </div>
        </>
      )}
    </div>
  );
}

function Ended({ state }: { state: CallerCall }) {
  const why = state.cause?.fault === "gateway" ? "ended.gateway" : state.cause?.fault === "carrier" ? "ended.network" : "ended.thanks";
  return (
    <div class="ended">
      {line.fault.value !== null ? <ProblemFault error={line.fault.value} /> : <p>{t(why)}</p>}
      <button type="button" class="primary" onClick={() => (line.call.value = null)} data-testid="back">
        {t("ended.back")}
      </button>
      <button
        type="button"
        onClick={() => {
          line.call.value = null;
          void line.dial();
        }}
      >
        {t("ended.again")}
      </button>
    </div>
  );
}

function MenuButtons({ items, press }: { items: [string, string][]; press: (key: string) => void }) {
  if (items.length === 0) return null;
  return (
    <div class="menu" role="group" aria-label={t("menu.heading")} data-testid="menu">
      {items.map(([key, label]) => (
        <button type="button" key={key} onClick={() => press(key)} data-key={key}>
          <kbd>{key}</kbd> <span>{label}</span>
        </button>
      ))}
    </div>
  );
}

function Captions({ state }: { state: CallerCall }) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => list.current?.scrollTo({ top: list.current.scrollHeight }), [state.captions.length]);
  return (
    <div class="captions" ref={list} role="log" tabIndex={0} aria-label={t("captions.heading")} data-testid="captions">
      {state.captions.length === 0 && <p class="soft">{t("captions.none")}</p>}
      {state.captions.map((caption, index) => (
        <div key={index} data-speaker={caption.speaker}>
          <span class="soft">{speakerWords(caption.speaker)}</span>
          <div>{caption.text}</div>
        </div>
      ))}
    </div>
  );
}

function stageWords(state: CallerCall): string {
  if (state.stage === "queued") {
    const line = placeInLine(state.detail);
    if (!line) return [t("stage.queued"), state.detail].filter(Boolean).join(", ");
    const place = t("stage.queued.place", { place: line.place });
    return line.wait === null ? place : `${place}, ${t("stage.queued.wait", { n: Math.max(1, Math.round(line.wait / 60)) })}`;
  }
  if (state.stage === "talking" && state.detail) return t("stage.talking.name", { name: state.detail });
  return t(`stage.${state.stage}`);
}

function speakerWords(speaker: string): string {
  switch (speaker) {
    case "caller":
    case "customer":
      return t("speaker.caller");
    case "ivr":
    case "menu":
    case "bot":
    case "gateway":
      return t("speaker.ivr");
    case "agent":
      return t("speaker.agent");
    default:
      return speaker;
  }
}
