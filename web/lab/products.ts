// What stands for the scenarios' X, Y and Z: products of the catalog, under the names that the service gives them.
import { ask, open, REGIONS } from "./service.js";

export const SKUS: Record<string, string> = { X: "1095275", Y: "1082185", Z: "50140" };
const names = new Map<string, string>();

/** Learns the names from a cart of its own. */
export async function learn(): Promise<void> {
  const region = REGIONS[0];
  const { token } = await open(region);
  const commands = Object.values(SKUS).map(sku => ({ op: "add", sku, quantity: 1 }));
  const { body } = await ask("POST", "/v1/carts/current/commands", { region, token, body: { commands } });
  for (const line of body?.lines ?? []) names.set(line.sku, tidy(line.title ?? line.sku));
}

/** The letter of a product, or its number if it is none of the three. */
export function letter(sku: string): string { return Object.entries(SKUS).find(([, there]) => there === sku)?.[0] ?? sku; }

export function name(sku: string): string { return names.get(sku) ?? letter(sku); }

/** "Rolls: Bagels, 4 oz" is Bagels. */
function tidy(title: string): string {
  const last = title.split(":").at(-1)!.split(",")[0]!.trim().toLowerCase();
  return last.charAt(0).toUpperCase() + last.slice(1);
}
