// The line on top: am I taking calls, am I heard, am I connected.

import { LanguagePicker } from "../look/language";
import { Level } from "../look/level";
import type { Agent } from "../wire/http";
import type { Phone } from "./phone";
import * as sound from "./sound";
import { t, type DeskKey } from "./words";

export function TopBar({ phone, agent, settings, leave }: { phone: Phone; agent: Agent; settings: () => void; leave: () => void }) {
  return (
    <header class="top">
      <PresenceToggle phone={phone} />
      <button type="button" class="quiet" onClick={settings} title={t("gate.again")} data-testid="sound">
        {sound.stream.value ? <Microphone /> : <span class="stop-text">{t("mic.gone")}</span>}
      </button>
      <Net phone={phone} />
      <span class="spring" />
      <span class="who hide-narrow">{agent.name}</span>
      <LanguagePicker />
      <button type="button" class="quiet" onClick={leave} data-testid="logout">
        {t("logout")}
      </button>
    </header>
  );
}

/** Alone in its component: it draws itself many times a second, and nothing else. */
function Microphone() {
  return (
    <>
      <span class="hide-narrow">{t("gate.microphone")}</span> <Level meter={sound.meter.value} label={t("mic.level")} />
    </>
  );
}

function PresenceToggle({ phone }: { phone: Phone }) {
  const phase = phone.call.value.phase;
  const presence = phone.presence.value;
  if (phase === "joining" || phase === "talking" || phase === "wrapup") {
    return (
      <span class="presence" data-testid="presence" data-state={phase === "wrapup" ? "wrapup" : "busy"}>
        <i class="dot wait" /> {t(phase === "wrapup" ? "status.wrapup" : "status.busy")}
      </span>
    );
  }
  const available = presence === "available";
  return (
    <button
      type="button"
      class="presence"
      role="switch"
      aria-checked={available}
      aria-label={`${t("status.label")} ${t(presence)}`}
      title={t(available ? "go.away" : "go.available")}
      data-testid="presence"
      data-state={presence}
      onClick={() => phone.setPresence(available ? "away" : "available")}
    >
      <i class={available ? "switch on" : "switch"} />
      {t(presence)}
    </button>
  );
}

function Net({ phone }: { phone: Phone }) {
  const link = phone.link.value;
  return (
    <span class="net" role="status" data-testid="net" data-state={link}>
      <i class={link === "open" ? "dot live" : link === "connecting" ? "dot wait" : "dot stop hollow"} />
      <span class={link === "open" ? "hide-narrow" : undefined}>{t(`net.${link}` as DeskKey)}</span>
    </span>
  );
}
