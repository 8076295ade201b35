// The SIP of one call: parties side by side, time downwards, each message one button that opens its text.

import { useState } from "preact/hooks";
import { exact } from "../words/time";
import { Copy } from "./copy";
import { Panel, usePolled } from "./list";
import { ladder, type Message } from "./wire";
import { t } from "./words";

/** Who speaks to Tandem in this call, in order of appearance. */
export function parties(messages: Message[]): string[] {
  return [...new Set(messages.map((message) => message.remote))];
}

/** `0.000`: seconds since the first message. */
export function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3);
}

/** Whether the arrow points away from the left edge: parties stand left of Tandem but for the second, which stands right of it. */
export function pointsRight(message: Message, party: number): boolean {
  return (message.way === "in") === (party !== 1);
}

export function LadderView({ call }: { call: number }) {
  const { seen, fault, again } = usePolled(() => ladder(call));
  const [open, setOpen] = useState<number | null>(null);
  const messages = seen?.messages ?? [];
  const names = parties(messages);
  const shown = open === null ? undefined : messages[open];
  return (
    <Panel title={t("ladder.heading")} fault={fault} again={again} loading={seen === undefined}>
      {seen === null && <p class="soft" data-testid="no-ladder">{t("ladder.none")}</p>}
      {messages.length > 0 && (
        <div class="row between soft ends">
          <span>{names[0]}</span>
          <span>Tandem</span>
          <span>{names[1] ?? ""}</span>
        </div>
      )}
      <ol class="ladder" data-testid="ladder">
        {messages.map((message, place) => {
          const party = names.indexOf(message.remote);
          return (
            <li key={place}>
              <time class="soft" title={exact(message.at)}>
                {seconds(message.ms)}
              </time>
              <button
                type="button"
                class="rung"
                data-side={party === 1 ? "right" : "left"}
                data-way={message.way}
                aria-expanded={open === place}
                aria-label={`${seconds(message.ms)} ${message.label}, ${t(message.way === "in" ? "ladder.in" : "ladder.out")}, ${message.remote}`}
                onClick={() => setOpen(open === place ? null : place)}
              >
                {!pointsRight(message, party) && <span aria-hidden="true">◂</span>}
                <span class="rung-label">{message.label}</span>
                {party > 1 && <span class="soft">{message.remote}</span>}
                {pointsRight(message, party) && <span aria-hidden="true">▸</span>}
              </button>
            </li>
          );
        })}
      </ol>
      {(seen?.left_out ?? 0) > 0 && <p class="soft">{t("ladder.gap", { n: seen!.left_out })}</p>}
      {shown && (
        <>
          <div class="row between">
            <h3>
              {t("ladder.message")} {shown.label} {shown.transport}
            </h3>
            <Copy text={shown.text} />
          </div>
          <pre data-testid="message">{shown.text}</pre>
        </>
      )}
    </Panel>
  );
}
