// Drives both pages through a call against the mock gateway, photographs every state, measures the timings, asks axe.
//
// `npm run build && npm run shots`; pictures land in shots/. Chromium's path may be set in CHROMIUM.

import { mkdirSync, readFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { start } from "./server.mjs";

const PORT = 8093;
const BASE = `http://127.0.0.1:${PORT}`;
const OUT = new URL("../shots/", import.meta.url).pathname;
const AXE = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const SIZES = { 1440: 900, 1000: 760, 390: 844 };
const only = process.argv[2];

mkdirSync(OUT, { recursive: true });
const mock = await start(PORT, { auto: false });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
});
const foreign = [];
const grave = [];
const broken = [];

const post = (path, body = {}) => fetch(BASE + path, { method: "POST", body: JSON.stringify(body) });
const push = (to, notice) => post("/mock/push", { to, notice });

/** A browser that answers offers, as the gateway would. */
async function ear() {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${BASE}/mock/blank`);
  await page.evaluate((url) => {
    const socket = new WebSocket(url);
    const context = new AudioContext();
    const tone = new OscillatorNode(context, { frequency: 330 });
    const sink = context.createMediaStreamDestination();
    tone.connect(sink);
    tone.start();
    const peers = (globalThis.peers = []);
    socket.onmessage = async (event) => {
      const { key, sdp } = JSON.parse(event.data);
      const peer = new RTCPeerConnection();
      peers.push(peer);
      peer.addTrack(sink.stream.getAudioTracks()[0], sink.stream);
      await peer.setRemoteDescription({ type: "offer", sdp });
      await peer.setLocalDescription(await peer.createAnswer());
      await new Promise((resolve) => (peer.iceGatheringState === "complete" ? resolve() : (peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve())));
      socket.send(JSON.stringify({ key, sdp: peer.localDescription.sdp }));
    };
    return new Promise((resolve) => (socket.onopen = resolve));
  }, `${BASE.replace("http", "ws")}/mock/ear`);
}

async function open(width, scheme, path, lang) {
  const context = await browser.newContext({ viewport: { width, height: SIZES[width] ?? 780 }, colorScheme: scheme, locale: lang, permissions: ["microphone"] });
  const page = await context.newPage();
  page.on("request", (request) => request.url().startsWith(BASE) || foreign.push(request.url()));
  page.on("console", (message) => message.type() === "error" && !/401|404/.test(message.text()) && broken.push(`${path} ${width}: ${message.text()}`));
  page.on("pageerror", (error) => broken.push(`${path} ${width}: ${error.stack}`));
  await page.goto(BASE + path);
  return page;
}

async function shot(page, name) {
  await page.waitForTimeout(120);
  await page.screenshot({ path: `${OUT}${name}.png` });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (over > 0) broken.push(`${name}: ${over} px wider than the screen`);
  const found = await page.evaluate(`(() => { ${AXE}; return axe.run({ resultTypes: ["violations"] }); })()`);
  for (const one of found.violations) grave.push(`${name}: ${one.impact} ${one.id}: ${one.nodes.map((node) => node.target.join(" ") + " " + (node.any[0]?.message ?? "")).slice(0, 2).join(" | ")}`);
}

const at = (id) => `[data-testid="${id}"]`;
const bar = (state) => `${at("bar")}[data-state="${state}"]`;

async function desk(width, scheme, lang) {
  const name = (state) => `desk-${state}-${width}-${scheme}-${lang}`;
  await post("/v1/logout");
  const page = await open(width, scheme, "/agent", lang);
  await page.waitForSelector('[data-state="login"]');
  await shot(page, name("01-login"));
  await page.fill('[name="login"]', "ada");
  await page.fill('[name="password"]', "wrong");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".fault");
  await shot(page, name("02-login-wrong"));
  await page.fill('[name="password"]', "right");
  await page.keyboard.press("Enter");
  await page.waitForSelector('[data-state="gate-ready"]');
  await page.waitForTimeout(1_200);
  await shot(page, name("03-gate"));
  await page.click(at("gate-go"));
  await page.waitForSelector(`${at("net")}[data-state="open"]`);
  await shot(page, name("04-away"));
  await page.click(at("go-available"));
  await shot(page, name("05-available"));
  await post("/mock/offer");
  await page.waitForSelector(bar("ringing"));
  await page.waitForTimeout(600);
  await shot(page, name("06-ringing"));
  if (width === 390) await page.screenshot({ path: `${OUT}${name("06-ringing")}-full.png`, fullPage: true });
  const call = Number(await page.getAttribute(at("desk"), "data-call"));
  await page.keyboard.press("Enter");
  await page.waitForSelector(bar("talking"));
  await page.waitForTimeout(2_600);
  await shot(page, name("07-talking"));
  await page.click(at("keypad-toggle"));
  await page.click('[data-key="5"]');
  await shot(page, name("08-keypad"));
  await page.click(at("keypad-toggle"));
  await page.keyboard.press("Alt+m");
  await page.waitForSelector(bar("muted"));
  await page.waitForTimeout(1_500);
  await shot(page, name("09-muted"));
  await page.keyboard.press("Alt+m");
  await page.click(at("hold"));
  await page.click(at("rec-toggle"));
  await page.waitForSelector(bar("held"));
  await shot(page, name("10-held"));
  await page.click(at("hold"));
  await push("desk", { type: "context.patch", call, from: 1, to: 2, ops: [{ op: "replace", path: "/slots/0/confirmed", value: true }] });
  await post("/mock/drop", { to: "desk" });
  await page.waitForSelector(at("lost"));
  await shot(page, name("11-lost"));
  await page.waitForSelector(`${at("net")}[data-state="open"]`);
  const marks = await page.evaluate(() => performance.getEntriesByType("mark").map((mark) => [mark.name, Math.round(mark.startTime)]));
  await page.click(at("hangup"));
  await page.waitForSelector(bar("wrapup"));
  await page.keyboard.press("1");
  await shot(page, name("12-wrapup"));
  await page.click(at("wrap-save"));
  await page.waitForSelector(bar("idle"));
  await post("/mock/offer");
  await page.waitForSelector(bar("ringing"));
  await push("desk", { type: "call.withdrawn", call: call + 1, cause: { sip: 487, q850: 16, fault: "caller", retry: false } });
  await page.waitForSelector(at("passed"));
  await shot(page, name("13-passed"));
  await page.reload();
  await page.waitForSelector(`${at("net")}[data-state="open"]`);
  const second = await page.context().newPage();
  await second.goto(`${BASE}/agent`);
  await second.waitForSelector('[data-state="other-tab"]');
  await shot(second, name("14-other-tab"));
  await page.context().close();
  return marks;
}

async function caller(width, scheme, lang) {
  const name = (state) => `call-${state}-${width}-${scheme}-${lang}`;
  const page = await open(width, scheme, "/call?customer=+380501112233&fake=440", lang);
  await page.waitForSelector(at("bubble"));
  await shot(page, name("01-shop"));
  await page.click(at("ask"));
  await shot(page, name("02-chat-empty"));
  await page.click(at("send"));
  await page.waitForSelector('[data-from="bot"]');
  await page.fill(at("say"), "I leave town tomorrow");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll('.line[data-from="bot"]').length === 2);
  await shot(page, name("03-chat"));
  await page.click(`${at("share")} summary`);
  await page.click(`${at("share")} button >> nth=0`);
  await shot(page, name("04-share"));
  await page.click(at("call"));
  await page.waitForSelector(at("menu"));
  await page.waitForTimeout(800);
  await shot(page, name("05-menu"));
  await page.click('[data-key="0"]');
  await page.waitForSelector('[data-state="queued"]');
  await shot(page, name("06-queued"));
  await push("caller", { type: "status", call: 77, state: "ringing", detail: null });
  await shot(page, name("07-ringing"));
  await push("caller", { type: "status", call: 77, state: "talking", detail: "Ada" });
  await page.waitForSelector('[data-state="talking"]');
  await page.waitForTimeout(1_100);
  await page.click(at("mute"));
  await shot(page, name("08-talking-muted"));
  await page.click(at("mute"));
  await page.click(at("keypad-toggle"));
  await shot(page, name("09-keypad"));
  await page.click(at("keypad-toggle"));
  await push("caller", { type: "status", call: 77, state: "held", detail: null });
  await shot(page, name("10-held"));
  await post("/mock/drop", { to: "caller" });
  await page.waitForSelector('[data-state="reconnecting"]');
  await shot(page, name("11-reconnecting"));
  await page.waitForSelector('[data-state="held"]');
  const marks = await page.evaluate(() => performance.getEntriesByType("mark").map((mark) => [mark.name, Math.round(mark.startTime)]));
  await page.click(at("hangup"));
  await page.waitForSelector(at("back"));
  await shot(page, name("12-ended"));
  await page.context().close();
  return marks;
}

/** The engineer's page, by keyboard where it can be. */
async function engineer(width, scheme, lang) {
  const name = (state) => `console-${state}-${width}-${scheme}-${lang}`;
  const page = await open(width, scheme, "/console", lang);
  await page.waitForSelector('[data-state="login"]');
  await shot(page, name("01-login"));
  await page.fill('[name="key"]', "wrong");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".fault");
  await shot(page, name("02-wrong"));
  await page.fill('[name="key"]', "right");
  await page.keyboard.press("Enter");
  await page.waitForSelector(at("call"));
  await page.focus(`${at("call")} >> nth=1`);
  await page.keyboard.press("Enter");
  await page.waitForSelector(`${at("ladder")} li`);
  await page.focus(".rung");
  await page.keyboard.press("Enter");
  await page.waitForSelector(at("message"));
  await shot(page, name("03-ladder"));
  await page.click(`${at("call")} >> nth=0`);
  await page.waitForSelector(at("no-ladder"));
  await shot(page, name("04-no-ladder"));
  for (const section of ["rejections", "trunks"]) {
    await page.click(at(`tab-${section}`));
    await page.waitForSelector(".rows li");
    await shot(page, name(`05-${section}`));
  }
  await page.click(at("tab-test"));
  await page.fill('[name="to"]', "0441112233");
  await page.keyboard.press("Enter");
  await page.waitForSelector(at("foretold"));
  await shot(page, name("06-test"));
  await page.click(at("leave"));
  await page.waitForSelector('[data-state="login"]');
  await page.context().close();
}

/** The three messages, each provoked the way it happens. */
async function faults(width, lang) {
  const provoke = {
    refused: () => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError"))),
    missing: () => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotFoundError"))),
    insecure: () => Object.defineProperty(window, "isSecureContext", { value: false }),
  };
  for (const [fault, act] of Object.entries(provoke)) {
    for (const path of ["/agent", "/call"]) {
      await post("/v1/login", { login: "ada" });
      const context = await browser.newContext({ viewport: { width, height: SIZES[width] ?? 780 }, locale: lang });
      const page = await context.newPage();
      await page.addInitScript(act);
      await page.goto(BASE + path);
      if (path === "/call") {
        await page.click(at("bubble"));
        await page.click(at("call"));
      }
      await page.waitForSelector(".fault");
      await shot(page, `${path.slice(1)}-fault-${fault}-${width}-${lang}`);
      await context.close();
    }
  }
}

try {
  await ear();
  const runs = only ? [only.split(",")] : [[1440, "light", "en"], [1000, "dark", "uk"], [390, "light", "ru"], [1440, "dark", "ru"], [390, "dark", "uk"]];
  for (const [width, scheme, lang] of runs) {
    console.log(width, scheme, lang, "desk", JSON.stringify(await desk(Number(width), scheme, lang)));
    await engineer(Number(width), scheme, lang);
    console.log(width, scheme, lang, "call", JSON.stringify(await caller(Number(width), scheme, lang)));
  }
  if (!only) await caller(360, "light", "en");
  if (!only) await faults(1440, "en");
  if (!only) await faults(390, "uk");
} finally {
  await browser.close();
  mock.close();
}
console.log("axe:", grave.length === 0 ? "nothing" : `\n${grave.join("\n")}`);
console.log("foreign requests:", foreign.length === 0 ? "none" : foreign.join("\n"));
console.log("errors:", broken.length === 0 ? "none" : broken.join("\n"));
process.exit(foreign.length + broken.length + grave.filter((line) => /serious|critical/.test(line)).length > 0 ? 1 : 0);
