// What became of a call's recordings: how far each is, and what is wrong with it.

import { exact, running } from "../words/time";
import { usePolled } from "./list";
import { recordings, type Recording } from "./wire";
import { t } from "./words";

export function Recordings({ call }: { call: number }) {
  const { seen } = usePolled(() => recordings(call));
  const rows = seen?.recordings ?? [];
  if (rows.length === 0) return null;
  return (
    <section class="panel" data-testid="recordings">
      <h2>{t("recordings")}</h2>
      <ul class="rows">
        {rows.map((recording) => (
          <li key={recording.id} class="why">
            <span title={exact(recording.at)}>{told(recording)}</span>
            {fault(recording) && <span class="soft">{fault(recording)}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** `ready, 1:07, opus, encrypted`: the state, and what is worth knowing in it. */
export function told(recording: Recording): string {
  const state = t(`recordings.${recording.state}`);
  if (recording.erased) return `${state}, ${recording.erased.by}`;
  if (recording.state === "failed") return state;
  const words = [state, running(recording.length_ms), recording.format];
  return (recording.encrypted ? [...words, t("recordings.encrypted")] : words).join(", ");
}

/** In the gateway's own words. */
export function fault(recording: Recording): string | null {
  return recording.failure ?? recording.trouble;
}
