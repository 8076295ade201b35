// What would become of a call, without one.

import { useState } from "preact/hooks";
import { ProblemFault } from "../look/problem";
import { Why } from "./refused";
import { routeTest, type Foretold } from "./wire";
import { t } from "./words";

/** An address is a source, anything else the name of a trunk. */
export function byWhat(word: string): Record<string, string> {
  const by = word.trim();
  if (by === "") return {};
  return /^[0-9.]+$/.test(by) || by.includes(":") ? { source: by } : { trunk: by };
}

export function RouteTest() {
  const [told, setTold] = useState<Foretold | null>(null);
  const [fault, setFault] = useState<unknown>(null);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setFault(null);
    setTold(null);
    try {
      setTold(await routeTest({ from: String(form.get("from")).trim(), to: String(form.get("to")).trim(), ...byWhat(String(form.get("by"))) }));
    } catch (error) {
      setFault(error);
    }
  };
  return (
    <section class="panel">
      <h2>{t("test")}</h2>
      <form class="row wrap ask" onSubmit={(event) => void submit(event)}>
        <label>
          {t("test.from")}
          <input name="from" inputMode="tel" autocomplete="off" spellcheck={false} />
        </label>
        <label>
          {t("test.to")}
          <input name="to" autocomplete="off" spellcheck={false} required />
        </label>
        <label>
          {t("test.by")}
          <input name="by" placeholder={t("test.by.hint")} autocomplete="off" spellcheck={false} />
        </label>
        <button class="primary" type="submit" data-testid="ask">
          {t("test.go")}
        </button>
      </form>
      {fault !== null && <ProblemFault error={fault} />}
      {told && (
        <div role="status" data-testid="foretold" data-admitted={told.admitted}>
          <p class={told.admitted ? "live-text" : "stop-text"}>
            <strong>{t(told.admitted ? "test.admitted" : "test.refused")}</strong>
          </p>
          {told.refused ? <Why refused={told.refused} /> : <pre>{told.text}</pre>}
        </div>
      )}
    </section>
  );
}
