// JSON over HTTP; what goes wrong comes as one type (RFC 9457).

import type { ChatLine } from "./messages";

/** `title` says what happened, `detail` what to do, `id` is what to quote. Status 0: the gateway could not be reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly id: string,
  ) {
    super(title);
  }
}

export interface Agent {
  id: number;
  name: string;
  languages?: string[];
}

export interface Customer {
  tel?: string;
  name?: string;
}

export const login = (login: string, password: string): Promise<{ agent: Agent }> => post("/v1/login", { login, password });
export const logout = (): Promise<unknown> => post("/v1/logout", {});

/** Who is logged in here; `null` when nobody is. */
export async function me(): Promise<Agent | null> {
  try {
    const answer = await call<{ agent?: Agent } & Partial<Agent>>("GET", "/v1/me");
    return answer.agent ?? (answer as Agent);
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null;
    throw error;
  }
}

export const startChat = (customer: Customer | undefined, language: string): Promise<{ chat: number | string; token: string }> =>
  post("/v1/chat", { ...(customer && { customer }), language });

export const sayInChat = (chat: number | string, token: string, text: string): Promise<{ lines: ChatLine[]; reason?: unknown }> =>
  post(`/v1/chat/${encodeURIComponent(chat)}/lines`, { text }, token);

/** `omit` are the `at` of lines that the caller does not want the agent to see. */
export const handOff = (chat: number | string, token: string, omit: number[]): Promise<{ token: string }> =>
  post(`/v1/chat/${encodeURIComponent(chat)}/handoff`, omit.length > 0 ? { omit } : {}, token);

const post = <T>(path: string, body: unknown, bearer?: string): Promise<T> => call<T>("POST", path, body, bearer);

export async function call<T>(method: string, path: string, body?: unknown, bearer?: string): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: {
        accept: "application/json, application/problem+json",
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(bearer && { authorization: `Bearer ${bearer}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem(0, "", "", "");
  }
  const text = await answer.text();
  const json: unknown = text === "" ? {} : parse(text);
  if (answer.ok) return json as T;
  const problem = (typeof json === "object" && json !== null ? json : {}) as Record<string, unknown>;
  const word = (key: string): string => (typeof problem[key] === "string" || typeof problem[key] === "number" ? String(problem[key]) : "");
  throw new Problem(answer.status, word("title"), word("detail"), word("id") || word("instance"));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
