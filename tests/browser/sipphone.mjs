// A SIP phone: baresip, which hums a WAV file, keeps what it hears and is told what to do over its control port.

import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { readWav, tone, writeWav } from "./tones.mjs";

const RATE = 8_000;
const MODULES = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"];
/** Between a key and the next; a finger is not faster, ms. */
const KEY_PAUSE = 250;
const COLOURS = /\u001b\[[0-9;]*m/g;

export class SipPhone {
  /** `number` is what it calls from, `hz` what it hums. */
  constructor(folder, trace, number, hz, gateway) {
    Object.assign(this, { folder, trace, number, hz, gateway, events: [], waiting: [] });
  }

  async start() {
    mkdirSync(this.folder, { recursive: true });
    const [host] = this.gateway.split(":");
    const control = await freePort();
    // baresip stops at the end of the file, so it is longer than any call here.
    writeWav(join(this.folder, "voice.wav"), RATE, tone(this.hz, RATE, 120));
    const modules = MODULES.find((path) => exists(path)) ?? MODULES[0];
    writeFileSync(
      join(this.folder, "config"),
      [
        `sip_listen ${host}:0`,
        `net_interface ${host}`,
        "sip_trans_def udp",
        "call_local_timeout 120",
        `audio_source aufile,${join(this.folder, "voice.wav")}`,
        `ausrc_srate ${RATE}`,
        "audio_level no",
        "rtp_stats no",
        `snd_path ${this.folder}`,
        `module_path ${modules}`,
        "module g711.so",
        "module aufile.so",
        "module sndfile.so",
        "module_tmp account.so",
        "module_app menu.so",
        "module_app ctrl_tcp.so",
        `ctrl_tcp_listen 127.0.0.1:${control}`,
        "",
      ].join("\n"),
    );
    writeFileSync(join(this.folder, "accounts"), `<sip:${this.number}@${this.gateway}>;regint=0;audio_codecs=pcmu/8000/1\n`);
    writeFileSync(join(this.folder, "contacts"), "");
    this.child = spawn("stdbuf", ["-oL", "-eL", "baresip", "-4", "-s", "-f", this.folder], { stdio: ["ignore", "pipe", "pipe"] });
    this.gone = new Promise((resolve) => this.child.once("exit", resolve));
    // Its trace has no times, so each line gets the one at which it came.
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => appendFileSync(this.trace, `${Date.now()} ${line.replace(COLOURS, "")}\n`));
    }
    await this.attach(control);
  }

  async attach(port) {
    for (let tries = 0; ; tries++) {
      try {
        this.socket = await new Promise((resolve, reject) => {
          const socket = connect(port, "127.0.0.1", () => resolve(socket));
          socket.once("error", reject);
        });
        break;
      } catch (error) {
        if (tries > 50) throw new Error(`baresip's control port did not open: ${error.message}; see ${this.trace}`);
        await pause(100);
      }
    }
    let rest = Buffer.alloc(0);
    this.socket.on("error", () => undefined);
    this.socket.on("data", (bytes) => {
      // Netstrings: a length, a colon, that many bytes, a comma.
      rest = Buffer.concat([rest, bytes]);
      for (;;) {
        const colon = rest.indexOf(":");
        if (colon < 0) return;
        const length = Number(rest.toString("latin1", 0, colon));
        if (rest.length < colon + length + 2) return;
        this.hear(JSON.parse(rest.toString("utf8", colon + 1, colon + 1 + length)));
        rest = rest.subarray(colon + length + 2);
      }
    });
  }

  hear(message) {
    if (!message.event) return;
    this.events.push(message);
    for (const one of this.waiting.splice(0)) one();
  }

  command(command, params = "") {
    const text = JSON.stringify({ command, params, token: "rehearsal" });
    this.socket.write(`${Buffer.byteLength(text)}:${text},`);
  }

  /** The first event of this type that was not waited for before. */
  async until(type, wait = 10_000) {
    const late = Date.now() + wait;
    for (;;) {
      const at = this.events.findIndex((event) => event.type === type);
      if (at >= 0) return this.events.splice(0, at + 1).at(-1);
      if (Date.now() > late) throw new Error(`the SIP phone saw no ${type} in ${wait} ms; see ${this.trace}`);
      await new Promise((resolve) => {
        this.waiting.push(resolve);
        setTimeout(resolve, Math.min(wait, 500));
      });
    }
  }

  async calls(user) {
    this.command("dial", `sip:${user}@${this.gateway}`);
    await this.until("CALL_ESTABLISHED");
  }

  async presses(keys) {
    for (const key of keys) {
      this.command("sndcode", key);
      await pause(KEY_PAUSE);
    }
  }

  hangsUp() {
    this.command("hangup");
  }

  /** What it heard in its last call, once that is over. */
  heard() {
    const file = readdirSync(this.folder).filter((name) => name.endsWith("-dec.wav")).sort().at(-1);
    if (!file) throw new Error("the SIP phone kept nothing of what it heard");
    const { rate, channels } = readWav(join(this.folder, file));
    return { rate, samples: channels[0] };
  }

  async stop() {
    if (!this.child || this.child.exitCode !== null) return;
    this.command("quit");
    const hard = setTimeout(() => this.child.kill("SIGKILL"), 3_000);
    await this.gone;
    clearTimeout(hard);
    this.socket.destroy();
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function exists(path) {
  try {
    return readdirSync(path).length > 0;
  } catch {
    return false;
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
