import { EvercartError, type Problem } from "./types.js";

/** How long a request may take, in milliseconds. */
export const DEADLINE_MS = 10_000;
export const DELTA_TYPE = "application/vnd.evercart.delta";

/** The service over HTTP: a deadline on each request, refusals thrown. */
export class Http {
  region: string | null = null;
  /** A renewed token came with an answer to this one. */
  onToken: (token: string, old: string) => void = () => {};
  #wanted: string | undefined;
  #reachable: () => boolean;
  constructor(readonly url: string, wanted: string | undefined, reachable: () => boolean) {
    this.#wanted = wanted;
    this.#reachable = reachable;
  }

  async ask(method: string, path: string, token: string | null, body?: unknown): Promise<Response> {
    if (!this.#reachable()) throw offline("this device is offline");
    const bytes = body instanceof Uint8Array;
    const headers: Record<string, string> = {};
    if (token) headers["Authorization"] = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = bytes ? DELTA_TYPE : "application/json";
    if (this.#wanted) headers["Evercart-Region"] = this.#wanted;
    let response: Response;
    try {
      response = await fetch(this.url + path, {
        method, headers, credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(DEADLINE_MS),
        // That a session ends is said though the page goes.
        keepalive: method === "DELETE",
        ...(body === undefined ? {} : { body: (bytes ? body : JSON.stringify(body)) as BodyInit }),
      });
    } catch (error) { throw offline(String(error)); }
    if (!this.#reachable()) throw offline("this device is offline");
    this.region = response.headers.get("Evercart-Region") ?? this.region;
    const renewed = response.headers.get("Evercart-Token");
    if (renewed && token) this.onToken(renewed, token);
    if (!response.ok) throw new EvercartError(problem(response.status, await response.text().catch(() => "")));
    return response;
  }

  async json<T>(method: string, path: string, token: string | null, body?: unknown): Promise<T> {
    return (await this.ask(method, path, token, body)).json() as Promise<T>;
  }
}

/** A refusal's body. One that is none comes from something between. */
export function problem(status: number, body: string): Problem {
  try {
    const { code = "refused", detail = "", status: said = status } = JSON.parse(body);
    return { code, detail, status: said };
  } catch { return { code: "refused", status: status || 502, detail: body.slice(0, 200) }; }
}

function offline(detail: string): EvercartError {
  return new EvercartError({ code: "offline", status: 0, detail });
}
