// Getting the agent's eye: the ring, the blinking title, the desktop notification.

import { Ring } from "../media/ring";

const BLINK = 1_000;

export class Attention {
  private readonly ring = new Ring();
  private notification: Notification | null = null;
  private timer = 0;
  private title = "";

  call(title: string, body: string, speaker?: string): void {
    this.rest();
    this.ring.start(speaker);
    this.title = document.title;
    let on = true;
    document.title = `● ${title}`;
    this.timer = window.setInterval(() => {
      on = !on;
      document.title = on ? `● ${title}` : this.title;
    }, BLINK);
    if (document.hidden && "Notification" in window && Notification.permission === "granted") {
      this.notification = new Notification(title, { body, tag: "tandem-ring", requireInteraction: true });
      this.notification.onclick = () => {
        window.focus();
        this.notification?.close();
      };
    }
  }

  rest(): void {
    this.ring.stop();
    clearInterval(this.timer);
    if (this.title) document.title = this.title;
    this.title = "";
    this.notification?.close();
    this.notification = null;
  }
}
