// One tab is the phone; the others wait for it to close. Two tabs ringing for one agent would answer for each other.

import { signal } from "@preact/signals";

const LOCK = "tandem-desk";

/** `null` until the browser has said. */
export const isActive = signal<boolean | null>(null);

export function claim(): void {
  // Without locks (a page not from HTTPS) there is no microphone either, so nothing to guard.
  if (!navigator.locks) {
    isActive.value = true;
    return;
  }
  const hold = (): Promise<never> => {
    isActive.value = true;
    return new Promise<never>(() => undefined);
  };
  void navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
    if (lock) return hold();
    isActive.value = false;
    void navigator.locks.request(LOCK, hold);
    return undefined;
  });
}
