// What the lab asks of the service beside what its devices do: sessions, plain edits in a region, and the switch that
// cuts regions off. Every request names its region, as a shopper there would come to it.

export const REGIONS = ["weur", "enam", "apac"] as const;
export type Region = (typeof REGIONS)[number];
export const PLACES: Record<Region, string> = { weur: "Western Europe", enam: "North America", apac: "Asia-Pacific" };

export interface Session { token: string; cart_id: string }
export interface Asked { region: Region; token?: string; body?: unknown; key?: string }
export interface Answer { status: number; body: any; replayed: boolean }

/** One request; a refusal is an answer too. */
export async function ask(method: string, path: string, { region, token, body, key }: Asked): Promise<Answer> {
  const headers: Record<string, string> = { "Evercart-Region": region };
  if (token) headers["Authorization"] = `Bearer ${token}`;
  if (key) headers["Idempotency-Key"] = key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, credentials: "omit", cache: "no-store", ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { status: response.status, body: await response.json().catch(() => null), replayed: response.headers.get("Idempotency-Replayed") === "true" };
}

export async function open(region: Region): Promise<Session> {
  const { status, body } = await ask("POST", "/v1/sessions", { region, body: {} });
  if (status !== 201) throw new Error(`no session: ${body?.detail ?? status}`);
  return { token: body.token, cart_id: body.cart_id };
}

/** The regions that are cut off; null where the service has no such switch. */
export async function faults(): Promise<Region[] | null> {
  const { status, body } = await ask("GET", "/v1/admin/faults", { region: REGIONS[0] });
  return status === 200 ? body.cut : null;
}

/** Cuts these off, and heals all others. */
export async function cut(regions: Region[]): Promise<void> {
  const { status, body } = await ask("PUT", "/v1/admin/faults", { region: REGIONS[0], body: { cut: regions } });
  if (status !== 200) throw new Error(`the regions cannot be cut: ${body?.detail ?? status}`);
}

/** The page goes: nobody is left to heal what it has cut. */
export function healAtLast(): void {
  void fetch("/v1/admin/faults", { method: "PUT", keepalive: true, headers: { "Content-Type": "application/json" }, body: '{"cut":[]}' }).catch(() => {});
}
