// What the console says.

import { speaker } from "../../words/catalogue";
import { en, type ConsoleKey } from "./en";
import { ru } from "./ru";
import { uk } from "./uk";

export type { ConsoleKey } from "./en";
export const consoleTexts = { en, ru, uk };
export const t = speaker<ConsoleKey>(consoleTexts);
