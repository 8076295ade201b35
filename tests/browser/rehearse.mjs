// The product's one story, played with real browsers and a SIP phone against the built binary.
//
// What it saw lies in target/rehearsal/: pictures, both audio tracks, the SIP ladder, timings. It fails with the name of its step.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Gateway } from "./gateway.mjs";
import { RATE } from "./ear.mjs";
import { ladder } from "./ladder.mjs";
import * as mishaps from "./mishaps.mjs";
import { Agent, browser, Caller } from "./people.mjs";
import { SipPhone } from "./sipphone.mjs";
import { expect, Stage } from "./stage.mjs";
import * as story from "./story.mjs";
import * as telephone from "./telephone.mjs";
import { tone, writeWav } from "./tones.mjs";

const ROOT = resolve(import.meta.dirname, "../..");
const BINARY = resolve(ROOT, process.env.TANDEM_BIN ?? "target/debug/tandem");
/** The whole story; something hangs when it takes longer, ms. */
const LONGEST = 175_000;
/** Unknown to the demo. */
const STRANGER = "+380939998877";
/** Known to the demo, and not in this story. */
const OTHERS = ["+380671234567", "+491701234567", "+31201234567"];
const CALLS = 8;

const stage = new Stage(join(ROOT, "target/rehearsal"));
const temporary = mkdtempSync(join(tmpdir(), "tandem-rehearsal-"));
const gateway = new Gateway(ROOT, BINARY, join(temporary, "data"), stage.path("gateway.log"));
const toClose = [];

function voice(hz) {
  const path = join(temporary, `${hz}.wav`);
  writeWav(path, 48_000, tone(hz, 48_000, 10));
  return path;
}

async function open(voice) {
  const opened = await browser(voice);
  toClose.push(() => opened.close());
  return opened;
}

async function play() {
  const { ready_ms } = await stage.step("gateway: ready", () => gateway.start());
  stage.figure("gateway ready, ms", ready_ms);

  const [usual, ...others] = await stage.step("baseline: strangers hear one order, the known ones their own", async () => {
    const told = await Promise.all([STRANGER, ...OTHERS].map((number) => gateway.order(number)));
    expect(told[0].menu.order.every(({ terms }) => !("habits" in terms || "evidence" in terms)), "a stranger's order has reasons of his own");
    const orders = told.map(({ menu }) => telephone.items(menu));
    expect(orders[1].join() !== orders[2].join(), "two customers with different habits hear the same order");
    stage.figure("orders before", Object.fromEntries([STRANGER, ...OTHERS].map((number, n) => [number, orders[n]])));
    return orders;
  });

  const [agents, callers] = await Promise.all([open(voice(story.AGENT_HZ)), open(voice(story.CALLER_HZ))]);
  const agent = await Agent.at(agents, gateway.url, "en");
  const caller = await Caller.at(callers, gateway.url, "en");
  stage.watch("agent", agent.page);
  stage.watch("caller", caller.page);
  const cast = { agent, caller };

  await stage.step("desk: logs in, passes the device gate, is away", async () => {
    await agent.logsIn("ada", "demo");
    await agent.passesTheGate();
    await stage.photograph(agent.page, "agent-idle");
  });
  await story.olenaChatsAndCalls(stage, cast);
  await story.olenaGoesThroughTheMenu(stage, cast);
  await stage.step("desk: is available", () => agent.isAvailable());
  const rung = await story.theRingHasTheStory(stage, cast, { ...story.OLENA, words: [story.LATE, "1017"] });
  stage.figure("first card drawn, ms", Math.round(rung.drawn_ms));
  await stage.photograph(agent.page, "agent-ringing");
  await story.theAgentTakesIt(stage, cast);
  await story.theHandoffWasInTime(stage, gateway, rung.call, "Chromium to Chromium");
  await stage.step("talk: each hears the other's tone", () => story.hearEachOther(stage, caller, agent, "Chromium to Chromium"));
  await stage.photograph(caller.page, "call-talking");
  await story.muteAndHold(stage, cast);
  await story.hangUpAndWrapUp(stage, cast, "delivery");
  await stage.step("tracks: what each of the two heard is kept", async () => {
    writeWav(stage.path("caller-heard.wav"), RATE, await caller.ear.since(0));
    writeWav(stage.path("agent-heard.wav"), RATE, await agent.ear.since(0));
  });
  await playByPhone(cast, usual, OTHERS.map((number, n) => [number, others[n]]));
  await story.hannahHearsHerOwn(stage, cast);
  await story.figures(stage, cast, CALLS);
  await playMishaps(cast);
  await stage.step("gateway: its log tells of no error", () => {
    const errors = readFileSync(stage.path("gateway.log"), "utf8").split("\n").filter((line) => /"level":"ERROR"|panicked at/.test(line));
    expect(errors.length === 0, errors.slice(0, 3).join(" | "));
  });
}

async function playByPhone(cast, usual, others) {
  const trace = stage.path("sip-phone.log");
  const phone = new SipPhone(join(temporary, "phone"), trace, STRANGER, story.CALLER_HZ, gateway.sip);
  toClose.push(() => phone.stop());
  await stage.step("SIP phone: started", () => phone.start());
  await telephone.theAgentTalksToAPhone(stage, { ...cast, gateway, phone }, usual);
  await telephone.theMenuHasLearnt(stage, { ...cast, gateway, phone }, usual, others);
  writeFileSync(stage.path("ladder.txt"), ladder(trace, STRANGER, gateway.sip));
  const { rate, samples } = phone.heard();
  writeWav(stage.path("phone-heard.wav"), rate, samples);
}

async function playMishaps(cast) {
  await mishaps.microphoneRefused(stage, gateway, await open(null));
  await mishaps.deskLeftWhileRinging(stage, cast);
  await mishaps.callerLeavesWhileRinging(stage, cast);
}

async function close() {
  for (const end of toClose.reverse()) await end().catch(() => undefined);
  await gateway.stop();
  rmSync(temporary, { recursive: true, force: true });
}

let ended = false;
const watchdog = setTimeout(() => void end(new Error(`the story was not over after ${LONGEST} ms`)), LONGEST);

async function end(failure) {
  // What the watchdog closes under a step makes that step fail too.
  if (ended) return;
  ended = true;
  clearTimeout(watchdog);
  const at = stage.current;
  if (failure) await stage.fail();
  stage.close(failure);
  await close();
  if (failure) console.error(`rehearse: FAILED at "${at}": ${failure.message}\nWhat it saw lies in ${stage.folder}`);
  else console.log(`rehearse: the story holds, ${Math.round(performance.now() / 1_000)} s; what it saw lies in ${stage.folder}`);
  process.exit(failure ? 1 : 0);
}

await play().then(() => end(null), end);
