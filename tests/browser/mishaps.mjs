// The acts in which something goes wrong, and each has its defined end.

import { at, bar, Caller } from "./people.mjs";
import { expect } from "./stage.mjs";
import { OLENA } from "./story.mjs";

/** A page that is left says so to the gateway; the caller must not wait for a deadline, ms. */
const WAITS_ON = 5_000;

export async function microphoneRefused(stage, gateway, browser) {
  await stage.step("mishap: the microphone is refused, and the page says what to do", async () => {
    const shy = await Caller.at(browser, gateway.url, "en");
    stage.watch("shy", shy.page);
    const before = (await gateway.newest()).id;
    await shy.visits(OLENA.tel);
    await shy.click("bubble");
    await shy.click("call");
    await shy.see(".fault");
    const said = await shy.text(".fault");
    expect(/microphone is blocked/.test(said) && /allow/.test(said), `the page says "${said}"`);
    expect(await shy.page.isEnabled(at("call")), "one cannot try again");
    expect((await gateway.newest()).id === before, "a call came about without a microphone");
    await stage.photograph(shy.page, "call-refused");
    await shy.page.close();
  });
}

/** Straight to a person. */
async function asksForAPerson({ agent, caller }) {
  await caller.click("back");
  await caller.calls();
  await caller.menu();
  await caller.choose("0");
  return agent.isRung();
}

export async function deskLeftWhileRinging(stage, cast) {
  const { agent, caller } = cast;
  await stage.step("mishap: the desk is closed while it rings, and the caller waits on", async () => {
    await asksForAPerson(cast);
    await caller.is("ringing");
    await agent.page.goto("about:blank");
    await caller.is("queued", { timeout: WAITS_ON });
  });
  await stage.step("mishap: the desk comes back, and the same call rings again", async () => {
    const call = await caller.page.getAttribute(at("talk"), "data-call");
    await agent.returns();
    await agent.isAvailable();
    expect(String(await agent.isRung()) === call, "another call rings");
    await caller.is("ringing");
  });
}

export async function callerLeavesWhileRinging(stage, { agent, caller }) {
  await stage.step("mishap: the caller hangs up while it rings, and the desk is told", async () => {
    await caller.click("hangup");
    await agent.see(bar("idle"));
    expect((await agent.text(at("passed"))).length > 0, "the desk does not say why the ring ended");
    await agent.see(`${at("presence")}[data-state="available"]`);
    await stage.photograph(agent.page, "agent-passed");
  });
}
