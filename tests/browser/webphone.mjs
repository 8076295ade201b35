// A phone in a browser: JsSIP in Chromium, which hums a tone, keeps what it hears and is told what to do by lines on its standard input.
//
// node webphone.mjs URL USER PASSWORD HZ KEPT
//
// It registers at the WebSocket URL as USER, or calls without registering where PASSWORD is "-". What it heard is in KEPT when it has quit.
// It takes `call SIP-URI`, `answer`, `refuse`, `digit KEY`, `info KEY`, `hold`, `resume`, `restart`, `hears HZ`, `hangup` and `quit`.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { Ear, RATE } from "./ear.mjs";
import { browser } from "./people.mjs";
import { heard, tone, writeWav } from "./tones.mjs";

const [url, user, password, hz, kept] = process.argv.slice(2);

/** What `hears` judges, s. */
const JUDGED = 1;
/** The microphone's file, samples a second; Chromium plays it over and over. */
const VOICE_RATE = 48_000;

/** Runs in the page. Everything that a person would see or hear is said by `tell`. */
function phone({ url, user, password, tell }) {
  const { UA, WebSocketInterface } = globalThis.JsSIP;
  const options = { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } };
  const agent = new UA({
    sockets: [new WebSocketInterface(url)],
    uri: `sip:${user}@127.0.0.1`,
    ...(password === "-" ? { register: false } : { register: true, password }),
  });
  let session = null;
  // When our description of the first session was whole: an offer to connected takes it to the gateway and back, an answer only there.
  let described = null;
  const follow = (peer) => {
    // A page that plays nothing is given nothing to hear.
    peer.addEventListener("track", ({ track }) => {
      const speaker = new Audio();
      speaker.srcObject = new MediaStream([track]);
      void speaker.play();
    });
    peer.addEventListener("connectionstatechange", () => tell(`peer ${peer.connectionState} ${Math.round(performance.now() - described)} ms`));
  };
  agent.on("connected", () => tell("socket open"));
  agent.on("registered", () => tell("registered"));
  agent.on("registrationFailed", ({ cause, response }) => tell(`not registered ${response?.status_code} ${cause}`));
  agent.on("newRTCSession", ({ session: one, originator, request }) => {
    session = one;
    if (one.connection) follow(one.connection);
    one.on("peerconnection", ({ peerconnection }) => follow(peerconnection));
    one.on("progress", ({ originator, response }) => originator === "remote" && tell(`progress ${response.status_code}`));
    one.on("accepted", () => tell("accepted"));
    one.on("confirmed", () => tell("confirmed"));
    one.on("hold", ({ originator }) => tell(`held by ${originator}`));
    one.on("unhold", ({ originator }) => tell(`resumed by ${originator}`));
    one.on("newDTMF", ({ originator, dtmf }) => originator === "remote" && tell(`key ${dtmf.tone}`));
    one.on("ended", ({ originator, cause }) => tell(`ended by ${originator} ${cause}`));
    one.on("failed", ({ originator, cause, message }) => {
      tell(`failed by ${originator} ${message?.status_code ?? ""} ${cause} ${message?.getHeader?.("Warning") ?? ""}`);
    });
    one.on("sdp", ({ originator, type, sdp }) => {
      if (originator === "local") described ??= performance.now();
      tell(`sdp ${originator} ${type} ${JSON.stringify(sdp)}`);
    });
    for (const trouble of ["getusermediafailed", "peerconnection:createofferfailed", "peerconnection:createanswerfailed"])
      one.on(trouble, (error) => tell(`trouble ${trouble} ${error}`));
    for (const trouble of ["peerconnection:setlocaldescriptionfailed", "peerconnection:setremotedescriptionfailed"])
      one.on(trouble, (error) => tell(`trouble ${trouble} ${error}`));
    if (originator === "remote") tell(`called by ${request.from.uri.user}`);
  });
  const done = (what) => () => tell(`${what} done`);
  globalThis.phone = {
    call: (to) => void agent.call(to, options),
    answer: () => session.answer(options),
    refuse: () => session.terminate({ status_code: 486 }),
    digit: (key) => session.sendDTMF(key, { transportType: "RFC2833", duration: 120 }),
    info: (key) => session.sendDTMF(key, { transportType: "INFO", duration: 120 }),
    hold: () => session.hold({}, done("hold")),
    resume: () => session.unhold({}, done("resume")),
    restart: () => session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, done("restart")),
    hangup: () => session.terminate(),
    quit: () => agent.stop(),
  };
  agent.start();
}

const script = buildSync({
  stdin: { contents: 'globalThis.JsSIP = require("jssip");', resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
  bundle: true,
  write: false,
  platform: "browser",
  define: { global: "globalThis" },
  logLevel: "error",
}).outputFiles[0].text;

const folder = mkdtempSync(join(tmpdir(), "webphone-"));
const voice = join(folder, "voice.wav");
writeWav(voice, VOICE_RATE, tone(Number(hz), VOICE_RATE, 10));
// A page of its own origin on loopback, where a browser gives its microphone.
const server = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html><title>phone</title>"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const chromium = await browser(voice, ["--ignore-certificate-errors"]);
const page = await chromium.newPage();
page.on("pageerror", (error) => console.log(`trouble in the page ${error}`));
const ear = await Ear.in(page);
await page.goto(`http://127.0.0.1:${server.address().port}/`);
await page.exposeFunction("tell", (line) => console.log(line));
await page.addScriptTag({ content: script });
await page.evaluate(`(${phone})({ ...${JSON.stringify({ url, user, password })}, tell: globalThis.tell })`);

for await (const line of createInterface({ input: process.stdin })) {
  const [word, argument] = line.trim().split(" ");
  if (word === "hears") {
    const { share } = heard(await ear.next(JUDGED), RATE, Number(argument));
    console.log(`hears ${argument} ${share.toFixed(2)}`);
  } else if (word === "quit") {
    await page.evaluate(() => globalThis.phone.quit());
    break;
  } else {
    await page.evaluate(([word, argument]) => void globalThis.phone[word](argument), [word, argument]);
  }
}
writeWav(kept, RATE, await ear.since(0));
await chromium.close();
server.close();
rmSync(folder, { recursive: true });
console.log("kept");
process.exit();
