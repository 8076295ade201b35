// Texts by key, plurals by Intl.PluralRules. A catalogue is complete or does not compile: there is no falling back, so uk never shows ru.

import { signal } from "@preact/signals";

export const LANGUAGES = ["uk", "ru", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Each language by its own name, as the picker shows it. */
export const OWN_NAME: Record<Language, string> = { uk: "Українська", ru: "Русский", en: "English" };

/** `{name}` is replaced. A plural has a form per category of its language, chosen by `n`. */
export type Text = string | Partial<Record<Intl.LDMLPluralRule, string>>;
export type Texts = Record<string, Text>;
type Args = Record<string, string | number>;

const KEPT = "tandem.language";

/** The language of this page: chosen here before, else the first of the browser's that we speak, else English. */
export const language = signal<Language>(chosen());

export function choose(next: Language): void {
  language.value = next;
  document.documentElement.lang = next;
  try {
    localStorage.setItem(KEPT, next);
  } catch {
    // Storage refused: the choice holds until the page is left.
  }
}

/** A `t` over catalogues; reading it in a component draws that component again when the language changes. */
export function speaker<K extends string>(catalogues: Record<Language, Record<K, Text>>): (key: K, args?: Args) => string {
  return (key, args = {}) => fill(catalogues[language.value][key], language.value, args);
}

export function fill(text: Text, language: Language, args: Args): string {
  const form = typeof text === "string" ? text : pick(text, language, Number(args["n"] ?? 0));
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = args[name];
    return value === undefined ? whole : typeof value === "number" ? new Intl.NumberFormat(language).format(value) : value;
  });
}

function pick(forms: Exclude<Text, string>, language: Language, n: number): string {
  return forms[new Intl.PluralRules(language).select(n)] ?? forms.other ?? "";
}

export function isLanguage(tag: string): tag is Language {
  return (LANGUAGES as readonly string[]).includes(tag);
}

function chosen(): Language {
  const asked: string[] = [];
  try {
    const query = new URLSearchParams(location.search).get("lang");
    if (query) asked.push(query);
    const kept = localStorage.getItem(KEPT);
    if (kept) asked.push(kept);
  } catch {
    // No page, or no storage: the browser's languages decide.
  }
  if (typeof navigator !== "undefined") asked.push(...(navigator.languages ?? []));
  for (const tag of asked) {
    const primary = tag.toLowerCase().split("-")[0]!;
    if (isLanguage(primary)) return primary;
  }
  return "en";
}
