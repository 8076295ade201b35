// The acts of the story that browsers play.

import { expect, percentile } from "./stage.mjs";
import { at, bar } from "./people.mjs";
import { RATE } from "./ear.mjs";
import { heard, loudest } from "./tones.mjs";

/** Of the 100 ms windows of a talk, how many must hold the other's tone. */
export const HEARD = 0.95;
/** How long each proof of hearing listens, s. */
export const LISTEN = 3;

export const OLENA = { tel: "+380501112233", name: "Olena Kovalenko" };
export const HANNAH = { tel: "+491701234567", name: "Hannah Vogel" };
export const CALLER_HZ = 440;
export const AGENT_HZ = 880;

export const LATE = "my parcel is late";

/** Both hear each other's tone, from its first sound on. */
export async function hearEachOther(stage, caller, agent, name) {
  const [fromCaller, fromAgent] = await Promise.all([hears(agent.ear, CALLER_HZ), hears(caller.ear, AGENT_HZ)]);
  stage.figure(name, { agent_hears: fromCaller, caller_hears: fromAgent });
}

export async function hears(ear, hz) {
  const from = await ear.onset(hz, await ear.now());
  const proof = heard(await ear.next(LISTEN, from), RATE, hz);
  expect(proof.share >= HEARD, `${hz} Hz in ${Math.round(proof.share * 100)} % of ${proof.windows} windows, ${HEARD * 100} % wanted`);
  return proof;
}

/** From the chat to the queue. */
export async function olenaChatsAndCalls(stage, { caller }) {
  await stage.step("caller: chats about a late parcel", async () => {
    await caller.visits(OLENA.tel);
    await caller.click("bubble");
    const answer = await caller.says(LATE);
    expect(answer.length > 10, `the bot said "${answer}"`);
    await stage.photograph(caller.page, "call-chat");
  });
  await stage.step("caller: sees what the agent will see", async () => {
    await caller.page.click(`${at("share")} summary`);
    expect((await caller.text(at("share"))).includes(LATE), "the chat line is not in the list of what is shared");
  });
  await stage.step("caller: calls, and delivery is the first button", async () => {
    await caller.calls();
    await caller.is("in_menu");
    const menu = await caller.menu();
    expect(menu[0][0] === "3", `the first button is ${menu[0].join(" ")}, delivery (3) expected; all: ${menu.map((item) => item.join(" ")).join(", ")}`);
    expect(menu.some(([key]) => key === "0"), "there is no button to a person");
    expect(menu.at(-1)[0] === "9", "the usual menu is not offered last, though this one is personal");
    await stage.photograph(caller.page, "call-menu");
  });
}

export async function olenaGoesThroughTheMenu(stage, { caller }) {
  await stage.step("caller: presses delivery, confirms the order number, waits in line", async () => {
    await caller.choose("3");
    await caller.hearsSaid("1 0 1 7");
    await caller.keys(["1"]);
    await caller.is("queued");
  });
}

/** The ring shows the story; nothing is heard. */
export async function theRingHasTheStory(stage, { agent, caller }, expected) {
  return stage.step("desk: rings with the card before the accept", async () => {
    const call = await agent.isRung();
    const marks = await drawn(agent);
    expect((await agent.text(at("caller-name"))) === expected.name, `the card says ${await agent.text(at("caller-name"))}`);
    expect((await agent.text(at("caller-number"))).replace(/\D/g, "") === expected.tel.replace(/\D/g, ""), "the card has another number");
    const card = await agent.text(at("desk"));
    for (const word of expected.words) expect(card.includes(word), `the card does not say "${word}"`);
    await agent.page.waitForFunction(() => performance.getEntriesByName("media-connected").length > 0);
    expect((await agent.ear.packets()) === 0, "audio reached the agent before the accept");
    expect(marks["first-audio"] === undefined, "the agent heard something while it rang");
    if (caller) await caller.is("ringing");
    return { call, drawn_ms: marks["card-drawn"] - marks["offer-received"] };
  });
}

export async function drawn(agent) {
  await agent.page.waitForFunction(() => performance.getEntriesByName("card-drawn").length > 0);
  return agent.marks();
}

/** The accept, and the voices after the card. */
export async function theAgentTakesIt(stage, { agent, caller }) {
  await stage.step("desk: takes the call; the card was drawn before the first audio", async () => {
    expect((await agent.ear.packets()) === 0, "audio reached the agent before the accept");
    await agent.takes();
    await agent.page.waitForFunction(() => performance.getEntriesByName("first-audio").length > 0);
    const marks = await agent.marks();
    expect(marks["card-drawn"] < marks["first-audio"], `the card was drawn at ${marks["card-drawn"]}, the first audio came at ${marks["first-audio"]}`);
    if (caller) {
      await caller.is("talking");
      expect((await caller.text(at("stage"))).includes("Ada"), `the caller reads "${await caller.text(at("stage"))}"`);
    }
  });
}

