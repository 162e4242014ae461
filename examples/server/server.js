// A server that shows a shopper's cart, and adds to it: the token of the session comes with the request.
import { createServer } from "node:http";
import { connect } from "evercart";

const url = process.env.EVERCART_URL ?? "http://localhost:8787";

/** Waits until the service has answered, for five seconds at most. */
const answered = cart => new Promise((resolve, reject) => {
  const look = () => cart.status.lastError ? reject(cart.status.lastError) : !cart.view.partial && resolve();
  cart.subscribe(look);
  cart.subscribeStatus(look);
  AbortSignal.timeout(5_000).onabort = () => reject({ status: 503, code: "offline" });
  look();
});

createServer(async (request, response) => {
  const token = request.headers.authorization?.replace("Bearer ", "");
  if (!token) return response.writeHead(401).end();
  let cart;
  try {
    // A cart of its own for each request, in memory, without a socket. Never one for all: that would be one shopper's.
    cart = await connect({ url, token, live: false });
    if (request.method === "POST") await cart.add("1095275");
    await answered(cart);
    await cart.settled();
    response.setHeader("Content-Type", "application/json").end(JSON.stringify(cart.view));
  } catch (error) {
    response.writeHead(error.status || 503).end(error.code);
  } finally {
    await cart?.close();
  }
}).listen(process.env.PORT ?? 3000);
