// Sockets and what happens to them, in a real Chromium against the real Worker: others' edits as they are made, what
// a device costs that does nothing or comes back, tokens that end, refusals, older and newer services.
import assert from "node:assert/strict";
import { test } from "node:test";
import { IN_SYNC, of_later } from "./chrome.mjs";
import { BAGEL, OTHER, URL_, age, blank, count_waits, device, equal, eventually, older, open, run, served, settled, shown, tab, until, waits_longer_and_longer } from "./device.mjs";

const MINUTE = 60_000;
const live = page => until(page, "cart.status.live && cart.status.pending === 0 && !cart.view.partial");

/** Counts what a page sends: messages of sockets, without pings, and requests. */
function count(page) {
  const sent = { messages: 0, news: 0, requests: [] };
  page.on("websocket", socket => {
    socket.on("framesent", ({ payload }) => { if (payload !== "ping") sent.messages++; });
    socket.on("framereceived", ({ payload }) => { if (payload !== "pong" && payload[0] === 3) sent.news++; });
  });
  page.on("request", request => { if (request.url().startsWith(URL_)) sent.requests.push(`${request.method()} ${new URL(request.url()).pathname}`); });
  return sent;
}

test("another device's edit is seen without asking, from another region too", async () => {
  const devices = [await device(), await device(), await device()];
  const a = await tab(devices[0], { region: "weur" });
  await live(a);
  const token = await run(a, "cart.token()");
  const b = await tab(devices[1], { token, region: "weur" });
  const c = await tab(devices[2], { token, region: "enam" });
  await live(b); await live(c);
  const began = Date.now();
  await run(a, `cart.add("${BAGEL}", 2)`);
  await until(b, "cart.view.lines[0]?.quantity === 2");
  console.log(`seen by the other device after ${Date.now() - began} ms`);
  await until(c, "cart.view.lines[0]?.quantity === 2");
  console.log(`seen in the other region after ${Date.now() - began} ms`);
  await run(c, `cart.add("${OTHER}", 1)`);
  for (const page of [a, b]) await until(page, `cart.view.lines.some(line => line.sku === "${OTHER}")`);
  assert.ok(await equal(a, b, c));
  for (const context of devices) await context.close();
});

test("a live cart that nobody edits costs no request and no message", async () => {
  const context = await device(), page = await tab(context);
  await run(page, `cart.add("${BAGEL}", 1)`);
  await live(page);
  await until(page, "cart.view.lines[0].unit_price");
  const sent = count(page), sequence = await run(page, "cart.inspect().sequence");
  // Longer than an object stays awake.
  await new Promise(next => setTimeout(next, 13_000));
  assert.deepEqual([sent.messages, sent.requests], [0, []]);
  assert.equal(await run(page, "cart.inspect().sequence"), sequence);
  await context.close();
});

test("prices that the service could not look up are asked for again", async () => {
  const context = await device(), page = await blank(context);
  let down = true, asked = 0;
  await page.clock.install();
  await page.route(/\/v1\/carts\/c_[^/]*$/, async route => {
    asked++;
    if (!down) return route.continue();
    const response = await route.fetch(), view = await response.json();
    for (const line of view.lines) Object.assign(line, { title: null, unit_price: null, total: null, problem: "price_unavailable" });
    return route.fulfill({ response, json: { ...view, prices: "unavailable" } });
  });
  await open(page, {});
  await run(page, `cart.add("${BAGEL}", 2)`);
  await live(page);
  await eventually(() => asked > 0);
  await page.waitForLoadState("networkidle");
  assert.deepEqual(await run(page, "[cart.view.lines[0].unit_price, cart.view.lines[0].problem ?? null]"), [null, null], "not known, not unsold");
  down = false;
  await page.clock.fastForward(31_000);
  await until(page, "cart.view.lines[0].unit_price && cart.view.totals.total.amount_minor > 0");
  await context.close();
});

test("an hour without the service is made good by one round trip", async () => {
  const one = await device(), two = await device(), page = await blank(one);
  const sent = { messages: 0, requests: [] };
  let gone = false, socket;
  await page.clock.install();
  await page.routeWebSocket(/\/live/, down => {
    if (gone) return down.close({ code: 1011 });
    const up = down.connectToServer();
    down.onMessage(message => { if (message !== "ping") sent.messages++; up.send(message); });
    socket = down;
  });
  await page.route(url => url.href.startsWith(URL_), route => {
    if (gone) return route.abort();
    sent.requests.push(`${route.request().method()} ${new URL(route.request().url()).pathname.split("/").pop()}`);
    return route.continue();
  });
  await open(page, {});
  await live(page);
  const other = await tab(two, { token: await run(page, "cart.token()") });
  await live(other);
  gone = true;
  await socket.close({ code: 1011 });
  await until(page, "!cart.status.online");
  for (const quantity of [1, 2, 3]) await run(page, `cart.add("${BAGEL}", ${quantity})`);
  await run(other, `cart.add("${OTHER}", 7)`);
  await live(other);
  await page.clock.runFor(60 * MINUTE);
  assert.deepEqual([await shown(page), await run(page, "cart.status.pending")], [6, 3], "shown and kept meanwhile");
  gone = false;
  [sent.messages, sent.requests] = [0, []];
  await page.clock.resume();
  await run(page, "dispatchEvent(new Event('online'))");
  await live(page);
  await until(page, "cart.view.lines.every(line => line.unit_price)");
  assert.equal(sent.messages, 1, "one message: three edits there, what it lacks back");
  assert.deepEqual(sent.requests.filter(asked => asked.startsWith("POST")), ["POST live"], "a ticket; else only names and prices are asked for");
  assert.deepEqual([await shown(page), await shown(page, OTHER)], [6, 7]);
  await until(other, "cart.view.totals.quantity === 13");
  await one.close(); await two.close();
});

