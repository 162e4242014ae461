// The Worker: one script of two Wasm modules. That of the edge is loaded with it. That of the stores is
// loaded when first something comes for them, so that no shopper waits for it.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import bridge from "./bridge.js";
import Edge, { CartObject as Cart } from "./index.js";
import { isPage, page } from "./pages.js";

globalThis.evercart = bridge;

/** The longest message of a socket, in bytes: the largest sync twice over. */
const MESSAGE_BYTES_MAX = 256 * 1024;

/** Of a body that is refused unread the runtime takes so much off the line by itself, in bytes; and this Worker so much. */
const RUNTIME_TAKES_IN = 64 * 1024;
const TAKES_IN_MAX = 16 * 1024 * 1024;

/** A cart's object. What Wasm is handed it copies, and its memory never shrinks: so what is too long is not. */
export class CartObject extends DurableObject {
  #cart = new Cart(this.ctx, this.env);
  // Each look at it makes a proxy.
  #answerNow = this.#cart.answerNow;

  /** What it answers to the bytes of a call, as src/cart/call.rs says: at once where it can. */
  call(bytes, parent, readsOnly) {
    return this.#answerNow.call(this.#cart, bytes, parent, readsOnly) ?? this.#cart.answer(bytes, parent);
  }

  /** The wish for a socket; and what edges of the build before ask, whose calls are requests. */
  async fetch(request) {
    if (request.method !== "POST") return this.#cart.fetch(request);
    const bytes = new Uint8Array(await request.arrayBuffer()), parent = request.headers.get("traceparent") ?? undefined;
    return new Response(await this.call(bytes, parent, request.url.endsWith("/read-only")));
  }

  alarm() {
    return this.#cart.alarm();
  }

  webSocketMessage(socket, message) {
    const bytes = typeof message === "string" ? message.length : message.byteLength;
    if (bytes <= MESSAGE_BYTES_MAX) return this.#cart.webSocketMessage(socket, message);
    socket.close(1009, `a message has at most ${MESSAGE_BYTES_MAX} bytes: send less, or sync over HTTP`);
  }

  webSocketClose(socket, code, reason, clean) {
    return this.#cart.webSocketClose(socket, code, reason, clean);
  }

  webSocketError(socket, error) {
    return this.#cart.webSocketError(socket, error);
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

let edge;

/** What the edge's module answers. It is asked as what worker-build makes of it, which begins it anew where it has failed. */
function served(request, env, ctx) {
  edge ??= new Edge(ctx, env).fetch;
  return edge.call({ env, ctx }, request);
}

export default {
  async fetch(request, env, ctx) {
    const asked = request => served(request, env, ctx);
    const response = await (isPage(request) ? page(request, env.ASSETS, asked) : asked(request));
    if (!request.bodyUsed && request.body) await takeIn(request);
    return response;
  },

  queue(batch, env, ctx) {
    return new Stores(ctx, env).queue(batch);
  },

  scheduled(event, env, ctx) {
    return new Stores(ctx, env).scheduled(event);
  },
};

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
