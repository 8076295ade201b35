// Calls, newest first, and the SIP ladder of the one that is chosen.

import { signal } from "@preact/signals";
import { ago, exact } from "../words/time";
import { spoken } from "../words/number";
import { LadderView } from "./ladder";
import { Panel, usePolled } from "./list";
import { Recordings } from "./recordings";
import { calls, type Call } from "./wire";
import { t } from "./words";

const chosen = signal<number | null>(null);

export function Calls() {
  const { seen, fault, again } = usePolled(calls);
  const rows = seen?.calls ?? [];
  const live = new Set(seen?.live ?? []);
  return (
    <div class="halves">
      <Panel title={t("calls")} fault={fault} again={again} loading={!seen}>
        {rows.length === 0 && <p class="soft" data-testid="empty">{t("calls.none")}</p>}
        <ul class="rows">
          {rows.map((call) => (
            <li key={call.id}>
              <button type="button" class="entry wide" aria-pressed={chosen.value === call.id} onClick={() => (chosen.value = call.id)} data-testid="call">
                <span class="row between">
                  <strong>{call.caller ? spoken(call.caller) : t("calls.withheld")}</strong>
                  <time class="soft" title={exact(call.started)}>
                    {ago(call.started)}
                  </time>
                </span>
                <State call={call} live={live.has(call.id)} />
              </button>
            </li>
          ))}
        </ul>
      </Panel>
      {chosen.value === null ? <section class="panel"><p class="soft">{t("calls.choose")}</p></section> : (
        <div class="rows" key={chosen.value}>
          <Recordings call={chosen.value} />
          <LadderView call={chosen.value} />
        </div>
      )}
    </div>
  );
}

function State({ call, live }: { call: Call; live: boolean }) {
  if (live) {
    return (
      <span class="row live-text">
        <i class="dot live" /> {t("calls.live")}
      </span>
    );
  }
  return <span class="row soft">{t("calls.ended", { status: call.cause ? `${call.cause.sip}, Q.850 ${call.cause.q850}` : "–" })}</span>;
}
