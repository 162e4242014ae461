// The border between JavaScript and Wasm. Each crossing costs more than what is done behind it, so each brings all of a
// request, of an answer or of a call. Both modules call these functions as `evercart`.
import { exports } from "cloudflare:workers";

export default {
  /** Method, address, and each header's name and value, a line each: none of them can have a line's end in it. */
  headOf(request) {
    let head = `${request.method}\n${request.url}\n`;
    request.headers.forEach((value, name) => {
      head += `${name}\n${value}\n`;
    });
    return head;
  },

  /** A body's bytes, or nothing if they are more than `most`: then it is read to its end all the same, since who sends would
   * not hear the answer. */
  async bodyOf(request, most) {
    // Of a length that was declared, and looked at: it comes in one piece.
    if (request.headers.has("Content-Length")) return new Uint8Array(await request.arrayBuffer());
    let bytes = 0;
    const parts = [];
    for await (const part of request.body ?? []) {
      bytes += part.byteLength;
      if (bytes <= most) parts.push(part);
    }
    return bytes <= most ? new Uint8Array(await new Blob(parts).arrayBuffer()) : undefined;
  },

  /** A response with these headers, name and value by turns, a line each. What Wasm has lent of its memory is copied. */
  respond(status, lines, body) {
    return new Response(body?.slice(), { status, headers: record(lines) });
  },

  /** What the platform has made, with these headers beside its own; `bodiless` for a request of the head only. */
  dress(response, lines, bodiless) {
    const dressed = response.webSocket ? response : new Response(bodiless ? null : response.body, response);
    for (const [name, value] of Object.entries(record(lines))) dressed.headers.set(name, value);
    return dressed;
  },

  /** Calls a cart's object: its bytes, or nothing where it does not answer within so many milliseconds. */
  call(env, name, region, body, parent, readsOnly, deadline) {
    const object = env.CARTS.getByName(name, { locationHint: region }), bytes = body.slice();
    return new Promise((answer, fail) => {
      const late = setTimeout(answer, deadline);
      const answered = bytes => (clearTimeout(late), answer(bytes));
      const failed = error => (clearTimeout(late), fail(error));
      object.call(bytes, parent, readsOnly).then(answered, error => {
        if (!OF_BEFORE.test(error?.message)) return failed(error);
        asRequest(object, bytes, parent, readsOnly).then(answered, failed);
      });
    });
  },

  /** The stores of this process, which are another module's. */
  stores: request => exports.Stores.fetch(request),
};

/** So the platform says that an object is of the build before, whose calls are requests: nothing was done. */
const OF_BEFORE = /does not support RPC/;

async function asRequest(object, body, parent, readsOnly) {
  const headers = parent ? { traceparent: parent } : {};
  const answer = await object.fetch(`https://cart/${readsOnly ? "read-only" : "call"}`, { method: "POST", body, headers });
  if (!answer.ok) throw new Error(`the replica answered ${answer.status}: ${await answer.text()}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** As the platform reads them soonest: a list of pairs takes it three times as long. */
function record(lines) {
  const parts = lines.split("\n"), record = {};
  for (let at = 0; at + 1 < parts.length; at += 2) record[parts[at]] = parts[at + 1];
  return record;
}