test("a token that has ended is renewed, offline edits and all", async () => {
  const context = await device(), page = await tab(context);
  await live(page);
  await run(page, "cart.setOnline(false)");
  await run(page, `cart.add("${BAGEL}", 3)`);
  const token = await age(page, 40 * MINUTE);
  assert.equal((await served(token)).code, "session_expired");
  await page.close();
  const again = await tab(context);
  await live(again);
  const renewed = await run(again, "cart.token()");
  assert.notEqual(renewed, token);
  assert.equal((await served(renewed)).lines[0].quantity, 3);
  assert.equal(await run(again, "cart.status.lastError"), null);
  await context.close();
});

test("a guest's session that has ended for good goes on in a new one, with all that was shown", async () => {
  const context = await device(), page = await tab(context), other = await tab(context);
  await run(page, `cart.add("${BAGEL}", 2)`);
  await live(page);
  await live(other);
  const first = await run(page, "cart.view.cart_id");
  for (const each of [page, other]) await run(each, "cart.setOnline(false)");
  await run(page, `cart.add("${BAGEL}", 3)`);
  await run(page, `cart.add("${OTHER}", 1).then(view => cart.save(view.lines.find(line => line.sku === "${OTHER}").line_id))`);
  await run(other, `cart.add("${OTHER}", 4)`);
  await age(page, 366 * 24 * 60 * MINUTE);
  await page.close();
  await other.close();
  const [again, beside] = [await tab(context), await tab(context)];
  assert.equal(await shown(again), 5, "at once");
  for (const each of [again, beside]) {
    await until(each, `cart.view.cart_id && cart.view.cart_id !== "${first}"`);
    await live(each);
    assert.deepEqual([await shown(each), await shown(each, OTHER)], [5, 4]);
    assert.deepEqual(await run(each, "cart.view.saved.map(line => line.quantity)"), [1]);
    assert.equal(await run(each, "cart.status.lastError"), null);
  }
  const there = await served(await run(again, "cart.token()"));
  assert.deepEqual([there.cart_id, there.totals.quantity], [await run(again, "cart.view.cart_id"), 9]);
  await context.close();
});

test("a user's session that has ended for good is said, and the next sign-in takes along what was not sent", async () => {
  const one = await device(), two = await device(), a = await tab(one);
  await run(a, `cart.add("${BAGEL}", 2)`);
  await live(a);
  const token = await run(a, "cart.token()"), ended = await older(token, 366 * 24 * 60 * MINUTE);
  const next = await tab(two);
  await run(next, `cart.add("${BAGEL}", 10)`);
  await live(next);
  const b = await blank(two);
  for (const [storage, sign, left, joined] of [["same", token, 5, 5], ["another", await run(next, "cart.token()"), 8, 18]]) {
    await open(b, { token, storage });
    await live(b);
    await run(b, "cart.setOnline(false)");
    await run(b, `cart.add("${BAGEL}", 3)`);
    await age(b, 366 * 24 * 60 * MINUTE, storage);
    await run(b, "cart.close()");
    await open(b, { storage });
    await until(b, "cart.status.lastError");
    assert.deepEqual(await run(b, "[cart.status.lastError.code, cart.status.pending]"), ["session_lapsed", 1]);
    assert.equal(await run(b, "cart.settled().catch(error => error.code)"), "session_lapsed");
    assert.equal(await shown(b), left);
    await run(b, `cart.signIn({ token: "${sign}" })`);
    await live(b);
    assert.equal((await served(sign)).totals.quantity, joined);
    await run(b, "cart.close()");
  }
  assert.equal((await served(ended)).code, "session_lapsed");
  await one.close(); await two.close();
});

test("a token that ends while its socket is open is renewed, and the edit comes through", async () => {
  const context = await device(), page = await tab(context);
  await live(page);
  const token = await older(await run(page, "cart.token()"), 30 * MINUTE - 4_000);
  await run(page, "cart.close()");
  const sent = count(page);
  await open(page, { token, storage: "short" });
  await live(page);
  await eventually(async () => (await served(token)).code === "session_expired");
  await run(page, `cart.add("${BAGEL}", 2)`);
  await live(page);
  assert.ok(sent.requests.includes("POST /v1/sessions/renew"));
  assert.equal((await served(await run(page, "cart.token()"))).lines[0].quantity, 2);
  await context.close();
});

