// How it stands with the service, said honestly: a small pill, and behind it in plain words what is going on and
// what to do. Only what changes for the shopper is announced.
import type { Problem, Status } from "evercart";
import { announce, element, number, set, write } from "../common/dom.js";
import { cart, isOpen } from "./cart.js";

type Mood = "good" | "busy" | "off" | "bad";

const word = element("span", {}, "Opening …"), rest = element("span", { class: "rest" });
/** What is known, drawn anew with each change; what can be pressed stays, so that no change takes a press away. */
const facts = element("div", {}, element("p", {}, "The cart is being opened.")), act = element("button", { type: "button", click: () => !isOpen() || reloads() ? location.reload() : over() ? void cart.create().catch(() => {}) : cart.refresh() });
const panel = element("div", { class: "panel", id: "status-panel", popover: "auto", role: "dialog", "aria-label": "Connection and storage" },
  facts, element("div", { class: "actions" }, act, element("a", { class: "button quiet", href: "/sign-in" }, "Other devices")));
const pill = element("button", { type: "button", class: "pill", "data-mood": "busy", popovertarget: "status-panel" }, element("span", { class: "dot", "aria-hidden": "true" }), word, rest);
export const statusPill = element("div", { class: "status" }, pill, panel);

let connected: boolean | null = null;
let problem = "";
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
  set(pill, "aria-label", `${text}${more}. Connection and storage`);
  say(status);
  draw(status);
}

/** The cart cannot be opened. */
export function fail(): void {
  set(pill, "data-mood", "bad");
  write(word, "Needs a look");
  facts.replaceChildren(element("div", { class: "notice bad" }, element("p", {}, "The cart could not be opened: a part of this page has not come."),
    element("p", {}, "Reload the page. What is in your cart is kept.")));
  write(act, "Reload the page");
  announce("The cart could not be opened. Reload the page.");
}

function short({ online, pending, lastError, storage }: Status): [Mood, string, string?] {
  if (lastError) return ["bad", "Needs a look"];
  if (off) return ["off", "Offline", pending ? `, ${number(pending)} to send` : ""];
  if (storage !== "ok") return ["bad", "Not kept here"];
  if (!online) return ["busy", "Connecting …"];
  return pending ? ["busy", "Saving …"] : ["good", "Saved"];
}

/** Going offline and coming back, and what was refused, are told aloud; each save is not. */
function say({ online, lastError }: Status): void {
  if (off && connected !== false) { connected = false; announce("Offline. You can go on: changes are kept on this device."); }
  else if (online && !off) { if (connected === false) announce("Connected again."); connected = true; }
  const code = lastError?.code ?? "";
  if (code !== problem && code) announce(advice(lastError!).join(" "));
  problem = code;
}

function draw(status: Status): void {
  const { online, live, pending, storage, region, lastError } = status;
  const known: [string, string][] = [
    ["Connection", online ? live ? "Connected. What you do on other devices shows up here at once."
      : "Connected. What you do on other devices shows up here every half minute."
      : off ? "None. You can go on: everything works, and is sent when there is a connection." : "Being made …"],
    ["Changes", pending ? `${number(pending)} ${pending === 1 ? "change is" : "changes are"} not with the service yet${online ? ", and being sent." : "."}` : "All are with the service."],
    ["This device", storage === "ok" ? "Keeps a copy of the cart, also when it is closed."
      : storage === "busy" ? "Cannot keep a copy just now: another tab of the shop holds it up. Changes count once the service has them."
      : storage === "full" ? "Has no room for a copy. Changes count once the service has them: stay connected, or make room and reload the page."
      : "May not keep a copy, perhaps because this is a private window. Changes count once the service has them: keep the page open until they are sent."],
  ];
  if (region) known.push(["Served from", region.toUpperCase()]);
  facts.replaceChildren(
    ...lastError ? [element("div", { class: "notice bad" }, ...advice(lastError).map(text => element("p", {}, text)))] : [],
    element("dl", {}, ...known.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)])));
  write(act, reloads() ? "Reload the page" : over() ? "Start a new cart" : online ? "Ask again" : "Try now");
}

/** Whether only another page helps. */
const reloads = (): boolean => cart.status.lastError?.code === "client_too_old" || ["full", "denied"].includes(cart.status.storage);

/** Whether nothing can be added to this cart any more. */
const over = (): boolean => ["session_ended", "cart_not_found"].includes(cart.status.lastError?.code ?? "");

/** What happened, and what to do. */
function advice({ code, status, detail }: Problem): string[] {
  switch (code) {
    case "client_too_old": return ["The shop has changed since this page was opened.", "Reload the page; your changes are kept."];
    case "storage_damaged": return ["What was kept on this device could not be read.", "The cart was fetched anew; nothing is to be done."];
    case "session_ended":
      return ["You have signed out on another device.", "Nothing more can be added to this cart. Start a new one, or sign in again from another device."];
    case "token_invalid": case "session_expired": case "session_lapsed": case "session_required":
      return ["This device is signed out.", "Sign in again from another device. What you add meanwhile is kept here."];
    case "cart_not_found": return ["This cart is not there any more.", "Nothing more can be added to it. Start a new one, or open another under Carts."];
    default:
      if (status >= 500 || status === 429) return [`The service cannot take changes now: ${detail}`, "They are kept here, and sent again."];
      return [`The service refused a change: ${detail}`, "It was taken back here; everything else is kept."];
  }
}
