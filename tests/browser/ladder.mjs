// The SIP ladder of a phone, drawn from its trace.

import { readFileSync } from "node:fs";

const HEAD = /^(\d+) UDP (\S+) -> (\S+)$/;
/** Headers worth a line of their own. */
const TOLD = /^(Warning|Reason|User-to-User|X-Context-Ref|Session-ID):/i;
const WIDTH = 44;

/** Text: one line for each message, times in seconds from the first. */
export function ladder(trace, phone, gateway) {
  const lines = readFileSync(trace, "utf8").split("\n");
  const drawn = [];
  let first = null;
  for (let at = 0; at < lines.length; at++) {
    const head = HEAD.exec(lines[at].trimEnd());
    if (!head) continue;
    const [, time, from] = head;
    first ??= Number(time);
    const message = [];
    for (let next = at + 1; next < lines.length; next++) {
      const text = lines[next].replace(/^\d+ /, "").trimEnd();
      if (text === "") break;
      message.push(text);
    }
    const header = (name) => message.find((text) => text.toLowerCase().startsWith(`${name}:`))?.slice(name.length + 1).trim() ?? "";
    const label = ` ${message[0].replace(" SIP/2.0", "").replace("SIP/2.0 ", "")} `.slice(0, WIDTH - 4);
    const out = from !== gateway;
    const line = "-".repeat(WIDTH - label.length - 2);
    drawn.push(`${((Number(time) - first) / 1_000).toFixed(3).padStart(9)}  | ${out ? `-${label}${line}>` : `<${line}${label}-`} |  ${header("cseq")}  ${header("call-id")}`);
    for (const told of message.filter((text) => TOLD.test(text))) drawn.push(`${" ".repeat(13)}${told}`);
  }
  return `${" ".repeat(11)}${phone.padEnd(WIDTH - gateway.length + 4)}${gateway}\n${drawn.join("\n")}\n`;
}
