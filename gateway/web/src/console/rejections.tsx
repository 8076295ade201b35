// Calls that were not let in, latest first.

import { ago, exact } from "../words/time";
import { spoken } from "../words/number";
import { Panel, usePolled } from "./list";
import { Why } from "./refused";
import { rejections } from "./wire";
import { t } from "./words";

export function Rejections() {
  const { seen, fault, again } = usePolled(rejections);
  const rows = seen?.rejections ?? [];
  return (
    <Panel title={t("rejections")} fault={fault} again={again} loading={!seen}>
      {rows.length === 0 && <p class="soft" data-testid="empty">{t("rejections.none")}</p>}
      <ul class="rows">
        {rows.map((row) => (
          <li key={row.id} class="entry" data-testid="rejection" data-reason={row.reason}>
            <div class="row wrap">
              <strong>{row.caller === "" ? t("calls.withheld") : spoken(row.caller)}</strong>
              <span aria-hidden="true">→</span>
              <strong>{row.dialled}</strong>
              <span class="soft">{t("rejections.from", { from: row.from, transport: row.transport })}</span>
              {row.trunk && <span class="soft">{row.trunk}</span>}
              <span class="spring" />
              {row.count > 1 && <span class="wait-text">{t("rejections.times", { n: row.count })}</span>}
              <time class="soft" title={exact(row.at)}>
                {ago(row.at)}
              </time>
            </div>
            <Why refused={row} />
            <p class="soft breakable">Call-ID {row.call_id}</p>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
