// The chat: what was said, and which of it the agent shall not see.

import { computed, signal } from "@preact/signals";
import { handOff, sayInChat, startChat } from "../wire/http";
import type { ChatLine } from "../wire/messages";
import { language } from "../words/catalogue";
import { customer } from "./customer";

export const lines = signal<ChatLine[]>([]);
export const withheld = signal<ReadonlySet<ChatLine>>(new Set());
export const busy = signal(false);
export const fault = signal<unknown>(null);
export const shared = computed(() => lines.value.filter((line) => !withheld.value.has(line)));

let opened: Promise<{ chat: number | string; token: string }> | null = null;

export async function say(text: string): Promise<void> {
  const mine: ChatLine = { at: Date.now(), from: "customer", text };
  lines.value = [...lines.value, mine];
  busy.value = true;
  fault.value = null;
  try {
    const { chat, token } = await open();
    lines.value = merge(lines.value, mine, (await sayInChat(chat, token, text)).lines);
  } catch (error) {
    lines.value = lines.value.filter((line) => line !== mine);
    fault.value = error;
    throw error;
  } finally {
    busy.value = false;
  }
}

/** The right to call, tied to this chat. */
export async function token(): Promise<string> {
  const { chat, token } = await open();
  const omit = [...withheld.value].map((line) => line.at);
  return (await handOff(chat, token, omit)).token;
}

export function withhold(line: ChatLine, off: boolean): void {
  const next = new Set(withheld.value);
  if (off) next.add(line);
  else next.delete(line);
  withheld.value = next;
}

/** What the gateway kept takes the place of what we drew in advance; lines that were known already stay as they are. */
export function merge(known: ChatLine[], mine: ChatLine, said: ChatLine[]): ChatLine[] {
  const own = said.find((line) => line.from !== "bot" && line.from !== "agent" && line.text === mine.text && !known.some((one) => one !== mine && same(one, line)));
  const base = own ? known.map((line) => (line === mine ? own : line)) : known;
  return [...base, ...said.filter((line) => !base.some((one) => same(one, line)))];
}

function same(left: ChatLine, right: ChatLine): boolean {
  return left.at === right.at && left.from === right.from && left.text === right.text;
}

function open(): Promise<{ chat: number | string; token: string }> {
  opened ??= startChat(customer, language.value).catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return opened;
}
