// The desk itself: status on top, the caller's story in the middle, the call at the bottom.

import { useEffect, useLayoutEffect } from "preact/hooks";
import { Fault } from "../look/problem";
import { shared } from "../words/shared";
import type { Agent } from "../wire/http";
import { CallBar } from "./bar";
import { CallerPanel } from "./caller";
import { NowPanel } from "./now";
import type { Phone } from "./phone";
import * as sound from "./sound";
import { StoryPanel } from "./story";
import { TopBar } from "./topbar";
import { t } from "./words";
import { Wrapup } from "./wrapup";

export function Workplace({ phone, agent, sound: settings, leave }: { phone: Phone; agent: Agent; sound: () => void; leave: () => void }) {
  const state = phone.call.value;
  useEffect(() => sound.watch(), []);
  const card = state.phase === "idle" ? null : state.card;
  const call = state.phase === "idle" ? null : state.call;
  return (
    <div class="desk" data-testid="desk" data-state={state.phase} data-call={call ?? undefined} data-link={phone.link.value}>
      <TopBar phone={phone} agent={agent} settings={settings} leave={leave} />
      <main class="card" data-context={card?.context_id} data-version={card?.version}>
        <h1 class="unseen">{t("title")}</h1>
        <CallerPanel card={card} />
        <NowPanel card={card} confirm={state.phase === "wrapup" ? null : (key) => phone.confirm(key)} />
        <StoryPanel card={card} stale={state.phase !== "idle" && state.stale} />
        {call !== null && <Drawn key={call} phone={phone} call={call} />}
      </main>
      <footer class="foot" data-state={state.phase}>
        <Strips phone={phone} />
        {state.phase === "wrapup" ? <Wrapup key={state.call} phone={phone} state={state} /> : <CallBar phone={phone} state={state} />}
      </footer>
    </div>
  );
}

/** Stands after the panels, so its effect runs when they are in the page; the second frame from there begins after the first was painted. */
function Drawn({ phone, call }: { phone: Phone; call: number }) {
  useLayoutEffect(() => {
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => phone.drawn(call));
    });
    return () => cancelAnimationFrame(frame);
  }, [call]);
  return null;
}

/** What is wrong, above the bar: it grows over the panels' empty ends and moves nothing that is about to be clicked. */
function Strips({ phone }: { phone: Phone }) {
  const problem = phone.problem.value;
  const fault = sound.fault.value;
  return (
    <div class="strips">
      {phone.link.value === "lost" && (
        <div class="fault wait" role="status" data-testid="lost">
          <p>{t("lost.text")}</p>
        </div>
      )}
      {phone.wasReplaced.value && (
        <div class="fault" role="alert">
          <p>{t("replaced.text")}</p>
          <button type="button" onClick={() => (phone.wasReplaced.value = false)}>
            {shared("close")}
          </button>
        </div>
      )}
      {fault && <Fault what={shared(`mic.${fault}`)} todo={shared(`mic.${fault}.do`)} retry={() => void sound.open()} />}
      {problem && (
        <div class="fault" role="alert" data-testid="problem">
          <p>
            <strong>{problem.what}</strong> <span class="soft">{problem.id && shared("reference", { id: problem.id })}</span>
          </p>
          <button type="button" onClick={() => (phone.problem.value = null)}>
            {shared("close")}
          </button>
        </div>
      )}
    </div>
  );
}
