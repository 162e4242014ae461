// What was put into the cart before it was open: the catalog comes sooner than the cart does. It is kept with the tab,
// over a reload too, and is made as soon as there is a cart.
import type { Cart } from "evercart";

const KEPT = "evercart-early";
const wanted: string[] = read();

/** How many of a product wait for the cart; of all, if none is named. */
export const early = (sku?: string): number => sku === undefined ? wanted.length : wanted.filter(one => one === sku).length;

export function want(sku: string): void {
  wanted.push(sku);
  write();
}

/** The cart is open: what waited is in it, as one edit. */
export async function make(cart: Cart): Promise<void> {
  if (!wanted.length) return;
  const skus = [...new Set(wanted)].map(sku => ({ op: "add" as const, sku, quantity: early(sku) }));
  // Forgotten first: rather lost with a page that ends just now than made twice.
  wanted.length = 0;
  write();
  await cart.commands(skus);
}

function read(): string[] {
  try { return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]") as string[]; } catch { return []; }
}

function write(): void {
  try { wanted.length ? sessionStorage.setItem(KEPT, JSON.stringify(wanted)) : sessionStorage.removeItem(KEPT); } catch { /* Then they wait in this page alone. */ }
}
