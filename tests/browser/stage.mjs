// The folder of one rehearsal: steps with their times, figures, pictures; and a loud end when a step fails.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SIZES = { 1440: 900, 1000: 760, 390: 844 };
const SCHEMES = ["light", "dark"];

export class Stage {
  constructor(folder) {
    this.folder = folder;
    this.steps = [];
    this.figures = {};
    this.pages = new Map();
    this.current = null;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }

  path(name) {
    return join(this.folder, name);
  }

  /** One step of the story; what it returns goes on. */
  async step(name, play) {
    const began = performance.now();
    this.current = name;
    const result = await play();
    const ms = Math.round(performance.now() - began);
    this.steps.push({ step: name, ms });
    console.log(`  ok ${String(ms).padStart(6)} ms  ${name}`);
    this.current = null;
    return result;
  }

  figure(name, value) {
    this.figures[name] = value;
  }

  /** A page that is photographed when a step fails. */
  watch(name, page) {
    this.pages.set(name, page);
    const tell = (text) => writeFileSync(this.path(`${name}.console.txt`), `${text}\n`, { flag: "a" });
    page.on("console", (message) => tell(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => tell(error.stack ?? String(error)));
    page.on("websocket", (socket) => {
      const file = this.path(`${name}.messages.txt`);
      const note = (arrow) => ({ payload }) => writeFileSync(file, `${new Date().toISOString()} ${arrow} ${String(payload).slice(0, 4_000)}\n`, { flag: "a" });
      socket.on("framesent", note(">"));
      socket.on("framereceived", note("<"));
    });
    return page;
  }

  /** One picture in each size and scheme; the page stands as before afterwards. Says where `marked` stood in each size. */
  async photograph(page, name, marked) {
    const [before, problems, stood] = [page.viewportSize(), [], {}];
    // Colours that are still on their way from one scheme to the other are in neither.
    await page.emulateMedia({ reducedMotion: "reduce" });
    for (const [width, height] of Object.entries(SIZES)) {
      await page.setViewportSize({ width: Number(width), height });
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: this.path(`${name}-${width}-${colorScheme}.png`) });
      }
      if (marked) stood[width] = JSON.stringify(await page.locator(marked).boundingBox());
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) problems.push(`${name} at ${width}: ${over} px wider than the screen`);
    }
    await page.emulateMedia({ colorScheme: "light", reducedMotion: null });
    await page.setViewportSize(before);
    if (problems.length > 0) throw new Error(problems.join("; "));
    return stood;
  }

  /** Pictures of whatever stood there when it failed. */
  async fail() {
    for (const [name, page] of this.pages) {
      if (!page.isClosed()) await page.screenshot({ path: this.path(`failed-${name}.png`), timeout: 5_000 }).catch(() => undefined);
    }
  }

  close(failure) {
    const result = failure ? { failed: this.current, because: failure.message } : { passed: true };
    writeFileSync(this.path("timings.json"), `${JSON.stringify({ ...result, figures: this.figures, steps: this.steps }, null, 2)}\n`);
  }
}

/** Nearest rank. */
export function percentile(values, share) {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function expect(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}
