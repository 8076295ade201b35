// One WebSocket that survives: reconnects with back-off, resumes by token, drops what was seen, keeps what was said meanwhile.

import { signal } from "@preact/signals";
import { Ledger, pauseBefore, type LedgerState } from "./ledger";
import type { ClientMessage, Notice, ProblemNotice, ServerMessage } from "./messages";

/** Said while the socket was away; beyond this the oldest is dropped. */
const SAID_MAX = 64;
/** A socket that has not opened by then never will, ms. */
const OPEN_WAIT = 5_000;

export type Link = "connecting" | "open" | "lost" | "closed";

export interface Listener {
  notice(notice: Notice): void;
  problem?(problem: ProblemNotice): void;
  /** It may be gone: say again whatever a new one would have to know. */
  doubtful?(): void;
  /** The channel we knew is gone; whatever call it carried is not ours any more. */
  replaced?(): void;
  /** Asked before each new attempt; false gives up (logged out elsewhere). */
  mayRetry?(): Promise<boolean>;
  /** The right to resume has changed. */
  keep?(state: LedgerState | null): void;
}

export class Channel {
  readonly link = signal<Link>("connecting");
  private readonly ledger: Ledger;
  private socket: WebSocket | null = null;
  private said: ClientMessage[] = [];
  private attempt = 0;
  private timer = 0;
  private healing = false;
  private done = false;

  constructor(
    private readonly url: string,
    private readonly listener: Listener,
    kept: LedgerState | null = null,
  ) {
    this.ledger = new Ledger(kept);
    addEventListener("online", this.online);
    addEventListener("offline", this.offline);
    this.open();
  }

  send(message: ClientMessage): void {
    if (this.link.peek() === "open" && this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(message));
      return;
    }
    this.said.push(message);
    if (this.said.length > SAID_MAX) this.said.shift();
  }

  close(): void {
    this.done = true;
    clearTimeout(this.timer);
    removeEventListener("online", this.online);
    removeEventListener("offline", this.offline);
    this.socket?.close(1000);
    this.ledger.forget();
    this.listener.keep?.(null);
    this.link.value = "closed";
  }

  private open(): void {
    // The server need not wait to see whether a resume follows.
    const resumes = `resume=${this.ledger.resume ? 1 : 0}`;
    const socket = new WebSocket(absolute(this.url + (this.url.includes("?") ? "&" : "?") + resumes));
    this.socket = socket;
    const slow = setTimeout(() => socket.readyState === WebSocket.CONNECTING && socket.close(), OPEN_WAIT);
    socket.onopen = () => {
      clearTimeout(slow);
      this.ledger.reopen();
      const resume = this.ledger.resume;
      if (resume) socket.send(JSON.stringify(resume));
    };
    socket.onmessage = (event: MessageEvent) => {
      if (socket === this.socket && typeof event.data === "string") this.hear(event.data);
    };
    socket.onclose = () => {
      clearTimeout(slow);
      if (socket === this.socket) this.lose();
    };
  }

  private hear(text: string): void {
    let message: ServerMessage;
    try {
      message = JSON.parse(text) as ServerMessage;
    } catch {
      return;
    }
    if (message.type === "hello") {
      const greeting = this.ledger.greet(message);
      this.listener.keep?.(this.ledger.kept);
      if (greeting === "replaced") this.replace();
      this.settle();
      if (greeting === "doubtful") this.listener.doubtful?.();
      return;
    }
    if (message.type === "problem") {
      this.listener.problem?.(message);
      if (message.seq === undefined) return;
    }
    this.settle();
    const { seq = 0, ...notice } = message;
    const place = this.ledger.place(seq);
    if (place === "seen") return;
    if (place === "anew") {
      this.listener.keep?.(this.ledger.kept);
      this.replace();
    }
    if (place === "gap") {
      // One replay is asked for; what it does not bring is lost for good, and the page goes on.
      if (!this.healing) {
        this.healing = true;
        this.socket?.close();
        return;
      }
      this.ledger.skipTo(seq);
    }
    this.healing = false;
    this.listener.notice(notice as Notice);
  }

  private replace(): void {
    this.said = [];
    this.listener.replaced?.();
  }

  private settle(): void {
    if (this.link.peek() === "open") return;
    this.attempt = 0;
    this.link.value = "open";
    for (const message of this.said.splice(0)) this.send(message);
  }

  private lose(): void {
    if (this.done) return;
    this.socket = null;
    this.link.value = "lost";
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.retry(), pauseBefore(this.attempt++, Math.random()));
  }

  private async retry(): Promise<void> {
    const may = (await this.listener.mayRetry?.()) ?? true;
    if (this.done || this.socket) return;
    if (may) this.open();
    else this.close();
  }

  private readonly online = (): void => {
    if (this.socket || this.done) return;
    clearTimeout(this.timer);
    this.attempt = 0;
    void this.retry();
  };

  private readonly offline = (): void => {
    // A socket over a network that is gone would take minutes to notice.
    const socket = this.socket;
    if (!socket) return;
    this.socket = null;
    socket.close();
    this.lose();
  };
}

function absolute(path: string): string {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
