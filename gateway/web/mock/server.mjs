// A gateway that plays one scripted call, so that the pages can be built and looked at without one.
//
// Serves dist/ under the real Content-Security-Policy. `POST /mock/push {to, notice}` says anything to the pages, `POST /mock/drop {to}`
// cuts their sockets. A page at `/mock/ear` that answers offers (shots.mjs opens one) gives calls real audio.

import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { card } from "./card.mjs";
import { ENGINEERS } from "./console.mjs";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const CSP = "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self'";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const RING = 20_000;

/** One page's channel: it outlives its socket, numbers what it says, replays what was missed. */
class Channel {
  constructor(kind) {
    this.kind = kind;
    this.id = Math.floor(Math.random() * 1e9);
    this.token = `resume-${this.id}`;
    this.said = [];
    this.socket = null;
  }

  greet(socket) {
    this.socket = socket;
    socket.send(JSON.stringify({ type: "hello", resume: this.token, channel: this.id }));
  }

  push(notice) {
    const message = { seq: this.said.length + 1, ...notice };
    this.said.push(message);
    this.socket?.send(JSON.stringify(message));
  }

  replay(after) {
    for (const message of this.said.slice(after)) this.socket?.send(JSON.stringify(message));
  }
}

export function start(port = 8090, { auto = true } = {}) {
  const channels = new Map();
  const latest = {};
  const heard = [];
  let loggedIn = false;
  let ear = null;
  let calls = 100;
  const waiting = new Map();
  const lines = [];

  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    const body = await read(request);
    const json = (status, value) => {
      response.writeHead(status, { "content-type": status < 400 ? "application/json" : "application/problem+json" });
      response.end(JSON.stringify(value));
    };
    if (path === "/v1/login") {
      if (body.password === "wrong") return json(401, { type: "about:blank", title: "Unauthorized", status: 401, id: "p-401-7" });
      loggedIn = true;
      return json(200, { agent: { id: 1, name: body.login || "ada", languages: ["uk", "en"] } });
    }
    if (path === "/v1/me") return loggedIn ? json(200, { agent: { id: 1, name: "ada" } }) : json(401, { title: "Unauthorized", status: 401 });
    if (path === "/v1/logout") return (loggedIn = false), json(200, {});
    if (path === "/v1/chat") return (lines.length = 0), json(200, { chat: 41, token: "chat-token" });
    if (/^\/v1\/chat\/41\/lines$/.test(path)) {
      const now = Date.now();
      const answer = lines.length === 0 ? "I am sorry. Is it order A-17?" : "It is at the sorting depot. You can call us from here; you will not have to say it twice.";
      const said = [
        { at: now, from: "customer", text: body.text },
        { at: now + 1, from: "bot", text: answer },
      ];
      lines.push(...said);
      await new Promise((resolve) => setTimeout(resolve, 150));
      return json(200, { lines: said, reason: { intent: "parcel_late" } });
    }
    if (/^\/v1\/chat\/41\/handoff$/.test(path)) return heard.push({ type: "handoff", ...body }), json(200, { token: "jwt" });
    const engineer = request.headers.authorization === "Bearer right";
    if (path in ENGINEERS) return engineer ? json(200, ENGINEERS[path]()) : json(401, { title: "We do not know who is asking", status: 401, id: "p-401-8" });
    if (path === "/mock/push") return latest[body.to]?.push(body.notice), json(200, {});
    if (path === "/mock/say") return latest[body.to]?.socket?.send(JSON.stringify(body.message)), json(200, {});
    if (path === "/mock/drop") return latest[body.to]?.socket?.terminate(), json(200, {});
    if (path === "/mock/offer") return offer(latest.desk), json(200, {});
    if (path === "/mock/heard") return json(200, heard);
    if (path === "/mock/blank") return response.writeHead(200, { "content-type": "text/html" }), response.end("<!doctype html><title>ear</title>");
    const file = normalize(join(DIST, /^\/(agent|call|console)$/.test(path) ? `${path}.html` : path));
    if (!file.startsWith(DIST) || !existsSync(file) || file.endsWith("/")) return json(404, { title: "Not found", status: 404 });
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-security-policy": CSP });
    createReadStream(file).pipe(response);
  });

  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, request) => {
    const path = new URL(request.url, "http://localhost").pathname;
    if (path === "/mock/ear") {
      ear = socket;
      socket.on("message", (data) => {
        const { key, sdp } = JSON.parse(data);
        waiting.get(key)?.(sdp);
        waiting.delete(key);
      });
      return;
    }
    const kind = path === "/v1/desk" ? "desk" : "caller";
    let channel = null;
    // A page that resumes says so first; one that is new says nothing until greeted.
    const fresh = setTimeout(() => adopt(new Channel(kind)), 60);
    const adopt = (it) => {
      clearTimeout(fresh);
      channel = latest[kind] = it;
      channels.set(it.token, it);
      it.greet(socket);
    };
    socket.on("message", (data) => {
      const message = JSON.parse(data);
      if (message.type === "resume") {
        const known = channels.get(message.token);
        adopt(known ?? new Channel(kind));
        if (known) known.replay(message.last_seq);
        return;
      }
      heard.push({ from: kind, at: Date.now(), ...message });
      if (channel) (kind === "desk" ? onDesk : onCaller)(channel, message);
    });
  });

  async function answer(channel, call, sdp) {
    if (!ear) return;
    const key = `${call}-${Math.random()}`;
    const sdpAnswer = await new Promise((resolve) => {
      waiting.set(key, resolve);
      ear.send(JSON.stringify({ key, sdp }));
    });
    channel.push({ type: "media.answer", call, sdp: sdpAnswer });
  }

  function offer(desk) {
    calls += 1;
    desk.push({ type: "call.offer", call: calls, card: card(), ring_deadline: Date.now() + RING });
  }

  function onDesk(desk, message) {
    const { call } = message;
    const cause = { sip: 200, q850: 16, fault: "agent", retry: false };
    switch (message.type) {
      case "status":
        desk.push({ type: "status", call: null, state: message.state, detail: null });
        if (auto && message.state === "available") setTimeout(() => offer(desk), 1_500);
        break;
      case "media.offer":
        void answer(desk, call, message.sdp);
        break;
      case "call.accept":
        setTimeout(() => desk.push({ type: "call.bridged", call, was: null, context_version: 1 }), 120);
        if (auto) setTimeout(() => desk.push({ type: "context.patch", call, from: 1, to: 2, ops: [{ op: "add", path: "/slots/-", value: { key: "city", value: "Lviv", source: "call", at: Date.now(), confidence: 70, confirmed: false, privacy: "open" } }] }), 3_000);
        break;
      case "call.decline":
        desk.push({ type: "call.withdrawn", call, cause: { ...cause, sip: 603 } });
        break;
      case "call.hold":
        desk.push({ type: "status", call, state: message.held ? "held" : "talking", detail: null });
        break;
      case "recording.pause":
        desk.push({ type: "status", call, state: message.paused ? "recording_paused" : "recording", detail: null });
        break;
      case "call.hangup":
        desk.push({ type: "call.ended", call, cause });
        break;
    }
  }

  function onCaller(caller, message) {
    const call = 77;
    const cause = { sip: 200, q850: 16, fault: "caller", retry: false };
    const say = (speaker, text) => caller.push({ type: "caption", call, speaker, text });
    switch (message.type) {
      case "call.start":
        caller.push({ type: "status", call, state: "connecting", detail: null });
        void answer(caller, call, message.sdp);
        setTimeout(() => {
          caller.push({ type: "status", call, state: "in_menu", detail: null });
          caller.push({ type: "status", call, state: "recording", detail: null });
          caller.push({ type: "menu", call, items: [["1", "Where is my parcel A-17"], ["2", "Invoices and payment"], ["3", "Something else"], ["0", "A person"]] });
          say("ivr", "Good day, Olena. For your parcel A-17, press 1.");
        }, 400);
        break;
      case "key":
        if (message.key !== "0") return say("ivr", "Your parcel is at the sorting depot. For a person, press 0.");
        caller.push({ type: "status", call, state: "queued", detail: "2 120" });
        say("ivr", "You are second in line, about two minutes.");
        if (auto) {
          setTimeout(() => caller.push({ type: "status", call, state: "ringing", detail: null }), 2_000);
          setTimeout(() => caller.push({ type: "status", call, state: "talking", detail: "Ada" }), 4_000);
        }
        break;
      case "call.hangup":
        caller.push({ type: "call.ended", call, cause });
        break;
    }
  }

  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve({ server, heard, close: () => (sockets.close(), server.closeAllConnections(), server.close()) })));
}

async function read(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    return {};
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.env.PORT ?? 8090);
  await start(port);
  console.log(`http://127.0.0.1:${port}/agent and http://127.0.0.1:${port}/call`);
}
