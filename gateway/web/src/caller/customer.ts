// Who is logged in to the demo shop: `?customer=+380…` picks one; nobody known is a guest.

import type { Customer } from "../wire/http";

const KNOWN: Record<string, string> = {
  "+380501112233": "Olena Kovalenko",
  "+380671234567": "Андрей Мельник",
  "+491701234567": "Hannah Vogel",
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
