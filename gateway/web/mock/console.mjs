// What the console reads: one bridged call with its ladder, two refusals, one trunk.

const BEGAN = Date.now() - 90_000;
const [CALLER, FAR] = ["10.1.0.1:5060", "10.3.0.1:5090"];
const SDP = "v=0\r\no=- 1 1 IN IP4 10.1.0.1\r\ns=-\r\nc=IN IP4 10.1.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n";

function message(ms, way, remote, line) {
  const withSdp = /^INVITE|200 OK/.test(line) && ms < 5_000;
  const label = `${line.replace("SIP/2.0 ", "").replace(/ sip:.*/, "")}${withSdp ? " (sdp)" : ""}`;
  const text = `${line}\r\nVia: SIP/2.0/UDP ${remote};branch=z9hG4bK77ef4c\r\nCall-ID: a84b4c76e66710\r\nCSeq: 1 INVITE\r\n\r\n${withSdp ? SDP : ""}`;
  return { at: BEGAN + ms, ms, way, local: "10.0.0.1:5060", remote, transport: "UDP", call_id: "a84b4c76e66710", label, text };
}

const ladder = () => ({
  call: 1043,
  left_out: 0,
  messages: [
    message(0, "in", CALLER, "INVITE sip:200@10.0.0.1 SIP/2.0"),
    message(1, "out", CALLER, "SIP/2.0 100 Trying"),
    message(2, "out", FAR, "INVITE sip:uas@10.3.0.1:5090 SIP/2.0"),
    message(14, "in", FAR, "SIP/2.0 180 Ringing"),
    message(15, "out", CALLER, "SIP/2.0 180 Ringing"),
    message(3_210, "in", FAR, "SIP/2.0 200 OK"),
    message(3_211, "out", FAR, "ACK sip:uas@10.3.0.1:5090 SIP/2.0"),
    message(3_211, "out", CALLER, "SIP/2.0 200 OK"),
    message(3_230, "in", CALLER, "ACK sip:200@10.0.0.1 SIP/2.0"),
    message(61_002, "in", CALLER, "BYE sip:200@10.0.0.1 SIP/2.0"),
    message(61_003, "out", CALLER, "SIP/2.0 200 OK"),
    message(61_003, "out", FAR, "BYE sip:uas@10.3.0.1:5090 SIP/2.0"),
    message(61_019, "in", FAR, "SIP/2.0 200 OK"),
  ],
});

const stranger = {
  reason: "unknown_source", status: 403, q850: 21, said: "no trunk speaks from 10.1.9.7", nearest: "trunk carrier",
  differs: { field: "sources", wanted: "10.1.0.0/21", got: "10.1.9.7" },
  admit: { trunk: "carrier", toml: 'sources = ["10.1.0.0/21", "10.1.9.7"]' },
};
const unrouted = {
  reason: "no_route", status: 404, q850: 1, said: "no route for 0441112233", nearest: "route +380441112233",
  differs: { field: "dialled", wanted: "+380441112233", got: "0441112233" },
  admit: { trunk: null, toml: '[[route]]\ndialled = "0441112233"\nscript = "main"' },
};
const arrived = { transport: "UDP", method: "INVITE", call_id: "3848276298220188511@atlanta" };

export const ENGINEERS = {
  "/v1/calls": () => ({
    live: [1044],
    calls: [
      { id: 1044, caller: "+31201234567", started: Date.now() - 8_000, ended: null, cause: null },
      { id: 1043, caller: "+380501112233", started: BEGAN, ended: BEGAN + 61_019, cause: { sip: 200, q850: 16 } },
    ],
  }),
  "/v1/calls/1043/ladder": ladder,
  "/v1/calls/1043": () => ({
    recordings: [
      { id: 1043, state: "uploaded", at: BEGAN + 61_019, length_ms: 61_000, format: "opus", encrypted: true, trouble: null, failure: null },
    ],
  }),
  "/v1/rejections": () => ({
    rejections: [
      { ...stranger, ...arrived, id: 2, at: Date.now() - 20_000, first: BEGAN, count: 1_204, from: "10.1.9.7:5060", trunk: null, caller: "100", dialled: "900441" },
      { ...unrouted, ...arrived, id: 1, at: Date.now() - 400_000, first: BEGAN, count: 1, from: CALLER, trunk: "carrier", caller: "+380501112233", dialled: "0441112233" },
    ],
  }),
  "/v1/trunks": () => ({
    trunks: [
      {
        name: "carrier", state: "up", host: "sip.carrier.tld", calls: 3, calls_max: 30,
        servers: [{ address: "udp 10.1.0.5:5060", up: true, probes: [9, 11, null, 10].map((ms, n) => ({ at: Date.now() - n * 30_000, ms })) }],
      },
    ],
  }),
  "/v1/route-test": () => ({ admitted: false, text: "", refused: unrouted }),
};
