// A level as bars: how many are lit is a number in an attribute, so the style sheet alone draws it.

import type { Meter } from "../media/meter";
import { BARS } from "../media/meter";

const SLOTS = Array.from({ length: BARS }, (_, index) => index);

export function Level({ meter, label, large }: { meter: Meter | null; label: string; large?: boolean }) {
  const level = meter?.level.value ?? 0;
  return (
    <span class={large ? "level large" : "level"} role="img" aria-label={label} data-level={level}>
      {SLOTS.map((slot) => (
        <i key={slot} class={slot < level ? "lit" : undefined} />
      ))}
    </span>
  );
}
