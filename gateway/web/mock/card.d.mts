export function card(now?: number): unknown;
