// The login.

import { useState } from "preact/hooks";
import { LanguagePicker } from "../look/language";
import { Fault, ProblemFault } from "../look/problem";
import { login, Problem } from "../wire/http";
import { agent } from "./account";
import { t } from "./words";

export function Login() {
  const [fault, setFault] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setFault(null);
    try {
      agent.value = (await login(String(form.get("login")), String(form.get("password")))).agent;
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
          {t("login.name")}
          <input name="login" autocomplete="username" autocapitalize="none" spellcheck={false} required autofocus />
        </label>
        <label>
          {t("login.password")}
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
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
