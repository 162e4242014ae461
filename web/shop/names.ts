// What a line is called, and what it costs as far as is known here: what was seen of a product when it was added is
// kept on this device for as long as a cart has it, so that it has its name and price without a network too.
import type { Line } from "evercart";
import type { Money } from "../common/dom.js";
import { cart } from "./cart.js";
import { known, remember, type Product } from "./catalog.js";
import { t } from "./words.js";

const KEPT = "evercart-products";

/** What a line is called. One that was added elsewhere is named once the service has told its name. */
export const named = (line: Line): string => line.title ?? known(line.sku)?.title ?? t("A product whose name is still to come");

/** What one of it costs; what all of it costs. */
export const price = (line: Line): Money | null => line.unit_price ?? (line.problem === "not_for_sale" ? null : known(line.sku)?.unit_price ?? null);
export function total(line: Line): Money | null {
  const one = price(line);
  return line.total ?? (one && { ...one, amount_minor: one.amount_minor * line.quantity });
}

/** Reads what was kept; before the first line is shown. */
export function recall(): void {
  try { for (const product of JSON.parse(localStorage.getItem(KEPT) ?? "[]") as Product[]) remember(product); } catch { /* Nothing can be kept here, and names come with the network. */ }
}

let kept = "";

/** With each view: keeps what its lines are called, and nothing else. */
export function keep(): void {
  const { lines, saved } = cart.view;
  const products = [...new Set([...lines, ...saved].map(({ sku }) => sku))].map(known).filter(product => product !== undefined);
  const text = JSON.stringify(products);
  if (text === kept) return;
  kept = text;
  try { products.length ? localStorage.setItem(KEPT, text) : localStorage.removeItem(KEPT); } catch { /* As above. */ }
}
