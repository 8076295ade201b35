// What the desk says.

import { speaker } from "../../words/catalogue";
import { en, type DeskKey } from "./en";
import { ru } from "./ru";
import { uk } from "./uk";

export type { DeskKey } from "./en";
export const deskTexts = { en, ru, uk };
export const t = speaker<DeskKey>(deskTexts);

/** The text for a word that came over the wire, or that word itself, readable, where we have none. */
export function word(prefix: string, key: string): string {
  const full = `${prefix}.${key}`;
  return full in en ? t(full as DeskKey) : key.replaceAll("_", " ");
}
