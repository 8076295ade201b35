// A telephone number as people say it; copied, it is E.164 again.

/** Country code and the groups after it, for the countries our callers live in; others fall into threes. */
const PLANS: [string, number[]][] = [
  ["380", [2, 3, 2, 2]],
  ["375", [2, 3, 2, 2]],
  ["371", [2, 3, 3]],
  ["370", [3, 2, 3]],
  ["48", [3, 3, 3]],
  ["49", [3, 4, 4]],
  ["44", [4, 6]],
  ["31", [2, 3, 4]],
  ["7", [3, 3, 2, 2]],
  ["1", [3, 3, 4]],
];

/** `+380501112233` becomes `+380 50 111 22 33`; anything that is not E.164 is left alone. */
export function spoken(number: string): string {
  if (!/^\+[1-9][0-9]{6,14}$/.test(number)) return number;
  const digits = number.slice(1);
  const plan = PLANS.find(([code]) => digits.startsWith(code));
  if (!plan) return `+${threes(digits)}`;
  const [code, groups] = plan;
  const rest = digits.slice(code.length);
  if (rest.length !== groups.reduce((sum, size) => sum + size, 0)) return `+${code} ${threes(rest)}`;
  let from = 0;
  return [`+${code}`, ...groups.map((size) => rest.slice(from, (from += size)))].join(" ");
}

function threes(digits: string): string {
  return digits.replace(/(\d{3})(?=\d{2})/g, "$1 ");
}
