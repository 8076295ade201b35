// Times as people say them; the exact one is for hovering.

import { signal } from "@preact/signals";
import { language } from "./catalogue";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Ticks every second; what shows a running time reads it. */
export const second = signal(Date.now());
/** Ticks every 15 s: "2 min ago" needs no more, and a long list is not drawn 60 times a minute. */
export const quarter = signal(Date.now());

if (typeof window !== "undefined") {
  setInterval(() => (second.value = Date.now()), 1_000);
  setInterval(() => (quarter.value = Date.now()), 15_000);
}

/** "2 min ago", "yesterday", "12 May", "12 May 2024". */
export function ago(at: number, now = quarter.value): string {
  const past = now - at;
  const relative = new Intl.RelativeTimeFormat(language.value, { numeric: "auto", style: "short" });
  if (past < MINUTE) return relative.format(0, "second");
  if (past < HOUR) return relative.format(-Math.floor(past / MINUTE), "minute");
  const days = daysBetween(at, now);
  if (days === 0) return clock(at);
  if (days < 7) return relative.format(-days, "day");
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return new Intl.DateTimeFormat(language.value, { day: "numeric", month: "short", ...(!sameYear && { year: "numeric" }) }).format(at);
}

/** "14:02". */
export function clock(at: number): string {
  return new Intl.DateTimeFormat(language.value, { hour: "2-digit", minute: "2-digit" }).format(at);
}

export function exact(at: number): string {
  return new Intl.DateTimeFormat(language.value, { dateStyle: "full", timeStyle: "medium" }).format(at);
}

/** "3:07", "1:02:07": how long something has run. */
export function running(ms: number): string {
  const whole = Math.max(0, Math.floor(ms / 1_000));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}

function daysBetween(at: number, now: number): number {
  const midnight = (time: number): number => new Date(time).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / DAY);
}
