// A list that asks the gateway again every few seconds while it is looked at: loading, empty, broken and full are all drawn here.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ProblemFault } from "../look/problem";
import { t } from "./words";

const EVERY = 3_000;

/** The latest answer, and why there is no newer one; what was last seen stays while the gateway is away. */
export function usePolled<T>(ask: () => Promise<T>): { seen: T | undefined; fault: unknown; again: () => void } {
  const [seen, setSeen] = useState<T | undefined>(undefined);
  const [fault, setFault] = useState<unknown>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (): Promise<void> => {
      try {
        const answer = await ask();
        if (!gone) (setSeen(answer), setFault(null));
      } catch (error) {
        if (!gone) setFault(error);
      }
      if (!gone) timer = setTimeout(() => void look(), EVERY);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [turn]);
  return { seen, fault, again: () => setTurn((before) => before + 1) };
}

export function Panel({ title, fault, again, loading, children }: { title: string; fault: unknown; again: () => void; loading: boolean; children: ComponentChildren }) {
  return (
    <section class="panel">
      <div class="row between">
        <h2>{title}</h2>
        <button type="button" class="small" onClick={again}>
          {t("refresh")}
        </button>
      </div>
      {fault !== null && <ProblemFault error={fault} retry={again} />}
      {loading && fault === null ? <p class="soft">{t("loading")}</p> : children}
    </section>
  );
}
