// NOW: the five-second part of the card. Why, what failed before, what need not be asked again.

import type { Card, Fact, Json } from "../wire/messages";
import { ago, exact } from "../words/time";
import { t, word } from "./words";

/** `confirm` is `null` when there is no call to confirm anything in. */
export function NowPanel({ card, confirm }: { card: Card | null; confirm: ((key: string) => void) | null }) {
  return (
    <section class="panel now" tabIndex={0} aria-labelledby="now-heading">
      <h2 id="now-heading">{t("now")}</h2>
      {card ? <Now card={card} confirm={confirm} /> : <p class="empty">{t("idle.now")}</p>}
    </section>
  );
}

function Now({ card, confirm }: { card: Card; confirm: ((key: string) => void) | null }) {
  const { reason, exit, self_service } = card;
  return (
    <>
      <p class="reason" data-testid="reason">
        {reason?.label ?? t("now.reason.none")}
      </p>
      {reason && (
        <p class="soft" title={reason.evidence.join("; ")}>
          {t("now.sure", { n: reason.confidence })}
          {reason.evidence[0] && `: ${reason.evidence[0]}`}
        </p>
      )}
      {card.brief && <p class="brief">{card.brief}</p>}
      <dl class="pairs">
        <dt>{t("now.left")}</dt>
        <dd>
          {word("exit", exit.kind)}
          {exit.detail && <span class="soft">, {exit.detail}</span>}
        </dd>
        {(self_service ?? card.resume) && <dt>{t("now.middle")}</dt>}
        {(self_service ?? card.resume) && (
          <dd>
            {card.resume && <>{card.resume.node.replaceAll("_", " ")}{self_service && ", "}</>}
            {self_service && (
              <span class="soft">{t("now.step", { step: self_service.step, of: self_service.step_of, medium: word("medium", self_service.medium) })}</span>
            )}
          </dd>
        )}
      </dl>
      <h3>{card.slots.length > 0 ? t("now.known") : t("now.known.none")}</h3>
      <ul class="facts">
        {card.slots.map((fact) => (
          <FactRow key={fact.key} fact={fact} confirm={confirm} />
        ))}
      </ul>
    </>
  );
}

function FactRow({ fact, confirm }: { fact: Fact; confirm: ((key: string) => void) | null }) {
  const label = word("key", fact.key);
  return (
    <li data-fact={fact.key} data-state={fact.confirmed ? "confirmed" : "open"}>
      <div>
        <span class="soft">{label}</span>
        <div class="value breakable">{fact.privacy === "pci" ? t("now.hidden") : said(fact.value)}</div>
        <span class="soft source" title={exact(fact.at)}>
          {word("medium", fact.source)}, {ago(fact.at)}
        </span>
      </div>
      {fact.confirmed ? (
        <span class="live-text tick">✓ {t("now.confirmed")}</span>
      ) : (
        confirm && (
          <button type="button" class="small" aria-label={t("now.confirm", { key: label })} title={t("now.confirm", { key: label })} onClick={() => confirm(fact.key)}>
            ✓
          </button>
        )
      )}
    </li>
  );
}

function said(value: Json): string {
  if (value === null) return "";
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.map(said).join(", ");
  return Object.values(value).map(said).filter(Boolean).join(", ");
}
