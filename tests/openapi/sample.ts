// What a program in TypeScript does with a client made of the description. It is compiled, as strictly as can be.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Code = components["schemas"]["Code"];
type ProblemCode = components["schemas"]["ProblemCode"];

const api = createClient<paths>({ baseUrl: "https://shop.example", headers: { Authorization: "Bearer .." } });
const cart = { path: { cart: "current" } };

/** An engraving, of any shape; how many is not said. */
export async function engrave(sku: string, text: string): Promise<number> {
  const customization = { engraving: { text, at: [1, 2] } };
  const { data, error } = await api.POST("/v1/carts/{cart}/lines", { params: cart, body: { sku, customization } });
  if (error) throw new Error(told(error.code));
  const name: unknown = data?.lines[0]?.customization?.["engraving"];
  return name === undefined ? 0 : data!.totals.quantity;
}

/** Where a line is may be left out, in commands too. */
export async function several(line_id: string, code: Code): Promise<void> {
  await api.POST("/v1/carts/{cart}/commands", {
    params: { ...cart, header: { "Idempotency-Key": "once" } },
    body: {
      commands: [
        { op: "add", sku: "1095275", customization: { engraving: "Ann" } },
        { op: "set", line_id, quantity: 2 },
        { op: "remove", line_id, in: "saved" },
        { op: "apply_coupon", code },
      ],
    },
  });
  await api.PATCH("/v1/carts/{cart}/lines/{line_id}", { params: { path: { cart: "current", line_id } }, body: { increment: 1 } });
}

/** One word for all lists. */
export async function all(): Promise<string[]> {
  const found: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const { data } = await api.GET("/v1/products", { params: { query: cursor ? { q: "milk", cursor } : { q: "milk" } } });
    found.push(...data!.products.map(product => product.sku));
    cursor = data!.next_cursor;
  }
  for (let cursor: string | null | undefined; cursor !== null;) {
    const { data } = await api.GET("/v1/carts", { params: { query: cursor ? { cursor } : {} } });
    found.push(...data!.carts.map(cart => cart.cart_id));
    cursor = data!.next_cursor;
  }
  return found;
}

/** A device's bytes are bytes. */
export const sync = (bytes: Blob) =>
  api.POST("/v1/carts/{cart}/sync", { params: cart, body: bytes as unknown as string, parseAs: "arrayBuffer", bodySerializer: () => bytes });

function told(code: ProblemCode): string {
  switch (code) {
    case "unknown_sku": return "that is not sold";
    case "quantity_limit": return "that is too many";
    // @ts-expect-error there is no such code
    case "out_of_luck": return "never";
    default: return code;
  }
}
