// What the caller page says.

import { speaker } from "../../words/catalogue";
import { en, type CallerKey } from "./en";
import { ru } from "./ru";
import { uk } from "./uk";

export const callerTexts = { en, ru, uk };
export const t = speaker<CallerKey>(callerTexts);
