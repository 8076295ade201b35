// A button that copies a text, and says so.

import { useState } from "preact/hooks";
import { t } from "./words";

export function Copy({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
    } catch {
      // No clipboard on this page: the text can still be selected by hand.
    }
  };
  return (
    <button type="button" class="small" onClick={() => void copy()} data-testid="copy">
      {t(done ? "copied" : "copy")}
    </button>
  );
}
