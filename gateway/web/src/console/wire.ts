// What the console asks the gateway, by the API key of this tab.

import { signal } from "@preact/signals";
import { call, Problem } from "../wire/http";

const KEPT = "tandem.key";

/** The API key; empty until the engineer has given one that the gateway knows. */
export const key = signal(kept());

export interface Call {
  id: number;
  caller: string | null;
  started: number;
  ended: number | null;
  cause: { sip: number; q850: number } | null;
}

export interface Message {
  at: number;
  ms: number;
  way: "in" | "out";
  local: string;
  remote: string;
  transport: string;
  label: string;
  text: string;
}

export interface Ladder {
  messages: Message[];
  left_out: number;
}

export interface Recording {
  id: number;
  state: "sealed" | "archived" | "uploaded" | "failed" | "expired" | "erased";
  at: number;
  length_ms: number;
  format: string;
  encrypted: boolean;
  trouble: string | null;
  failure: string | null;
  erased?: { at: number; by: string };
}

export interface Refused {
  reason: string;
  status: number;
  q850: number;
  said: string;
  nearest: string | null;
  differs: { field: string; wanted: string; got: string } | null;
  admit: { trunk: string | null; toml: string } | null;
}

export interface Rejection extends Refused {
  id: number;
  at: number;
  first: number;
  count: number;
  from: string;
  transport: string;
  trunk: string | null;
  caller: string;
  dialled: string;
  call_id: string;
}

export interface Trunk {
  name: string;
  state: string;
  host: string | null;
  calls: number;
  calls_max: number | null;
  servers: { address: string; up: boolean; probes: { at: number; ms: number | null }[] }[];
}

export interface Foretold {
  admitted: boolean;
  text: string;
  refused?: Refused;
}

export const calls = (): Promise<{ live: number[]; calls: Call[] }> => ask("GET", "/v1/calls?limit=50");
export const rejections = (): Promise<{ rejections: Rejection[] }> => ask("GET", "/v1/rejections");
export const routeTest = (question: Record<string, string>): Promise<Foretold> => ask("POST", "/v1/route-test", question);

/** `null` where the store has not heard of the call yet. */
export const recordings = (id: number): Promise<{ recordings: Recording[] } | null> => orNull(ask("GET", `/v1/calls/${id}`));

/** `null` where no SIP of the call is kept. */
export const ladder = (id: number): Promise<Ladder | null> => orNull(ask("GET", `/v1/calls/${id}/ladder`));

/** `null` where the gateway has no such list. */
export const trunks = (): Promise<{ trunks: Trunk[] } | null> => orNull(ask("GET", "/v1/trunks"));

/** Whether the gateway knows this key; it is kept by this tab alone. */
export async function open(given: string): Promise<void> {
  await call("GET", "/v1/rejections?limit=1", undefined, given);
  key.value = given;
  keep(given);
}

export function forget(): void {
  key.value = "";
  keep("");
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  try {
    return await call<T>(method, path, body, key.value);
  } catch (error) {
    if (error instanceof Problem && error.status === 401) forget();
    throw error;
  }
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

function kept(): string {
  try {
    return sessionStorage.getItem(KEPT) ?? "";
  } catch {
    return "";
  }
}

function keep(given: string): void {
  try {
    sessionStorage.setItem(KEPT, given);
  } catch {
    // Storage refused: the key holds until the page is left.
  }
}
