// Carriers: state, registration, and the latest probes of each of their servers.

import { exact } from "../words/time";
import { Panel, usePolled } from "./list";
import { trunks, type Trunk } from "./wire";
import { t } from "./words";

export function Trunks() {
  const { seen, fault, again } = usePolled(trunks);
  return (
    <Panel title={t("trunks")} fault={fault} again={again} loading={seen === undefined}>
      {(seen === null || seen?.trunks.length === 0) && <p class="soft" data-testid="empty">{t("trunks.none")}</p>}
      <ul class="rows">
        {(seen?.trunks ?? []).map((trunk) => (
          <TrunkRow key={trunk.name} trunk={trunk} />
        ))}
      </ul>
    </Panel>
  );
}

function TrunkRow({ trunk }: { trunk: Trunk }) {
  return (
    <li class="entry" data-testid="trunk">
      <div class="row wrap">
        <strong>{trunk.name}</strong>
        <span class={trunk.state === "down" ? "stop-text" : "soft"}>{trunk.state}</span>
        {trunk.host && <span class="soft">{trunk.host}</span>}
        <span class="spring" />
        <span>
          {t("calls")}: {trunk.calls}
          {trunk.calls_max !== null && <> / {trunk.calls_max}</>}
        </span>
      </div>
      {trunk.servers.map((server) => (
        <div key={server.address} class="row wrap">
          <i class={server.up ? "dot live" : "dot stop hollow"} />
          <span>{server.address}</span>
          <span class="unseen">{t("trunks.probes")}</span>
          {server.probes.slice(-PROBES_SHOWN).map((probe) => (
            <span key={probe.at} class={probe.ms === null ? "stop-text" : "soft"} title={exact(probe.at)}>
              {probe.ms === null ? "✕" : `${probe.ms} ms`}
            </span>
          ))}
        </div>
      ))}
    </li>
  );
}

/** As many as a line holds; the rest is in `GET /v1/trunks`. */
const PROBES_SHOWN = 12;
