// The story of one caller, as a gateway would send it.

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

export function card(now = Date.now()) {
  return {
    context_id: "c7Qm2xv0Rk",
    version: 1,
    session_id: "4f1c9e0b7d2a4a1f8a3c5e6d7b8f9a01",
    entry: { medium: "call", dialled: "main", trunk: "web", diverted_from: null },
    trust: { level: "token", evidence: ["signed handoff from chat 41", "number verified 3 times"] },
    customer: { id: 12, name: "Olena K.", language: "uk", segment: "gold" },
    identities: [
      { kind: "tel", value: "+380501112233", verified_at: now - 40 * DAY, source: "call" },
      { kind: "email", value: "olena.k@example.com", verified_at: now - 200 * DAY, source: "portal" },
      { kind: "messenger", value: "olena_k", verified_at: null, source: "messenger" },
    ],
    reason: { intent: "parcel_late", label: "Parcel A-17 is late", confidence: 92, evidence: ["said in chat", "order A-17 is 3 days over its date"] },
    exit: { kind: "asked_agent", node: "parcel", detail: "after hearing where the parcel is" },
    ivr: {
      flow: "main",
      version: 7,
      path: ["root", "parcel", "parcel_where", "a_person"],
      menu: {
        node: "root",
        version: 7,
        order: [
          { item: "parcel", score: 2.4, terms: { reason: 1.8, share: 0.6 } },
          { item: "invoice", score: 1.1, terms: { past: 0.7, share: 0.4 } },
          { item: "a_person", score: 0.3, terms: { share: 0.3 } },
        ],
        mode: "personal",
        holdout: false,
      },
    },
    slots: [
      { key: "order", value: "A-17", source: "chat", at: now - 4 * MINUTE, confidence: 96, confirmed: false, privacy: "open" },
      { key: "account", value: "****1187", source: "call", at: now - MINUTE, confidence: 100, confirmed: true, privacy: "pii" },
      { key: "address", value: { street: "Lypova 12, apt. 4", city: "Lviv" }, source: "portal", at: now - 61 * DAY, confidence: 80, confirmed: false, privacy: "pii" },
    ],
    self_service: { medium: "call", step: 2, step_of: 3 },
    chat: [
      { at: now - 4 * MINUTE, from: "customer", text: "my parcel is late" },
      { at: now - 4 * MINUTE + 2_000, from: "bot", text: "I am sorry. Is it order A-17?" },
      { at: now - 3 * MINUTE, from: "customer", text: "yes, A-17, it was due on Thursday and I leave town tomorrow" },
      { at: now - 3 * MINUTE + 3_000, from: "bot", text: "It is at the sorting depot. You can call us from here; you will not have to say it twice." },
    ],
    timeline: [
      { id: 881, medium: "portal", at: now - DAY, gist: "Paid invoice 1041", outcome: "paid", agent: null },
      { id: 702, medium: "call", at: now - 40 * DAY, gist: "Damaged box, kettle replaced", outcome: "solved in 4 min", agent: 3 },
      { id: 655, medium: "email", at: now - 61 * DAY, gist: "Asked to change the delivery address", outcome: "changed", agent: 2 },
      { id: 410, medium: "messenger", at: now - 190 * DAY, gist: "Asked for the opening hours", outcome: "answered by the bot", agent: null },
    ],
    open_cases: [
      { id: 93, status: "waiting for the courier", title: "Order A-17 has not come", opened: now - 3 * DAY },
      { id: 90, status: "open", title: "Wrong amount on invoice 1042", opened: now - 9 * DAY },
    ],
    routing: { queue: "Support", skills: ["uk", "delivery"], waited_ms: 72_000, tried: [], chosen_because: "speaks Ukrainian, knows deliveries, free the longest" },
    recording: { state: "on", consent: true },
    brief: "Leaves town tomorrow; wants the parcel today or at a pick-up point.",
    handovers: [],
    resume: { script: "main", version: 7, node: "parcel_where", slots: {} },
    links: {},
    trimmed: [],
  };
}
