// Who is logged in to the demo shop: `?customer=+380…` picks one; nobody known is a guest.

import type { Customer } from "../wire/http";

const KNOWN: Record<string, string> = {
  "+380501112233": "Olena K.",
  "+380672223344": "Taras B.",
  "+31201234567": "Noor de Vries",
};

const FIRST = "+380501112233";

/** A plus in a query is a space to URLSearchParams. */
export function customerFrom(search: string): Customer | undefined {
  const asked = new URLSearchParams(search).get("customer");
  if (asked === "" || asked === "guest") return undefined;
  const tel = asked === null ? FIRST : `+${asked.replace(/\D/g, "")}`;
  const name = KNOWN[tel];
  return { tel, ...(name && { name }) };
}

export const customer = customerFrom(typeof location === "undefined" ? "" : location.search);
