// The cart of this page, and how edits of the shopper are made: each at once, a refusal said where it was made.
import wasm from "evercart.wasm";
import { connect, type Cart, type EvercartError, type Line } from "evercart";
import { t } from "./words.js";

/** Edits that wait for the next tap or key. They are made before the page goes. */
export const waiting = new Set<() => void>();
const flush = () => { for (const make of [...waiting]) make(); };
// Before `connect`: the client closes the cart when the page goes, in the order of listeners.
addEventListener("pagehide", flush, { capture: true });
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") flush(); });

declare global { interface Window { evercart: Cart } }

/** There when it is open. The catalog is shown before that. */
export let cart: Cart;
/** The handle for the browser's console, and for tests: `evercart.view`, `evercart.inspect()`, .. */
export const opened: Promise<Cart> = connect({ wasm }).then(made => window.evercart = cart = made);
export const isOpen = (): boolean => cart !== undefined;

/** The line that an added product without variant or engraving joins. */
export function plain(sku: string): Line | undefined {
  return cart?.view.lines.find(line => line.sku === sku && !line.variant && !line.customization);
}

/** Why an edit was refused, in a sentence. */
export function reason(error: unknown): string {
  const { code, detail } = error as EvercartError;
  return SAID[code] ?? (detail ? detail.charAt(0).toUpperCase() + detail.slice(1) + (/[.!]$/.test(detail) ? "" : ".") : t("This did not work. Try it again."));
}

const SAID: Record<string, string> = {
  offline: t("There is no connection at present. Try it again when there is."),
  line_not_found: t("It is not in the cart any more."),
  cart_busy: t("The cart is full. Remove something first."),
  cart_settling: t("The cart is just being put together. Try it again in some seconds."),
  cart_not_found: t("There is no such cart any more."),
  token_invalid: t("This link does not work, or not any more. Make a new one on the other device."),
  session_expired: t("This link has expired. Make a new one on the other device."),
  session_ended: t("This session was signed out. Start a new cart, or sign in again."),
  session_lapsed: t("This link has expired. Make a new one on the other device."),
  too_many_devices: t("This cart was changed on very many devices. Go on in another one."),
  already_merged: t("This device's cart has been put into another one already."),
  merge_cycle: t("This is the cart that is open here already."),
};
