// STORY: one timeline over all channels, newest first; a row opens where it stands.

import { useState } from "preact/hooks";
import type { Card, ChatLine, Medium } from "../wire/messages";
import { ago, clock, exact } from "../words/time";
import { t, word } from "./words";

/** One row: a dialogue, or a part of the one that is going on. */
interface Row {
  key: string;
  at: number | null;
  medium: Medium;
  gist: string;
  detail: preact.ComponentChildren;
  open?: boolean;
  search: string;
}

export function StoryPanel({ card, stale }: { card: Card | null; stale: boolean }) {
  const [medium, setMedium] = useState("");
  const [search, setSearch] = useState("");
  const rows = card ? rowsOf(card) : [];
  const media = [...new Set(rows.map((row) => row.medium))];
  const shown = rows.filter((row) => (medium === "" || row.medium === medium) && row.search.toLowerCase().includes(search.trim().toLowerCase()));
  return (
    <section class="panel story" tabIndex={0} aria-labelledby="story-heading">
      <div class="row between">
        <h2 id="story-heading">{t("story")}</h2>
        {card && rows.length > 0 && (
          <div class="row filters">
            <select class="quiet" aria-label={t("story.filter")} value={medium} onChange={(event) => setMedium(event.currentTarget.value)}>
              <option value="">{t("story.all")}</option>
              {media.map((one) => (
                <option key={one} value={one}>
                  {word("medium", one)}
                </option>
              ))}
            </select>
            <input type="search" aria-label={t("story.search")} placeholder={t("story.search")} value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
          </div>
        )}
      </div>
      {stale && (
        <p class="wait-text" role="status">
          {t("story.stale")}
        </p>
      )}
      {!card && <p class="empty">{t("idle.story")}</p>}
      {card && rows.length === 0 && <p class="empty">{t("story.empty")}</p>}
      {card && rows.length > 0 && shown.length === 0 && <p class="empty">{t("story.none")}</p>}
      <ol class="timeline">
        {shown.map((row) => (
          <li key={row.key} data-medium={row.medium}>
            <details open={row.open}>
              <summary>
                <time class="when" title={row.at === null ? undefined : exact(row.at)}>
                  {row.at === null ? t("now") : ago(row.at)}
                </time>
                <span class="medium">{word("medium", row.medium)}</span>
                <span class="gist">{row.gist}</span>
              </summary>
              <div class="detail">{row.detail}</div>
            </details>
          </li>
        ))}
      </ol>
      {card && card.trimmed.length > 0 && <p class="soft">{t("story.trimmed", { what: card.trimmed.join(", ") })}</p>}
    </section>
  );
}

function rowsOf(card: Card): Row[] {
  const rows: Row[] = [];
  const menu = card.ivr.menu;
  if (card.ivr.path.length > 0) {
    const path = card.ivr.path.map((node) => node.replaceAll("_", " ")).join(" › ");
    const order = menu?.order.map(({ item }) => item.replaceAll("_", " ")).join(", ") ?? "";
    const detail = menu ? <p>{menu.holdout || menu.mode === "fixed" ? t("story.usual") : t("story.ordered", { order })}</p> : null;
    rows.push({ key: "menu", at: null, medium: "call", gist: path, detail: <>{t("story.menu")}: {path}{detail}</>, search: path + order });
  }
  const last = card.chat.at(-1);
  if (last) {
    const first = card.chat.find((line) => line.from === "customer") ?? card.chat[0]!;
    const gist = `“${first.text}”  ${t("story.chat", { n: card.chat.length })}`;
    rows.push({ key: "chat", at: last.at, medium: "chat", gist, detail: <Chat lines={card.chat} />, open: true, search: card.chat.map((line) => line.text).join(" ") });
  }
  for (const [index, handover] of card.handovers.entries()) {
    const note = handover.note ?? t("story.handover.empty");
    rows.push({ key: `handover-${index}`, at: handover.at, medium: "call", gist: t("story.handover", { id: handover.from }), detail: note, open: true, search: note });
  }
  for (const past of card.timeline) {
    // The chat that led here stands above with all its lines.
    if (past.medium === "chat" && past.at === last?.at) continue;
    const outcome = past.outcome ? t("story.outcome", { outcome: past.outcome }) : t("story.ongoing");
    const agent = past.agent === null ? "" : `, ${t("story.agent", { id: past.agent })}`;
    rows.push({
      key: `past-${past.id}`,
      at: past.at,
      medium: past.medium,
      gist: past.gist,
      detail: <>{exact(past.at)}<br />{outcome}{agent}</>,
      search: `${past.gist} ${past.outcome ?? ""}`,
    });
  }
  return rows.toSorted((left, right) => (right.at ?? Infinity) - (left.at ?? Infinity));
}

function Chat({ lines }: { lines: ChatLine[] }) {
  return (
    <ol class="chat">
      {lines.map((line, index) => (
        <li key={index} data-from={line.from}>
          <span class="soft">
            {word("from", line.from)}, <time title={exact(line.at)}>{clock(line.at)}</time>
          </span>
          <div>{line.text}</div>
        </li>
      ))}
    </ol>
  );
}
