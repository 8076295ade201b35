// Wrap-up, in the call bar's place: one key, perhaps a note, and ready.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { running } from "../words/time";
import type { DeskCall } from "./call";
import { likeliest } from "./naming";
import type { Phone } from "./phone";
import { t } from "./words";

/** How many reasons have a key of their own. */
const KEYED = 3;
const TOLD = "tandem.learns";

export function Wrapup({ phone, state }: { phone: Phone; state: Extract<DeskCall, { phase: "wrapup" }> }) {
  const order = useMemo(() => likeliest(state.card), [state.call]);
  const [reason, setReason] = useState<string | null>(null);
  const [asked, setAsked] = useState(false);
  const [resolved, setResolved] = useState(true);
  const tags = useRef<HTMLInputElement>(null);
  const note = useRef<HTMLTextAreaElement>(null);
  const heading = useRef<HTMLElement>(null);
  const learns = useMemo(firstTime, []);
  useEffect(() => {
    heading.current?.focus();
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.target instanceof HTMLInputElement && event.target.type === "text") return;
      if (event.target instanceof HTMLTextAreaElement) return;
      const picked = order[Number(event.key) - 1];
      if (picked === undefined || Number(event.key) > KEYED) return;
      setReason(picked);
      event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [order]);

  const save = (event: Event): void => {
    event.preventDefault();
    if (reason === null) {
      setAsked(true);
      return;
    }
    const words = (tags.current?.value ?? "").split(",").map((tag) => tag.trim());
    phone.wrapUp(reason, words.filter(Boolean), resolved, note.current?.value.trim() ?? "");
  };
  const fault = state.cause.fault === "gateway" || state.cause.fault === "carrier" ? t(`wrap.fault.${state.cause.fault}`) : null;
  return (
    <form class="bar wrapup" data-testid="bar" data-state="wrapup" onSubmit={save}>
      <div class="wrap-head" role="status">
        <strong class="large" ref={heading} tabIndex={-1}>
          {t("wrap.heading")}
        </strong>
        <span class="soft">{t("wrap.length", { time: running(state.talked) })}</span>
        {fault && <span class="stop-text">{fault}</span>}
        {learns && <span class="soft">{t("wrap.learns")}</span>}
      </div>
      <fieldset class="reasons">
        <legend>
          {t("wrap.reason")} <span class="soft">({t("wrap.keys")})</span>
        </legend>
        {order.map((one, index) => (
          <label key={one} class={reason === one ? "reason-pick picked" : "reason-pick"}>
            <input type="radio" name="reason" value={one} checked={reason === one} onChange={() => setReason(one)} />
            {index < KEYED && <kbd>{index + 1}</kbd>} {t(`disposition.${one}`)}
          </label>
        ))}
        {asked && reason === null && (
          <p class="stop-text" role="alert">
            {t("wrap.pick")}
          </p>
        )}
      </fieldset>
      <label class="wrap-tags">
        <span>
          {t("wrap.tags")} <span class="soft">({t("wrap.tags.hint")})</span>
        </span>
        <input ref={tags} type="text" data-testid="tags" />
      </label>
      <label class="wrap-note">
        {t("wrap.note")}
        <textarea ref={note} rows={2} data-testid="note" />
      </label>
      <div class="wrap-end">
        <label class="check">
          <input type="checkbox" checked={resolved} onChange={(event) => setResolved(event.currentTarget.checked)} data-testid="resolved" /> {t("wrap.resolved")}
        </label>
        <button class="primary" type="submit" data-testid="wrap-save">
          {t("wrap.save")}
        </button>
      </div>
    </form>
  );
}

/** The page says once, not after every call, that the menu learns. */
function firstTime(): boolean {
  const told = localStorage.getItem(TOLD) !== null;
  localStorage.setItem(TOLD, "1");
  return !told;
}
