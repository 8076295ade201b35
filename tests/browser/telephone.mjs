// The acts of the story that a SIP phone plays.

import { writeFileSync } from "node:fs";
import { at, bar } from "./people.mjs";
import { expect } from "./stage.mjs";
import { AGENT_HZ, CALLER_HZ, drawn, HEARD, hears, LISTEN, theHandoffWasInTime } from "./story.mjs";
import { heard, readWav } from "./tones.mjs";

/** What is left out at the very end, where one side is already gone, s. */
const END = 0.3;

export const items = (presented) => presented.order.map(({ item }) => item);

/** A call of the phone, from the INVITE to the menu; the call's id and the order it heard. */
export async function phones(gateway, phone) {
  const before = (await gateway.newest())?.id;
  await phone.calls("demo");
  const { id } = await gateway.newest();
  expect(id !== before, "the SIP call is not in GET /v1/calls");
  const [presented] = await gateway.records(id, "menu_presented");
  return { call: id, order: items(presented) };
}

export async function theAgentTalksToAPhone(stage, { agent, gateway, phone }, usual) {
  const { call } = await stage.step("SIP phone: calls and hears the menu as strangers do", async () => {
    const found = await phones(gateway, phone);
    expect(found.order.join() === usual.join(), `it heard ${found.order.join(", ")}; a stranger hears ${usual.join(", ")}`);
    return found;
  });
  await stage.step("SIP phone: presses 1 for billing; the desk rings with its number", async () => {
    await agent.forget();
    await phone.presses("1");
    expect((await agent.isRung()) === call, "the desk rings for another call");
    await drawn(agent);
    expect((await agent.text(at("caller-number"))).replace(/\D/g, "") === phone.number.replace(/\D/g, ""), `the card says ${await agent.text(at("caller-number"))}`);
    expect((await agent.text(at("desk"))).includes("billing"), "the card does not say which way the caller came");
    const [chosen] = await gateway.records(call, "menu_chosen");
    expect(chosen.item === "billing", `history has ${chosen.item} as the choice`);
  });
  await stage.step("SIP phone: the agent takes the call and hears 440 Hz", async () => {
    expect((await agent.ear.packets()) === 0, "audio reached the agent before the accept");
    await agent.takes();
    // Taking pictures is work, and a proof of hearing wants an idle machine: the pictures come first.
    await stage.photograph(agent.page, "agent-talking-to-a-phone");
    stage.figure("SIP phone to Chromium", { agent_hears: await hears(agent.ear, CALLER_HZ) });
    const marks = await agent.marks();
    expect(marks["card-drawn"] < marks["first-audio"], "the first audio came before the card was drawn");
  });
  await theHandoffWasInTime(stage, gateway, call, "SIP phone to Chromium");
  await stage.step("SIP phone: heard the agent's 880 Hz to the end", async () => {
    await agent.hangsUp();
    await phone.until("CALL_CLOSED");
    const { rate, samples } = phone.heard();
    stage.figures["SIP phone to Chromium"].phone_hears = proof(last(samples, rate), rate, AGENT_HZ, "the phone");
    await agent.wrapsUp("billing");
    await gateway.records(call, "wrapped_up");
  });
  await stage.step("recording: 440 Hz left, 880 Hz right", async () => {
    const [sealed] = await gateway.records(call, "recording_sealed");
    const bytes = Buffer.from(await (await gateway.get(`/v1/calls/${call}/recording`)).arrayBuffer());
    writeFileSync(stage.path("recording.wav"), bytes);
    const { rate, channels } = readWav(bytes);
    expect(channels.length === 2, `${channels.length} channels in the recording`);
    expect(Math.abs((1_000 * channels[0].length) / rate - sealed.length_ms) < 50, "the record's length is not the file's");
    const [left, right] = channels.map((samples) => last(samples, rate));
    stage.figure("recording", { left: proof(left, rate, CALLER_HZ, "the left channel"), right: proof(right, rate, AGENT_HZ, "the right channel") });
    expect(heard(left, rate, AGENT_HZ).share === 0 && heard(right, rate, CALLER_HZ).share === 0, "the channels of the recording are mixed");
  });
}

/** The second call of one caller, and what everybody else hears. */
export async function theMenuHasLearnt(stage, { agent, gateway, phone }, usual, others) {
  await stage.step("second call: the menu has learnt for this caller", async () => {
    const { order } = await phones(gateway, phone);
    expect(order[0] === "billing", `billing was chosen and wrapped up, yet the order is ${order.join(", ")}`);
    expect(order.join() !== usual.join(), "the order is as before");
    phone.hangsUp();
    await phone.until("CALL_CLOSED");
    await agent.see(bar("idle"));
  });
  await stage.step("second call: nobody else's order has changed", async () => {
    for (const [number, before] of others) {
      const { menu } = await gateway.order(number);
      expect(items(menu).join() === before.join(), `${number} heard ${before.join(", ")}, and would hear ${items(menu).join(", ")}`);
    }
  });
}

function last(samples, rate) {
  const end = samples.length - Math.round(END * rate);
  return samples.subarray(Math.max(0, end - LISTEN * rate), end);
}

function proof(samples, rate, hz, who) {
  const found = heard(samples, rate, hz);
  expect(found.windows >= 10 * LISTEN - 1, `${who} holds only ${found.windows} windows`);
  expect(found.share >= HEARD, `${who}: ${hz} Hz in ${Math.round(found.share * 100)} % of ${found.windows} windows, ${HEARD * 100} % wanted`);
  return found;
}
