// A bare Durable Object: a cart is one row of JSON, an add writes it once, a read answers from it. No check, no session,
// no merge, no region: it says how fast the runtime could be. `../bare/src/lib.rs` is the same in Rust.
import { DurableObject } from "cloudflare:workers";

export class Bare extends DurableObject {
  #cart;

  async fetch(request) {
    if (request.headers.get("Upgrade") === "websocket") {
      const { 0: client, 1: server } = new WebSocketPair();
      this.ctx.acceptWebSocket(server);
      return new Response(null, { status: 101, webSocket: client });
    }
    if (request.method === "GET") return this.#show(request);
    const answer = this.#add(await request.json());
    return new Response(answer, { headers: { ETag: `"${this.#cart.version}"`, "Content-Type": "application/json" } });
  }

  webSocketMessage(socket, message) {
    socket.send(this.#add(JSON.parse(message)));
  }

  #add({ sku, quantity }) {
    const cart = this.#load();
    cart.lines[sku] = (cart.lines[sku] ?? 0) + quantity;
    cart.version += 1;
    this.ctx.storage.sql.exec("INSERT OR REPLACE INTO cart VALUES (1, ?)", JSON.stringify(cart));
    return JSON.stringify({ quantity: cart.lines[sku] });
  }

  #show(request) {
    const cart = this.#load();
    const headers = { ETag: `"${cart.version}"`, "Content-Type": "application/json" };
    if (request.headers.get("If-None-Match") === headers.ETag) return new Response(null, { status: 304, headers });
    return new Response(JSON.stringify(cart), { headers });
  }

  #load() {
    if (this.#cart) return this.#cart;
    const sql = this.ctx.storage.sql;
    sql.exec("CREATE TABLE IF NOT EXISTS cart (id INTEGER PRIMARY KEY, state TEXT)");
    const [row] = sql.exec("SELECT state FROM cart WHERE id = 1");
    return (this.#cart = row ? JSON.parse(row.state) : { version: 0, lines: {} });
  }
}

export default {
  fetch(request, env) {
    const [, , name] = new URL(request.url).pathname.split("/");
    return name ? env.BARE.getByName(name).fetch(request) : Response.json({ status: "ok" });
  },
};
