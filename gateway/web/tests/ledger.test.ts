import { expect, test } from "vitest";
import { Ledger, pauseBefore } from "../src/wire/ledger";

const hello = (channel: number, resume = `r${channel}`) => ({ type: "hello", resume, channel }) as const;

test("the first socket says nothing about resuming", () => {
  const ledger = new Ledger();
  expect(ledger.resume).toBeNull();
  expect(ledger.greet(hello(7))).toBe("first");
});

test("the next socket asks for what came after the last number read", () => {
  const ledger = new Ledger();
  ledger.greet(hello(7));
  expect([ledger.place(1), ledger.place(2)]).toEqual(["next", "next"]);
  expect(ledger.resume).toEqual({ type: "resume", token: "r7", last_seq: 2 });
  expect(ledger.greet(hello(7, "r7-again"))).toBe("resumed");
  expect(ledger.place(2)).toBe("seen");
  expect(ledger.place(3)).toBe("next");
  expect(ledger.resume?.token).toBe("r7-again");
});

test("a gap is told and not stepped over unasked", () => {
  const ledger = new Ledger();
  ledger.greet(hello(7));
  ledger.place(1);
  expect(ledger.place(4)).toBe("gap");
  expect(ledger.resume?.last_seq).toBe(1);
  ledger.skipTo(4);
  expect(ledger.place(5)).toBe("next");
});

test("another channel starts counting anew", () => {
  const ledger = new Ledger();
  ledger.greet(hello(7));
  ledger.place(1);
  expect(ledger.greet(hello(8))).toBe("doubtful");
  expect(ledger.greet(hello(8))).toBe("replaced");
  expect(ledger.place(1)).toBe("next");
});

test("a greeting sent before our resume was read is only a doubt", () => {
  const ledger = new Ledger();
  ledger.greet(hello(7));
  ledger.place(1);
  ledger.place(2);
  expect(ledger.greet(hello(8))).toBe("doubtful");
  expect(ledger.greet(hello(7))).toBe("resumed");
  expect(ledger.place(3)).toBe("next");
});

test("in doubt, a replay that goes on proves the old channel and a first word the new one", () => {
  const doubtful = () => {
    const ledger = new Ledger();
    ledger.greet(hello(7));
    ledger.place(1);
    ledger.place(2);
    ledger.greet(hello(8));
    return ledger;
  };
  const old = doubtful();
  expect([old.place(3), old.kept?.channel]).toEqual(["next", 7]);
  const anew = doubtful();
  expect([anew.place(1), anew.kept?.channel]).toEqual(["anew", 8]);
  expect(anew.place(2)).toBe("next");
});

test("a reloaded page asks for everything", () => {
  const ledger = new Ledger({ token: "r7", channel: 7 });
  expect(ledger.resume).toEqual({ type: "resume", token: "r7", last_seq: 0 });
  expect(ledger.greet(hello(7))).toBe("resumed");
  expect(ledger.place(1)).toBe("next");
});

test("pauses double up to a bound and are spread by chance", () => {
  expect([0, 1, 2].map((attempt) => pauseBefore(attempt, 1))).toEqual([250, 500, 1_000]);
  expect(pauseBefore(50, 1)).toBe(8_000);
  expect(pauseBefore(50, 0)).toBe(4_000);
});