test("what the service refuses is undone and said, and nothing else is lost", async () => {
  const one = await device(), two = await device(), a = await tab(one);
  await live(a);
  const b = await tab(two, { token: await run(a, "cart.token()") });
  await live(b);
  await run(b, "cart.setOnline(false)");
  const fill = (page, from) => page.evaluate(async ({ from, sku }) => {
    for (let batch = 0; batch < 3; batch++) {
      const line = at => ({ op: "add", sku, customization: { engraved: `${from} ${batch} ${at}` } });
      await cart.commands(Array.from({ length: 100 }, (_, at) => line(at)));
    }
  }, { from, sku: BAGEL });
  await fill(a, "a");
  await live(a);
  await fill(b, "b");
  await run(b, "cart.setNote('kept')");
  assert.equal(await run(b, "cart.view.lines.length"), 300);
  await run(b, "cart.setOnline(true)");
  await until(b, "cart.status.lastError && cart.status.pending === 0");
  assert.equal(await run(b, "cart.status.lastError.code"), "too_many_lines");
  await eventually(() => equal(a, b));
  const view = await run(b, "cart.view");
  assert.equal(view.note, "kept", "the edits that were not refused are there");
  assert.equal(view.lines.filter(line => line.customization.engraved.startsWith("a")).length, 300);
  assert.ok(view.lines.length <= 500);
  await run(b, "cart.setNote('goes on')");
  assert.equal(await run(b, "cart.status.lastError"), null, "it has been read");
  await one.close(); await two.close();
});

test("a service without sockets is asked by single requests", async () => {
  const context = await device(), page = await blank(context);
  await page.routeWebSocket(/\/live/, socket => socket.close({ code: 1011 }));
  await open(page, {});
  await run(page, `cart.add("${BAGEL}", 2)`);
  await settled(page);
  assert.equal((await served(await run(page, "cart.token()"))).lines[0].quantity, 2);
  await context.close();
});

test("a newer service: its messages of other kinds are skipped", async () => {
  const context = await device(), page = await blank(context);
  let down;
  await page.routeWebSocket(/\/live/, socket => { down = socket; socket.connectToServer(); });
  await open(page, {});
  await live(page);
  down.send(Buffer.from([77, 1, 2, 3]));
  await run(page, `cart.add("${BAGEL}", 2)`);
  await live(page);
  assert.equal((await served(await run(page, "cart.token()"))).lines[0].quantity, 2);
  await context.close();
});

test("a service of another version: what its sockets do not read goes by requests, and what those do not is kept", async () => {
  const context = await device(), page = await blank(context), closed = new Set();
  // What the page says is of a version that the service does not know; the service itself answers that.
  await page.routeWebSocket(/\/live/, down => {
    const up = down.connectToServer();
    down.onMessage(message => up.send(typeof message === "string" ? message : of_later(message, 0)));
    up.onClose((code, reason) => { closed.add(code); return down.close({ code, reason }); });
  });
  await open(page, {});
  await run(page, `cart.add("${BAGEL}", 2)`);
  await settled(page);
  assert.deepEqual([[...closed], await run(page, "cart.status.live")], [[4009], false]);
  assert.equal((await served(await run(page, "cart.token()"))).lines[0].quantity, 2);
  await page.route(/\/sync$/, route => route.continue({ postData: of_later(route.request().postDataBuffer(), IN_SYNC) }));
  await run(page, `cart.add("${BAGEL}", 1)`);
  await until(page, "cart.status.lastError?.code === 'client_too_old'");
  assert.match(await run(page, "cart.status.lastError.detail"), /reads format 1; reload the page$/);
  assert.deepEqual([await shown(page), await run(page, "cart.status.pending")], [3, 1], "shown and kept");
  await page.close();
  const again = await tab(context);
  await live(again);
  assert.equal((await served(await run(again, "cart.token()"))).lines[0].quantity, 3);
  await context.close();
});

test("who does not answer is given up in time, and asked again", async () => {
  const one = await device(), two = await device(), a = await blank(one), b = await blank(two);
  let asked = 0, opened = 0;
  await a.route(url => url.href.startsWith(URL_), () => { asked++; });
  await b.routeWebSocket(/\/live/, down => { if (opened++) down.connectToServer(); });
  for (const page of [a, b]) { await open(page, {}); await run(page, `cart.add("${BAGEL}", 2)`); }
  await until(b, "cart.status.live");
  assert.equal(await run(b, "cart.status.pending"), 1, "open, and silent");
  await live(b);
  assert.ok(opened > 1);
  await eventually(async () => asked > 1);
  assert.equal(await shown(a), 2);
  await one.close(); await two.close();
});

test("a service that is gone is asked more and more rarely", async () => {
  const context = await device(), page = await blank(context);
  await page.route(url => url.href.startsWith(URL_), route => route.abort());
  await count_waits(page);
  await open(page, {});
  await waits_longer_and_longer(page);
  await context.close();
});
