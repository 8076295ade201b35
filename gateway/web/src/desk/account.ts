// Who sits at this desk.

import { signal } from "@preact/signals";
import { me, type Agent } from "../wire/http";

/** `undefined` until the gateway has said, `null` when nobody is logged in. */
export const agent = signal<Agent | null | undefined>(undefined);
export const startFault = signal<unknown>(null);

export async function recognise(): Promise<void> {
  startFault.value = null;
  try {
    agent.value = await me();
  } catch (error) {
    startFault.value = error;
  }
}

/** Whether the login still stands; an unreachable gateway is no reason to log out. */
export async function isStillIn(): Promise<boolean> {
  try {
    const who = await me();
    if (who === null) agent.value = null;
    return who !== null;
  } catch {
    return true;
  }
}
