// The help bubble: a chat that becomes a call without leaving the page.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Fault, ProblemFault } from "../look/problem";
import { shared } from "../words/shared";
import { clock } from "../words/time";
import * as chat from "./chat";
import * as line from "./line";
import { ShareSheet } from "./share";
import { Talk } from "./talk";
import { t } from "./words";

const open = signal(false);
const draft = signal("");

/** Opens the bubble with a question half written; the caller may still change it. */
export function ask(question: string): void {
  open.value = true;
  draft.value = question;
}

export function Bubble() {
  const inCall = line.call.value !== null;
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && !event.defaultPrevented) open.value = false;
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  if (!open.value) {
    return (
      <button type="button" class="primary bubble" onClick={() => (open.value = true)} data-testid="bubble">
        {inCall ? <i class="dot on-fill" /> : null} {t(inCall ? "bubble.open.call" : "bubble.open")}
      </button>
    );
  }
  return (
    <section class="help" aria-label={t("bubble.heading")} data-testid="help" data-state={line.call.value?.stage ?? (line.asking.value ? "asking" : "chat")}>
      <header class="help-top">
        <strong>{t("bubble.heading")}</strong>
        <button type="button" class="quiet" onClick={() => (open.value = false)} aria-label={t("bubble.minimise")} title={t("bubble.minimise")}>
          ✕
        </button>
      </header>
      {inCall ? <Talk /> : <Chat />}
    </section>
  );
}

function Chat() {
  const list = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const lines = chat.lines.value;
  useEffect(() => field.current?.focus(), [draft.value]);
  useEffect(() => list.current?.scrollTo({ top: list.current.scrollHeight }), [lines.length, chat.busy.value]);
  const send = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const text = field.current?.value.trim() ?? "";
    if (text === "") return;
    draft.value = "";
    if (field.current) field.current.value = "";
    // What could not be sent comes back into the field, so that nothing is typed twice.
    await chat.say(text).catch(() => (draft.value = text));
  };
  return (
    <>
      <div class="lines" ref={list} role="log" aria-live="polite" tabIndex={0} aria-label={t("bubble.heading")} data-testid="lines">
        <p class="lead soft">{t("chat.lead")}</p>
        {lines.map((one, index) => (
          <div key={index} class="line" data-from={one.from}>
            <span class="soft">
              {t(one.from === "bot" ? "chat.bot" : one.from === "agent" ? "chat.agent" : "chat.you")}, {clock(one.at)}
            </span>
            <div class="said">{one.text}</div>
          </div>
        ))}
        {chat.busy.value && <p class="soft">{t("chat.typing")}</p>}
      </div>
      {chat.fault.value !== null && <ProblemFault error={chat.fault.value} />}
      <form class="say" onSubmit={(event) => void send(event)}>
        <input ref={field} defaultValue={draft.value} key={draft.value} aria-label={t("chat.field")} placeholder={t("chat.field")} autocomplete="off" data-testid="say" />
        <button type="submit" data-testid="send">
          {t("chat.send")}
        </button>
      </form>
      <CallFoot />
    </>
  );
}

function CallFoot() {
  const microphone = line.microphoneFault.value;
  return (
    <div class="call-foot">
      {microphone && <Fault what={shared(`mic.${microphone}`)} todo={shared(`mic.${microphone}.do`)} />}
      {line.fault.value !== null && <ProblemFault error={line.fault.value} />}
      <ShareSheet />
      <button type="button" class="primary call" disabled={line.asking.value} onClick={() => void line.dial()} data-testid="call">
        {t(line.asking.value ? "call.asking" : microphone ? "ended.again" : "call.long")}
      </button>
      <p class="soft small-print">{t("call.records")}</p>
    </div>
  );
}
