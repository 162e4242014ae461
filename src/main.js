// The Worker: one script of two Wasm modules. That of the edge is loaded with it. That of the stores is
// loaded when first something comes for them, so that no shopper waits for it.
import { WorkerEntrypoint, exports } from "cloudflare:workers";
import Edge, { CartObject as Cart } from "./index.js";
import { page } from "./pages.js";

/** The longest message of a socket, in bytes: the largest sync twice over. */
const MESSAGE_BYTES_MAX = 256 * 1024;

/** Of a body that is refused unread the runtime takes so much off the line by itself, in bytes; and this Worker so much. */
const RUNTIME_TAKES_IN = 64 * 1024;
const TAKES_IN_MAX = 16 * 1024 * 1024;

/** A cart's object. What Wasm is handed it copies, and its memory never shrinks: so what is too long is not. */
export class CartObject extends Cart {
  webSocketMessage(socket, message) {
    const bytes = typeof message === "string" ? message.length : message.byteLength;
    if (bytes <= MESSAGE_BYTES_MAX) return super.webSocketMessage(socket, message);
    socket.close(1009, `a message has at most ${MESSAGE_BYTES_MAX} bytes: send less, or sync over HTTP`);
  }
}

/** The regions' stores, and the operator's requests. */
export class Stores extends WorkerEntrypoint {
  async fetch(request) {
    return (await this.#module()).fetch(request);
  }

  async queue(batch) {
    return (await this.#module()).queue(batch);
  }

  async scheduled(event) {
    return (await this.#module()).scheduled(event);
  }

  async #module() {
    const { default: Module } = await import("./stores/index.js");
    return new Module(this.ctx, this.env);
  }
}

// The way from the edge's module to the stores of this process: see src/net/stores.rs.
globalThis.evercartStores = (request) => exports.Stores.fetch(request);

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const edge = asked => new Edge(this.ctx, this.env).fetch(asked);
    const response = (await page(request, this.env.ASSETS, edge)) ?? (await edge(request));
    if (request.body && !request.bodyUsed) await takeIn(request);
    return response;
  }

  queue(batch) {
    return new Stores(this.ctx, this.env).queue(batch);
  }

  scheduled(event) {
    return new Stores(this.ctx, this.env).scheduled(event);
  }
}

/**
 * Takes in a body that nobody read, so that who sends all before they listen hears the answer: a connection that ends in
 * the middle of a body takes the answer with it. Who asks first, by `Expect`, need not send.
 */
async function takeIn({ body, headers }) {
  const length = Number(headers.get("Content-Length") ?? TAKES_IN_MAX);
  if (length <= RUNTIME_TAKES_IN || length > TAKES_IN_MAX || headers.has("Expect")) return;
  let bytes = 0;
  try {
    for await (const part of body) {
      bytes += part.byteLength;
      if (bytes > TAKES_IN_MAX) return;
    }
  } catch {
    // Who sent it has gone, and hears nothing any more.
  }
}
