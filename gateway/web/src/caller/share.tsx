// What the agent will see, and taking a line out of it.

import { spoken } from "../words/number";
import * as chat from "./chat";
import { customer } from "./customer";
import { t } from "./words";

export function ShareSheet() {
  const n = chat.shared.value.length;
  return (
    <details class="share" data-testid="share">
      <summary>{n > 0 ? t("share.open", { n }) : t("share.none")}</summary>
      <p class="soft">{t("share.lead")}</p>
      <Shared editable />
    </details>
  );
}

/** `editable` before the call; during it the list only tells. */
export function Shared({ editable }: { editable?: boolean }) {
  const lines = editable ? chat.lines.value : chat.shared.value;
  return (
    <>
      {customer && (
        <dl class="pairs">
          {customer.name && <dt>{t("share.name")}</dt>}
          {customer.name && <dd>{customer.name}</dd>}
          {customer.tel && <dt>{t("share.tel")}</dt>}
          {customer.tel && <dd>{spoken(customer.tel)}</dd>}
        </dl>
      )}
      {lines.length === 0 && <p class="soft">{t("share.empty")}</p>}
      <ul class="shared">
        {lines.map((line, index) => {
          const out = chat.withheld.value.has(line);
          return (
            <li key={index} data-withheld={out}>
              <span>{out ? <s>{line.text}</s> : line.text}</span>
              {editable && (
                <button type="button" class="small" onClick={() => chat.withhold(line, !out)} aria-label={`${t(out ? "share.restore" : "share.remove")}: ${line.text}`}>
                  {t(out ? "share.restore" : "share.remove")}
                </button>
              )}
            </li>
          );
        })}
      </ul>
    </>
  );
}
