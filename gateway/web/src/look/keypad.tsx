// Twelve keys, by hand or by keyboard.

import { useEffect, useState } from "preact/hooks";
import { shared } from "../words/shared";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

export function Keypad({ press, close }: { press: (key: string) => void; close: () => void }) {
  const [sent, setSent] = useState("");
  const send = (key: string): void => {
    press(key);
    setSent((before) => (before + key).slice(-16));
  };
  useEffect(() => {
    const typed = (event: KeyboardEvent): void => {
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (KEYS.includes(event.key)) send(event.key);
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    addEventListener("keydown", typed, true);
    return () => removeEventListener("keydown", typed, true);
  });
  const label = (key: string): string => (key === "*" ? shared("keypad.star") : key === "#" ? shared("keypad.hash") : shared("keypad.key", { key }));
  return (
    <div class="keypad" role="group" aria-label={shared("keypad")} data-testid="keypad">
      <output class="keypad-sent" aria-live="off">
        {sent || "\u00a0"}
      </output>
      {KEYS.map((key) => (
        <button type="button" key={key} aria-label={label(key)} data-key={key} onClick={() => send(key)}>
          {key}
        </button>
      ))}
    </div>
  );
}
