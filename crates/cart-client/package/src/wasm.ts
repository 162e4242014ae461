// The Wasm: beside this module, or where the page says, or, on a server, within it.
import { initSync } from "../gen/cart_client.js";
import { EvercartError, type Options, type Problem } from "./types.js";

let loading: Promise<unknown> | undefined, within: BufferSource | undefined;

/** What is loaded where nothing else is said. */
export function embed(bytes: BufferSource): void { within = bytes; }

/** Loads it once. What failed is tried again with the next call. */
export function load(wasm: Options["wasm"]): Promise<unknown> {
  return loading ??= begin(wasm ?? within).catch(error => { loading = undefined; throw error; });
}

async function begin(wasm: Options["wasm"]): Promise<void> {
  try {
    const given = typeof wasm === "string" || wasm instanceof URL ? await fetched(wasm) : wasm ?? await beside();
    initSync({ module: await compiled(given) });
  } catch (error) {
    if (error instanceof EvercartError) throw error;
    const said = String(error);
    throw /content security policy|unsafe-eval|CSP/i.test(said)
      ? fault("wasm_refused", `the page's Content-Security-Policy lets no Wasm run: add 'wasm-unsafe-eval' to its script-src (${said})`)
      : fault("wasm_damaged", said);
  }
}

/** Compiles it, while it comes where that is possible: where it is said to be Wasm, and not everywhere. */
async function compiled(given: BufferSource | Response): Promise<WebAssembly.Module> {
  if (!(given instanceof Response)) return WebAssembly.compile(given);
  const streams = given.headers.get("Content-Type") === "application/wasm" && "compileStreaming" in WebAssembly;
  return streams ? WebAssembly.compileStreaming(given) : WebAssembly.compile(await given.arrayBuffer());
}

async function beside(): Promise<Response> {
  let url: URL | undefined;
  // In this form bundlers find the file.
  try { url = new URL("./evercart.wasm", import.meta.url); } catch { throw missing("this bundle does not know where it is"); }
  try { return await fetched(url); } catch (error) {
    // A server for developers moves this module away from it.
    const moved = import.meta.url.replace(/\/[^/]*\/deps\/[^/]*$/, "/evercart/dist/evercart.wasm");
    if (moved === import.meta.url) throw error;
    return fetched(moved);
  }
}

async function fetched(url: string | URL): Promise<Response> {
  let response: Response;
  try { response = await fetch(url); } catch (error) { throw missing(`${url}: ${error}`); }
  // Where pages are made of all addresses, a page comes in its place.
  const page = response.headers.get("Content-Type")?.includes("html");
  if (!response.ok || page) throw missing(`${url} is not the Wasm (status ${response.status})`);
  return response;
}

function missing(detail: string): EvercartError {
  return fault("wasm_missing", `${detail}: serve evercart/evercart.wasm, and say where with connect({ wasm })`);
}

function fault(code: Problem["code"], detail: string): EvercartError { return new EvercartError({ code, status: 0, detail }); }
