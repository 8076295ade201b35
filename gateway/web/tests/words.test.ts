import { expect, test } from "vitest";
import { callerTexts } from "../src/caller/words";
import { consoleTexts } from "../src/console/words";
import { deskTexts } from "../src/desk/words";
import { fill, LANGUAGES, language, type Text } from "../src/words/catalogue";
import { spoken } from "../src/words/number";
import { sharedTexts } from "../src/words/shared";
import { ago, running } from "../src/words/time";

const catalogues: Record<string, Record<string, Record<string, Text>>> = { deskTexts, callerTexts, consoleTexts, sharedTexts };

test("Slavic plurals take one, few and many where they belong", () => {
  const cases = deskTexts.uk["caller.cases"];
  expect([1, 2, 5, 11, 21, 22, 25].map((n) => fill(cases, "uk", { n }))).toEqual([
    "1 відкрита справа",
    "2 відкриті справи",
    "5 відкритих справ",
    "11 відкритих справ",
    "21 відкрита справа",
    "22 відкриті справи",
    "25 відкритих справ",
  ]);
  expect(fill(deskTexts.ru["caller.cases"], "ru", { n: 21 })).toBe("21 открытое дело");
  expect(fill(deskTexts.en["caller.cases"], "en", { n: 1 })).toBe("1 open case");
});

test("every plural has each form that its language has", () => {
  for (const languages of Object.values(catalogues)) {
    for (const tag of LANGUAGES) {
      const needed = new Intl.PluralRules(tag).resolvedOptions().pluralCategories;
      for (const [key, text] of Object.entries(languages[tag]!)) {
        if (typeof text !== "string") expect(Object.keys(text).sort(), `${tag} ${key}`).toEqual([...needed].sort());
      }
    }
  }
});

test("every language fills the same places as English", () => {
  const places = (text: Text): string[] => [...new Set(Object.values(typeof text === "string" ? { text } : text).flatMap((form) => form.match(/\{\w+\}/g) ?? []))].sort();
  for (const languages of Object.values(catalogues)) {
    for (const tag of LANGUAGES) {
      for (const [key, text] of Object.entries(languages["en"]!)) expect(places(languages[tag]![key]!), `${tag} ${key}`).toEqual(places(text));
    }
  }
});

test("Ukrainian has no letter that only Russian has", () => {
  for (const languages of Object.values(catalogues)) expect(JSON.stringify(languages["uk"])).not.toMatch(/[ыэёъЫЭЁЪ]/);
});

test("a number is grouped as people say it", () => {
  expect(spoken("+380501112233")).toBe("+380 50 111 22 33");
  expect(spoken("+31201234567")).toBe("+31 20 123 4567");
  expect(spoken("+3531234567")).toBe("+353 123 4567");
  expect(spoken("main")).toBe("main");
});

test("times are said near and far", () => {
  language.value = "en";
  const now = new Date(2026, 4, 20, 15, 0).getTime();
  expect(ago(now - 10_000, now)).toBe("now");
  expect(ago(now - 2 * 60_000, now)).toBe("2 min. ago");
  expect(ago(new Date(2026, 4, 20, 9, 5).getTime(), now)).toMatch(/0?9:05/);
  expect(ago(new Date(2026, 4, 19, 23, 0).getTime(), now)).toBe("yesterday");
  expect(ago(new Date(2026, 3, 12).getTime(), now)).toBe("Apr 12");
  expect(ago(new Date(2024, 3, 12).getTime(), now)).toBe("Apr 12, 2024");
  expect([running(0), running(192_000), running(3_727_000)]).toEqual(["00:00", "03:12", "1:02:07"]);
});
