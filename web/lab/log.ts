// What happened, in plain words, the newest first; a screen reader hears it as it comes.
import { element } from "./dom.js";

const KEPT_MAX = 200;
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export class Log {
  private list = element("ol");
  readonly root = element("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": "What happened", tabindex: 0 }, this.list);

  say(text: string, kind: "" | "good" | "bad" | "cut" = ""): void {
    const now = new Date();
    this.list.prepend(element("li", { class: kind }, element("time", { datetime: now.toISOString() }, TIME.format(now)), " ", text));
    while (this.list.children.length > KEPT_MAX) this.list.lastElementChild!.remove();
  }

  clear(): void { this.list.replaceChildren(); }
}
