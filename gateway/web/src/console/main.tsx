// The engineer's console: what the gateway did with each call, and why.

import { signal } from "@preact/signals";
import { render } from "preact";
import { LanguagePicker } from "../look/language";
import { choose, language } from "../words/catalogue";
import { Calls } from "./calls";
import { Login } from "./login";
import { Rejections } from "./rejections";
import { RouteTest } from "./route-test";
import { Trunks } from "./trunks";
import { forget, key } from "./wire";
import { t } from "./words";

const SECTIONS = { calls: Calls, rejections: Rejections, trunks: Trunks, test: RouteTest };
type Section = keyof typeof SECTIONS;

const section = signal<Section>(named(location.hash));
addEventListener("hashchange", () => (section.value = named(location.hash)));

function named(hash: string): Section {
  const name = hash.slice(1);
  return name in SECTIONS ? (name as Section) : "calls";
}

function Console() {
  if (key.value === "") return <Login />;
  const Shown = SECTIONS[section.value];
  return (
    <div class="console" data-testid="console">
      <header class="top">
        <h1>Tandem</h1>
        <nav class="row wrap" aria-label={t("sections")}>
          {(Object.keys(SECTIONS) as Section[]).map((name) => (
            <a key={name} class="tab" href={`#${name}`} aria-current={section.value === name ? "page" : undefined} data-testid={`tab-${name}`}>
              {t(name)}
            </a>
          ))}
        </nav>
        <span class="spring" />
        <LanguagePicker />
        <button type="button" class="quiet" onClick={forget} data-testid="leave">
          {t("leave")}
        </button>
      </header>
      <main>
        <Shown />
      </main>
    </div>
  );
}

choose(language.value);
document.title = t("title");
render(<Console />, document.getElementById("page")!);
