// How it stands with the service, said honestly: a small pill, and behind it in plain words what is going on and
// what to do. Only what changes for the shopper is announced.
import type { Problem, Status } from "evercart";
import { announce, element, set, write } from "../common/dom.js";
import { cart, isOpen } from "./cart.js";
import { t } from "./words.js";

type Mood = "good" | "busy" | "off" | "bad";

const word = element("span", {}, t("Opening …")), rest = element("span", { class: "rest" });
/** What is known, drawn anew with each change; what can be pressed stays, so that no change takes a press away. */
const facts = element("div", {}, element("p", {}, t("The cart is being opened."))), act = element("button", { type: "button", click: () => !isOpen() || reloads() ? location.reload() : over() ? void cart.create().catch(() => {}) : cart.refresh() });
const panel = element("div", { class: "panel", id: "status-panel", popover: "auto", role: "dialog", "aria-label": t("Connection and storage") },
  facts, element("div", { class: "actions" }, act, element("a", { class: "button quiet", href: "/sign-in" }, t("Other devices"))));
const pill = element("button", { type: "button", class: "pill", "data-mood": "busy", popovertarget: "status-panel" }, element("span", { class: "dot", "aria-hidden": "true" }), word, rest);
export const statusPill = element("div", { class: "status" }, pill, panel);

let connected: boolean | null = null;
let problem = "", joined = false;
/** Set by a search for a connection that failed: each further try is part of being offline. */
let off = false;

/** `first`: the connection has not been tried yet. */
export function update(first = false): void {
  const { status } = cart;
  if (status.online) off = false; else if (!navigator.onLine || !status.syncing && !first) off = true;
  const [mood, text, more = ""] = short(status);
  set(pill, "data-mood", mood);
  write(word, text);
  write(rest, more);
  set(pill, "aria-label", t("{state}. Connection and storage", { state: text + more }));
  say(status);
  draw(status);
}

/** The cart cannot be opened. */
export function fail(): void {
  set(pill, "data-mood", "bad");
  write(word, t("Needs a look"));
  facts.replaceChildren(element("div", { class: "notice bad" }, element("p", {}, t("The cart could not be opened: a part of this page has not come.")),
    element("p", {}, t("Reload the page. What is in your cart is kept."))));
  write(act, t("Reload the page"));
  announce(t("The cart could not be opened. Reload the page."));
}

function short({ online, pending, lastError, storage }: Status): [Mood, string, string?] {
  if (lastError) return ["bad", t("Needs a look")];
  if (off) return ["off", t("Offline"), pending ? t(", {count} to send", { count: pending }) : ""];
  if (storage !== "ok") return ["bad", t("Not kept here")];
  if (!online) return ["busy", t("Connecting …")];
  return pending ? ["busy", t("Saving …")] : ["good", t("Saved")];
}

/** Going offline and coming back, and what was refused, are told aloud; each save is not. */
function say({ online, lastError, merged }: Status): void {
  if (merged && !joined) announce(joined_elsewhere());
  joined = merged;
  if (off && connected !== false) { connected = false; announce(t("Offline. You can go on: changes are kept on this device.")); }
  else if (online && !off) { if (connected === false) announce(t("Connected again.")); connected = true; }
  const code = lastError?.code ?? "";
  if (code !== problem && code) announce(advice(lastError!).join(" "));
  problem = code;
}

function draw(status: Status): void {
  const { online, live, pending, storage, region, lastError, merged } = status;
  const known: [string, string][] = [
    [t("Connection"), online ? live ? t("Connected. What you do on other devices shows up here at once.")
      : t("Connected. What you do on other devices shows up here every half minute.")
      : off ? t("None. You can go on: everything works, and is sent when there is a connection.") : t("Being made …")],
    [t("Changes"), !pending ? t("All are with the service.") : online ? t("{count} changes are not with the service yet, and being sent.", { count: pending }, "{count} change is not with the service yet, and being sent.")
      : t("{count} changes are not with the service yet.", { count: pending }, "{count} change is not with the service yet.")],
    [t("This device"), storage === "ok" ? t("Keeps a copy of the cart, also when it is closed.")
      : storage === "busy" ? t("Cannot keep a copy just now: another tab of the shop holds it up. Changes count once the service has them.")
      : storage === "full" ? t("Has no room for a copy. Changes count once the service has them: stay connected, or make room and reload the page.")
      : t("May not keep a copy, perhaps because this is a private window. Changes count once the service has them: keep the page open until they are sent.")],
  ];
  if (region) known.push([t("Served from"), region.toUpperCase()]);
  facts.replaceChildren(
    ...lastError ? [element("div", { class: "notice bad" }, ...advice(lastError).map(text => element("p", {}, text)))] : [],
    ...merged ? [element("div", { class: "notice warn" }, element("p", {}, joined_elsewhere()))] : [],
    element("dl", {}, ...known.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)])));
  write(act, reloads() ? t("Reload the page") : over() ? t("Start a new cart") : online ? t("Ask again") : t("Try now"));
}

/** Whether only another page helps. */
const reloads = (): boolean => cart.status.lastError?.code === "client_too_old" || ["full", "denied"].includes(cart.status.storage);

/** Whether nothing can be added to this cart any more. */
const over = (): boolean => ["session_ended", "cart_not_found"].includes(cart.status.lastError?.code ?? "");

const joined_elsewhere = (): string => t("This cart has joined the one of your other device. What you add here goes there; to see all of it, sign in here with a link from there.");

/** What happened, and what to do. */
function advice({ code, status, detail }: Problem): string[] {
  switch (code) {
    case "client_too_old": return [t("The shop has changed since this page was opened."), t("Reload the page; your changes are kept.")];
    case "storage_damaged": return [t("What was kept on this device could not be read."), t("The cart was fetched anew; nothing is to be done.")];
    case "session_ended":
      return [t("You have signed out on another device."), t("Nothing more can be added to this cart. Start a new one, or sign in again from another device.")];
    case "token_invalid": case "session_expired": case "session_lapsed": case "session_required":
      return [t("This device is signed out."), t("Sign in again from another device. What you add meanwhile is kept here.")];
    case "unknown_sku": return [t("Something was added that the shop does not have: {detail}.", { detail }), t("It stays in the cart, and is not for sale.")];
    case "cart_not_found": return [t("This cart is not there any more."), t("Nothing more can be added to it. Start a new one, or open another under Carts.")];
    default:
      if (status >= 500 || status === 429) return [t("The service cannot take changes now: {detail}", { detail }), t("They are kept here, and sent again.")];
      return [t("The service refused a change: {detail}", { detail }), t("It was taken back here; everything else is kept.")];
  }
}
