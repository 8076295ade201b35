// Why a call was not let in, and the line that would admit it: the same for a real call and for a test.

import { Copy } from "./copy";
import type { Refused } from "./wire";
import { t } from "./words";

export function Why({ refused }: { refused: Refused }) {
  const { nearest, differs, admit } = refused;
  return (
    <div class="why">
      <p>
        <strong class="stop-text">
          {refused.status} {refused.reason}
        </strong>{" "}
        <span class="soft">Q.850 {refused.q850}</span> {refused.said}
      </p>
      {nearest && (
        <p>
          <span class="soft">{t("rejections.nearest")}:</span> {nearest}
          {differs && <> ({t("rejections.differs", { ...differs })})</>}
        </p>
      )}
      {admit && (
        <>
          <div class="row between">
            <span class="soft">{admit.trunk === null ? t("rejections.admit") : t("rejections.admit.trunk", { trunk: admit.trunk })}</span>
            <Copy text={admit.toml} />
          </div>
          <pre data-testid="admit">{admit.toml}</pre>
        </>
      )}
    </div>
  );
}
