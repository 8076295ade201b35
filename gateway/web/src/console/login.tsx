// The door: the API key, which this tab alone keeps.

import { useState } from "preact/hooks";
import { LanguagePicker } from "../look/language";
import { Fault, ProblemFault } from "../look/problem";
import { Problem } from "../wire/http";
import { t } from "./words";
import { open } from "./wire";

export function Login() {
  const [fault, setFault] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const given = String(new FormData(event.currentTarget as HTMLFormElement).get("key")).trim();
    setBusy(true);
    setFault(null);
    try {
      await open(given);
    } catch (error) {
      setFault(error);
    }
    setBusy(false);
  };
  const wrong = fault instanceof Problem && fault.status === 401;
  return (
    <main class="door" data-state="login">
      <form class="sheet" onSubmit={(event) => void submit(event)}>
        <h1>{t("login.heading")}</h1>
        <label>
          {t("login.key")}
          <input name="key" type="password" autocomplete="off" spellcheck={false} required autofocus />
        </label>
        <p class="soft">{t("login.where")}</p>
        {wrong ? <Fault what={t("login.wrong")} todo={t("login.wrong.do")} id={fault.id} /> : fault !== null && <ProblemFault error={fault} />}
        <div class="row between">
          <LanguagePicker />
          <button class="primary" type="submit" disabled={busy}>
            {t("login.go")}
          </button>
        </div>
      </form>
    </main>
  );
}
