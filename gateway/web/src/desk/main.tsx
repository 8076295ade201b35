// The desk from the door to the chair: one tab, a login, a microphone, then the work.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { logout } from "../wire/http";
import { ProblemFault } from "../look/problem";
import { choose, language } from "../words/catalogue";
import { agent, recognise, startFault } from "./account";
import { Gate } from "./gate";
import { Login } from "./login";
import { Phone } from "./phone";
import * as sound from "./sound";
import { claim, isActive } from "./tab";
import { t } from "./words";
import { Workplace } from "./workplace";

function Desk() {
  const [phone, setPhone] = useState<Phone | null>(null);
  const [regate, setRegate] = useState(false);
  const who = agent.value;

  useEffect(() => {
    if (who || !phone) return;
    phone.close();
    sound.release();
    setPhone(null);
  }, [who, phone]);

  if (isActive.value === false) return <Notice heading={t("tab.heading")} text={t("tab.text")} state="other-tab" />;
  if (startFault.value !== null) {
    return (
      <main class="door" data-state="unreachable">
        <ProblemFault error={startFault.value} retry={() => void recognise()} />
      </main>
    );
  }
  if (who === undefined || isActive.value === null) return <Notice text={t("loading")} state="loading" />;
  if (who === null) return <Login />;
  if (!phone || regate) {
    return (
      <Gate
        pass={() => {
          setRegate(false);
          if (!phone) setPhone(new Phone());
        }}
        insist={regate}
      />
    );
  }
  const leave = async (): Promise<void> => {
    if (phone.presence.value === "available") phone.setPresence("away");
    await logout().catch(() => undefined);
    phone.close();
    sound.release();
    setPhone(null);
    agent.value = null;
  };
  return <Workplace phone={phone} agent={who} sound={() => setRegate(true)} leave={() => void leave()} />;
}

function Notice({ heading, text, state }: { heading?: string; text: string; state: string }) {
  return (
    <main class="door" data-state={state}>
      {heading && <h1>{heading}</h1>}
      <p class="soft">{text}</p>
    </main>
  );
}

choose(language.value);
document.title = t("title");
claim();
void recognise();
render(<Desk />, document.getElementById("page")!);
