// CALLER: who it is, how sure we are, what is open.

import { useState } from "preact/hooks";
import type { Card } from "../wire/messages";
import { spoken } from "../words/number";
import { ago, exact, running } from "../words/time";
import { languageName, telOf } from "./naming";
import { t, word } from "./words";

export function CallerPanel({ card }: { card: Card | null }) {
  return (
    <section class="panel caller" tabIndex={0} aria-labelledby="caller-heading">
      <h2 id="caller-heading">{t("caller")}</h2>
      {card ? <Caller card={card} /> : <p class="empty">{t("idle.caller")}</p>}
    </section>
  );
}

function Caller({ card }: { card: Card }) {
  const tel = telOf(card);
  const others = card.identities.filter((identity) => identity.kind !== "tel" || identity.value !== tel);
  return (
    <>
      <div class="row wrap">
        <strong class="name" data-testid="caller-name">
          {card.customer?.name ?? t("caller.unknown")}
        </strong>
        {card.customer?.segment && <span class="tag">{card.customer.segment}</span>}
      </div>
      {tel ? <Telephone tel={tel} /> : <p class="soft">{t("caller.hidden")}</p>}
      <p>{card.customer?.language && t("caller.language", { language: languageName(card.customer.language) })}</p>
      <Trust card={card} />
      <h3>{card.open_cases.length > 0 ? t("caller.cases", { n: card.open_cases.length }) : t("caller.cases.none")}</h3>
      <ul class="plain">
        {card.open_cases.map((one) => (
          <li key={one.id}>
            {one.title}
            <div class="soft">
              {one.status}, <time title={exact(one.opened)}>{t("caller.since", { when: ago(one.opened) })}</time>
            </div>
          </li>
        ))}
      </ul>
      <details>
        <summary>{t("caller.more")}</summary>
        <dl class="pairs">
          <dt>{t("routing.queue")}</dt>
          <dd>{card.routing.queue}</dd>
          <dt>{t("routing.waited")}</dt>
          <dd>{running(card.routing.waited_ms)}</dd>
          <dt>{t("routing.why")}</dt>
          <dd>{card.routing.chosen_because}</dd>
          <dt>{t("entry.dialled")}</dt>
          <dd>{spoken(card.entry.dialled)}</dd>
          {card.entry.trunk && <dt>{t("entry.trunk")}</dt>}
          {card.entry.trunk && <dd>{card.entry.trunk}</dd>}
          {card.entry.diverted_from && <dt>{t("entry.diverted")}</dt>}
          {card.entry.diverted_from && <dd>{spoken(card.entry.diverted_from)}</dd>}
        </dl>
        {others.length > 0 && <h3>{t("caller.identities")}</h3>}
        <ul class="plain">
          {others.map((identity) => (
            <li key={identity.kind + identity.value} class="breakable">
              {identity.value}
              <div class="soft">
                {word("medium", identity.kind)}, {t(identity.verified_at ? "caller.verified" : "caller.unverified")}
              </div>
            </li>
          ))}
        </ul>
        {card.routing.tried.length > 0 && <p class="soft">{t("routing.tried", { n: card.routing.tried.length })}</p>}
      </details>
    </>
  );
}

function Telephone({ tel }: { tel: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard?.writeText(tel).catch(() => undefined);
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <div class="row wrap tight">
      <span
        class="number"
        data-testid="caller-number"
        onCopy={(event) => {
          event.clipboardData?.setData("text/plain", tel);
          event.preventDefault();
        }}
      >
        {spoken(tel)}
      </span>
      <button type="button" class="quiet small" title={t("caller.copy")} onClick={() => void copy()}>
        {t(copied ? "caller.copied" : "copy")}
      </button>
    </div>
  );
}

function Trust({ card }: { card: Card }) {
  const { level, evidence } = card.trust;
  const likely = level === "ani" || level === "attested";
  const sure = level === "token" ? "live" : likely ? "wait" : "stop";
  const sign = level === "token" ? "✓" : likely ? "≈" : "?";
  return (
    <p class={`trust ${sure}-text`} title={evidence.join("; ")} data-testid="trust" data-level={level}>
      <b aria-hidden="true">{sign}</b> {word("trust", level)}
    </p>
  );
}
