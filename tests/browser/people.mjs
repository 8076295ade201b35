// The people of the story: a caller and an agent, each in a Chromium of their own with a tone for a voice.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";
import { Ear } from "./ear.mjs";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
/** Longer than anything on this machine should take, ms. */
export const PATIENCE = 10_000;

export const at = (id) => `[data-testid="${id}"]`;
export const bar = (state) => `${at("bar")}[data-state="${state}"]`;

function found() {
  for (const name of NAMES)
    for (const folder of (process.env.PATH ?? "").split(delimiter)) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        continue;
      }
    }
  throw new Error(`none of ${NAMES.join(", ")} is in PATH: deploy/setup.sh installs Chromium`);
}

/** A browser whose microphone plays a WAV file for ever; without one, its user says no to the microphone. */
export async function browser(voice, further = []) {
  const microphone = voice ? [`--use-file-for-fake-audio-capture=${voice}`, "--use-fake-ui-for-media-stream"] : ["--use-fake-ui-for-media-stream=deny"];
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? found(),
    args: [...QUIET, "--use-fake-device-for-media-stream", ...microphone, ...further],
    ignoreDefaultArgs: ["--mute-audio"],
  });
}

class Person {
  static async at(browser, url, language) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: language });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const person = new this();
    Object.assign(person, { page, url, ear: await Ear.in(page) });
    return person;
  }

  see(selector, options) {
    return this.page.waitForSelector(selector, options);
  }

  click(id) {
    return this.page.click(at(id));
  }

  text(selector) {
    return this.page.innerText(selector);
  }

  /** The last mark of each name, ms since the page began. */
  marks() {
    return this.page.evaluate(() => Object.fromEntries(performance.getEntriesByType("mark").map(({ name, startTime }) => [name, startTime])));
  }

  forget() {
    return this.page.evaluate(() => performance.clearMarks());
  }
}

export class Agent extends Person {
  async logsIn(login, password) {
    await this.page.goto(`${this.url}/agent`);
    await this.see('[data-state="login"]');
    await this.page.fill('[name="login"]', login);
    await this.page.fill('[name="password"]', password);
    await this.page.keyboard.press("Enter");
  }

  /** The device gate lets nobody by who has not been heard. */
  async passesTheGate() {
    await this.see('[data-state="gate-ready"]');
    await this.see(".hear .live-text");
    await this.click("gate-go");
    await this.see(`${at("net")}[data-state="open"]`);
  }

  /** To the desk from elsewhere, still logged in. The gate may let by whom the browser would not ask again. */
  async returns() {
    await this.page.goto(`${this.url}/agent`);
    const seated = this.see(`${at("net")}[data-state="open"]`);
    const heard = this.see(".hear .live-text").then(() => this.click("gate-go"));
    await Promise.race([seated, heard.catch(() => seated)]);
    await seated;
  }

  async isAvailable() {
    const presence = await this.see(at("presence"));
    if ((await presence.getAttribute("data-state")) !== "available") await this.click("go-available");
    await this.see(`${at("presence")}[data-state="available"]`);
  }

  async isRung() {
    await this.see(bar("ringing"));
    return Number(await this.page.getAttribute(at("desk"), "data-call"));
  }

  async takes() {
    await this.click("take");
    await this.see(bar("talking"));
  }

  async hangsUp() {
    await this.click("hangup");
    await this.see(bar("wrapup"));
  }

  async wrapsUp(reason) {
    await this.page.check(`.reasons input[value="${reason}"]`);
    await this.click("wrap-save");
    await this.see(bar("idle"));
  }
}

export class Caller extends Person {
  async visits(customer) {
    await this.page.goto(`${this.url}/call?customer=${encodeURIComponent(customer)}`);
    await this.see(at("bubble"));
  }

  async says(text) {
    const before = await this.page.locator('.line[data-from="bot"]').count();
    await this.page.fill(at("say"), text);
    await this.click("send");
    await this.page.locator('.line[data-from="bot"]').nth(before).waitFor();
    return this.page.locator('.line[data-from="bot"]').nth(before).locator(".said").innerText();
  }

  async calls() {
    await this.click("call");
    await this.see(at("talk"));
  }

  is(stage, options) {
    return this.see(`${at("talk")}[data-state="${stage}"]`, options);
  }

  /** Keys of the running menu in the order in which it stands there. */
  async menu() {
    await this.see(at("menu"));
    return this.page.locator(`${at("menu")} button`).evaluateAll((buttons) => buttons.map((button) => [button.dataset.key, button.innerText.replace(/\s+/g, " ").trim()]));
  }

  choose(key) {
    return this.page.click(`${at("menu")} [data-key="${key}"]`);
  }

  /** On the keypad, not in a menu. */
  async keys(keys) {
    await this.click("keypad-toggle");
    for (const key of keys) await this.page.click(`.keypad [data-key="${key}"]`);
    await this.click("keypad-toggle");
  }

  /** Until a caption of the menu holds this. */
  async hearsSaid(text) {
    await this.page.locator(at("captions")).getByText(text).last().waitFor();
  }
}
