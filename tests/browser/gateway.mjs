// The product itself: `tandem demo` on a data directory of its own, and what it says over its API.

import { spawn, execFile } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** A demo is ready in under a second; a machine under load may take longer. */
const READY_WAIT = 15_000;
const END_WAIT = 8_000;

export class Gateway {
  constructor(root, binary, data, log) {
    Object.assign(this, { root, binary, data, log });
  }

  async start() {
    const child = spawn(this.binary, ["demo", "--data", this.data, "--json"], { cwd: this.root, stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    child.stderr.pipe(createWriteStream(this.log));
    this.ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(`the gateway ended (${signal ?? code}); see ${this.log}`)));
    const ready = new Promise((resolve) => createInterface({ input: child.stdout }).once("line", (line) => resolve(JSON.parse(line))));
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`the gateway was not ready in ${READY_WAIT} ms; see ${this.log}`)), READY_WAIT).unref());
    const said = await Promise.race([ready, late, this.ended.then((why) => Promise.reject(new Error(why)))]);
    this.url = said.url;
    this.sip = said.sip[0];
    this.key = readFileSync(join(this.data, "api.key"), "utf8").trim();
    return said;
  }

  async stop() {
    if (!this.child || this.child.exitCode !== null) return;
    this.child.kill("SIGTERM");
    const hard = setTimeout(() => this.child.kill("SIGKILL"), END_WAIT);
    await this.ended;
    clearTimeout(hard);
  }

  async get(path) {
    const answer = await fetch(this.url + path, { headers: { authorization: `Bearer ${this.key}` } });
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  /** The call's records of one type, waited for: history is written behind the call. */
  async records(call, type, wait = 5_000) {
    const until = Date.now() + wait;
    for (;;) {
      const { records } = await (await this.get(`/v1/calls/${call}`)).json().catch(() => ({ records: [] }));
      const found = records.filter((record) => record.type === type);
      if (found.length > 0) return found;
      if (Date.now() > until) throw new Error(`call ${call} has no record ${type} after ${wait} ms, only ${records.map((record) => record.type).join(" ")}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** The id of the newest call that is not in `known`. */
  async newest() {
    const { calls } = await (await this.get("/v1/calls?limit=1")).json();
    return calls[0];
  }

  /** The order in which this caller would hear the menu now. */
  async order(caller) {
    const { stdout } = await promisify(execFile)(this.binary, ["--json", "ivr", "explain", "--caller", caller, "--data", this.data], { cwd: this.root, timeout: 10_000 });
    return JSON.parse(stdout);
  }
}
