// What all tests in Chromium begin with.
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const TYPES = { js: "text/javascript", css: "text/css", wasm: "application/wasm", html: "text/html" };

/** The Worker that is tested. */
export const URL_ = process.env.URL ?? "http://localhost:8787";
/** How long is waited for what must come. A machine that is busy with others may take a hundred times as long as one
 * that is not, and the page is no worse for that. */
export const EVENTUALLY_MS = 240_000;
/** Headless Chromium; to it this machine is `shop.test` as well, of which it thinks no better than of any other. */
export const chrome = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--host-resolver-rules=MAP shop.test 127.0.0.1"] });

/** A server of the files in a folder; its `url`. A folder without a page has an empty one. All has these headers. */
export async function serve(folder, headers = {}) {
  const server = createServer(async (request, response) => {
    const name = request.url.split("?")[0];
    const file = readFile(folder + (name === "/" ? "/index.html" : name));
    const bytes = await file.catch(() => name === "/" && "<!doctype html><title>test</title>");
    for (const [header, value] of Object.entries(headers)) response.setHeader(header, value);
    if (!bytes) return response.writeHead(404).end();
    response.setHeader("Content-Type", TYPES[name === "/" ? "html" : name.split(".").pop()] ?? "application/octet-stream").end(bytes);
  }).listen(0);
  await new Promise(ready => server.once("listening", ready));
  return Object.assign(server, { url: `http://localhost:${server.address().port}/` });
}

/** Changes what a page's client has stored: `kept` has the account, `rows` the replicas. */
export const restore = (page, change, storage = "evercart") => page.evaluate(`(async () => {
  const asked = indexedDB.open(${JSON.stringify(storage)});
  await new Promise(done => { asked.onsuccess = done; });
  const tx = asked.result.transaction(["kept", "replicas"], "readwrite"), kept = tx.objectStore("kept"), rows = tx.objectStore("replicas");
  ${change}
  await new Promise(done => { tx.oncomplete = done; });
  asked.result.close();
})()`);
/** Damages every replica. */
export const DAMAGE = "rows.getAll().onsuccess = ({ target }) => { for (const row of target.result) { row.bytes[20] ^= 255; rows.put(row); } };";
/** Gives the account another token. */
export const with_token = token => `kept.get("account").onsuccess = ({ target }) => { kept.put({ ...target.result, token: ${JSON.stringify(token)} }, "account"); };`;
/** Bytes of a version that the service does not know, as the byte at a place says: that of a socket's message is the
 * first, that of a sync, behind an actor and two numbers of a byte each, the eleventh. */
export const of_later = (bytes, at) => Buffer.concat([bytes.subarray(0, at), Buffer.from([9]), bytes.subarray(at + 1)]);
export const IN_SYNC = 10;

/** The same token as if it had been issued so many milliseconds earlier: signed with the secret of development. */
export async function older(token, ms) {
  const secret = /^TOKEN_SECRET=(.*)$/m.exec(await readFile(new URL("../../.dev.vars", import.meta.url), "utf8"))[1];
  const session = JSON.parse(Buffer.from(token, "base64url").subarray(16));
  const payload = Buffer.from(JSON.stringify({ ...session, o: session.o - ms, i: session.i - ms }));
  const purpose = Buffer.from("session"), length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(purpose.length));
  const tag = createHmac("sha256", secret).update(Buffer.concat([length, purpose, payload])).digest().subarray(0, 16);
  return Buffer.concat([tag, payload]).toString("base64url");
}