/** A hand that goes to a button finds it where it was, whatever the bar says meanwhile. */
function still(before, after, when) {
  for (const [width, box] of Object.entries(before)) expect(after[width] === box, `at ${width} Mute moves from ${box} to ${after[width]} when ${when}`);
}

export async function muteAndHold(stage, { agent, caller }) {
  const talking = await stage.photograph(agent.page, "agent-talking", at("mute"));
  await stage.step("talk: muted, the caller hears nothing", async () => {
    await agent.click("mute");
    await agent.see(bar("muted"));
    await quiet(caller.ear, "a muted agent");
    still(talking, await stage.photograph(agent.page, "agent-muted", at("mute")), "muted");
    await agent.click("mute");
    await agent.see(bar("talking"));
    await caller.ear.onset(AGENT_HZ, await caller.ear.now());
  });
  await stage.step("talk: held, the caller hears music and not the agent", async () => {
    await agent.click("hold");
    await agent.see(bar("held"));
    await caller.is("held");
    const music = await settled(caller.ear, async (samples) => heard(samples, RATE, AGENT_HZ).share === 0);
    expect(loudest(music, RATE) > 0.01, "the caller hears silence while held, music expected");
    expect(heard(await agent.ear.next(0.5), RATE, CALLER_HZ).share === 0, "the agent hears the caller who is held");
    still(talking, await stage.photograph(agent.page, "agent-held", at("mute")), "held");
    await agent.click("hold");
    await agent.see(bar("talking"));
    await caller.is("talking");
    await Promise.all([caller.ear.onset(AGENT_HZ, await caller.ear.now()), agent.ear.onset(CALLER_HZ, await agent.ear.now())]);
  });
}

/** Waits, at most 3 s, until half a second sounds as it should; returns the second after it. */
async function settled(ear, isSo) {
  for (let tries = 0; tries < 6; tries++) if (await isSo(await ear.next(0.5))) return ear.next(1);
  throw new Error("it still sounds as before after 3 s");
}

async function quiet(ear, who) {
  const after = await settled(ear, async (samples) => loudest(samples, RATE) < 0.01);
  expect(loudest(after, RATE) < 0.01, `${who} is heard`);
}

export async function hangUpAndWrapUp(stage, { agent, caller }, reason) {
  await stage.step(`desk: hangs up, wraps up as ${reason}, is available again`, async () => {
    await agent.hangsUp();
    if (caller) await caller.is("ended");
    await stage.photograph(agent.page, "agent-wrapup");
    if (caller) await stage.photograph(caller.page, "call-ended");
    await agent.wrapsUp(reason);
    await agent.see(`${at("presence")}[data-state="available"]`);
  });
}

/** Another customer, another order, on the same page. */
export async function hannahHearsHerOwn(stage, { caller }) {
  await stage.step("another caller: Hannah sends things back, and returns is her first button", async () => {
    await caller.visits(HANNAH.tel);
    await caller.click("bubble");
    await caller.says("I want to return a kettle");
    await caller.calls();
    const menu = await caller.menu();
    expect(menu[0][0] === "2", `the first button is ${menu[0].join(" ")}, returns (2) expected`);
    await stage.photograph(caller.page, "call-menu-english");
    await caller.click("hangup");
    await caller.is("ended");
  });
}

/** Offer to connected, and ring to card drawn, over calls that go straight to a person. */
export async function figures(stage, { agent, caller }, times) {
  await stage.step(`figures: ${times} calls from Chromium to Chromium`, async () => {
    const taken = { caller: [], desk: [], card: [] };
    for (let n = 0; n < times; n++) {
      await Promise.all([agent.forget(), caller.forget()]);
      await caller.click("back");
      await caller.calls();
      await caller.menu();
      await caller.choose("0");
      await agent.isRung();
      await drawn(agent);
      await agent.page.waitForFunction(() => performance.getEntriesByName("media-connected").length > 0);
      const [own, desk] = await Promise.all([caller.marks(), agent.marks()]);
      taken.caller.push(own["media-connected"] - own["offer-made"]);
      taken.desk.push(desk["media-connected"] - desk["offer-made"]);
      taken.card.push(desk["card-drawn"] - desk["offer-received"]);
      await caller.click("hangup");
      await agent.see(bar("idle"));
    }
    stage.figure("caller page: offer to connected, ms", spread(taken.caller));
    stage.figure("desk: offer to connected, ms", spread(taken.desk));
    stage.figure("desk: ring to card drawn, ms", spread(taken.card));
  });
}

function spread(values) {
  const rounded = (share) => Math.round(percentile(values, share) * 10) / 10;
  return { n: values.length, p50: rounded(0.5), p95: rounded(0.95), all: values.map(Math.round) };
}

/** The gateway's own word that the card was drawn before the voices met. */
export async function theHandoffWasInTime(stage, gateway, call, name) {
  await stage.step(`${name}: the gateway bridged after the card, not at a deadline`, async () => {
    const [handoff] = await gateway.records(call, "handoff");
    expect(handoff.late === false, "the handoff is marked late");
    stage.figure(`${name}: agent chosen to card drawn, ms`, handoff.acked_after_ms);
  });
}
