// What to call the caller, and what the caller is likely to have wanted.

import { language } from "../words/catalogue";
import { spoken } from "../words/number";
import type { Card } from "../wire/messages";
import { t } from "./words";

export const DISPOSITIONS = ["delivery", "billing", "returns", "other"] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

const SIGNS: Record<Exclude<Disposition, "other">, RegExp> = {
  delivery: /deliver|parcel|order|ship|courier|status|late/i,
  billing: /bill|invoice|pay|account|charge/i,
  returns: /return|refund|damag|exchange|broken/i,
};

export function telOf(card: Card): string | null {
  return card.identities.find((identity) => identity.kind === "tel")?.value ?? null;
}

export function nameOf(card: Card): string {
  const tel = telOf(card);
  return card.customer?.name ?? (tel ? spoken(tel) : t("caller.unknown"));
}

/** A language's name in the page's language; the tag itself where the browser knows none. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([language.value], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** Dispositions, likeliest first: by the reason given, then by the way walked, then by the menu's order for this caller. "Other" is always last. */
export function likeliest(card: Card): Disposition[] {
  const hints = [card.reason?.intent ?? "", card.reason?.label ?? "", ...card.ivr.path.toReversed(), ...(card.ivr.menu?.order.map(({ item }) => item) ?? [])];
  const found = hints.flatMap((hint) => (Object.keys(SIGNS) as (keyof typeof SIGNS)[]).filter((key) => SIGNS[key].test(hint)));
  return [...new Set<Disposition>([...found, ...DISPOSITIONS.filter((one) => one !== "other"), "other"])];
}
