// Sockets that fail in ways that look well: answers that are lost, lines that are dead, servers that close at once, a
// client that is too fast, pages that come back, clocks that are put right. In a real Chromium against the real Worker.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BAGEL, OTHER, URL_, blank, count_waits, device, equal, eventually, open, run, served, shown, tab, until, waits_longer_and_longer } from "./device.mjs";

const HOUR = 3_600_000, SYNC = 1;
const live = page => until(page, "cart.status.live && cart.status.pending === 0 && !cart.view.partial");
const opened = page => page.evaluate(async url => {
  const { connect } = await import("/index.js");
  window.cart = await connect({ url });
}, URL_);

test("no token is in what a log keeps of a socket", async () => {
  const one = await device();
  await one.addInitScript(() => {
    window.offered = [];
    window.WebSocket = class extends WebSocket {
      constructor(url, protocols) { super(url, protocols); window.offered.push(`${url}`, ...[protocols ?? []].flat()); }
    };
  });
  const page = await blank(one);
  await open(page, {});
  await live(page);
  const token = await run(page, "cart.token()"), offered = await run(page, "offered");
  assert.ok(token && offered.some(text => text.startsWith("ticket.")), offered.join(" "));
  assert.ok(offered.every(text => !text.includes(token) && !text.startsWith("token.")), offered.join(" "));
  await one.close();
});

test("an answer that is lost is asked for again, though others' messages come in", async () => {
  const one = await device(), two = await device(), page = await blank(one);
  let lose = false, lost = 0;
  await page.routeWebSocket(/\/live/, down => {
    const up = down.connectToServer();
    up.onMessage(message => {
      if (lose && message[0] === SYNC) { lose = false; lost++; return; }
      down.send(message);
    });
  });
  await open(page, {});
  await live(page);
  const other = await tab(two, { token: await run(page, "cart.token()") });
  await live(other);
  lose = true;
  await run(page, `cart.add("${BAGEL}", 2)`);
  await eventually(() => lost === 1);
  await run(other, `cart.add("${OTHER}", 1)`);
  await until(page, `cart.view.lines.some(line => line.sku === "${OTHER}")`);
  assert.equal(await run(page, "cart.status.pending"), 1, "not acknowledged by what others say");
  await live(page);
  assert.ok(await equal(page, other));
  await one.close(); await two.close();
});

test("after sleep a socket whose line is dead is found out at once, not by the next ping", async () => {
  const context = await device(), page = await blank(context);
  await page.clock.install();
  let dead = false, sockets = 0;
  await page.routeWebSocket(/\/live/, down => {
    sockets++;
    const up = down.connectToServer(), mine = sockets;
    down.onMessage(message => { if (!dead || mine > 1) up.send(message); });
    up.onMessage(message => { if (!dead || mine > 1) down.send(message); });
    // Nobody is told that it ended.
    up.onClose(() => { if (!dead || mine > 1) void down.close(); });
  });
  await opened(page);
  await live(page);
  dead = true;
  await page.clock.pauseAt(await run(page, "Date.now()") + 1_000);
  // The clock goes on while the machine sleeps; what was to be done later waits.
  await page.clock.setSystemTime(await run(page, "Date.now()") + HOUR);
  await page.clock.runFor(6_000);
  await eventually(() => sockets === 2);
  await page.clock.resume();
  await run(page, `cart.add("${BAGEL}", 2)`);
  await live(page);
  await context.close();
});

test("a page that is looked at again asks whether its socket lives", async () => {
  const context = await device(), page = await blank(context);
  let pings = 0;
  page.on("websocket", socket => socket.on("framesent", ({ payload }) => { if (payload === "ping") pings++; }));
  await open(page, {});
  await live(page);
  assert.equal(pings, 0);
  for (const event of ["document.dispatchEvent(new Event('visibilitychange'))", "dispatchEvent(new Event('online'))", "dispatchEvent(new Event('pageshow'))"]) {
    const before = pings;
    await run(page, event);
    await eventually(() => pings > before);
  }
  await context.close();
});

test("a service that answers once and closes is asked more and more rarely", async () => {
  const context = await device(), page = await blank(context);
  let sockets = 0;
  await page.routeWebSocket(/\/live/, down => {
    sockets++;
    const up = down.connectToServer();
    up.onMessage(message => { down.send(message); void down.close({ code: 1012 }); });
  });
  await count_waits(page);
  await opened(page);
  await waits_longer_and_longer(page);
  assert.ok(sockets >= 9);
  await context.close();
});

test("a slider is as fast as a hand, and the socket is not cut off", async () => {
  const one = await device(), two = await device(), page = await blank(one), closed = [];
  await page.routeWebSocket(/\/live/, down => {
    const up = down.connectToServer();
    down.onMessage(message => up.send(message));
    up.onMessage(message => down.send(message));
    up.onClose((code, reason) => { closed.push(code); return down.close({ code, reason }); });
  });
  await open(page, {});
  await run(page, `cart.add("${BAGEL}", 1)`);
  await live(page);
  const last = await page.evaluate(async () => {
    const { line_id } = cart.view.lines[0], end = performance.now() + 8_000;
    let quantity = 1;
    while (performance.now() < end) {
      void cart.setQuantity(line_id, quantity = quantity % 99 + 1);
      await new Promise(next => setTimeout(next, 4));
    }
    return quantity;
  });
  await live(page);
  assert.deepEqual(closed, []);
  const token = await run(page, "cart.token()");
  assert.deepEqual([await shown(page), (await served(token)).totals.quantity], [last, last]);
  await one.close(); await two.close();
});

test("a page that comes back from the page cache has a socket again at once", async () => {
  const context = await device(), page = await tab(context);
  await live(page);
  await run(page, "window.waits = []; { const set = setTimeout; window.setTimeout = (work, ms, ...more) => { waits.push(ms); return set(work, ms, ...more); }; }");
  await run(page, "dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))");
  assert.equal(await run(page, "cart.status.live"), false);
  await run(page, "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
  await live(page);
  // Only time limits, and no waiting for a better time.
  assert.deepEqual(await run(page, "waits.filter(ms => ms !== 10_000 && ms !== 2_000)"), []);
  await context.close();
});

test("a clock that was put right does not go on losing", async () => {
  const one = await device(), two = await device(), a = await tab(one, { clockSkewMs: 2 * HOUR });
  await run(a, `cart.add("${BAGEL}", 1)`);
  await run(a, "cart.setQuantity(cart.view.lines[0].line_id, 2)");
  await live(a);
  const b = await tab(two, { token: await run(a, "cart.token()") });
  await live(b);
  await run(a, "cart.setClockSkew(0)");
  // It is found out by the clock itself, while the page goes on.
  await until(a, "!cart.status.live");
  await live(a);
  for (const page of [a, b]) await run(page, "cart.setOnline(false)");
  await run(b, "cart.setQuantity(cart.view.lines[0].line_id, 5)");
  await run(a, "cart.setQuantity(cart.view.lines[0].line_id, 7)");
  for (const page of [a, b]) await run(page, "cart.setOnline(true)");
  await eventually(() => equal(a, b));
  assert.deepEqual([await shown(a), await shown(b)], [7, 7], "set last");
  await one.close(); await two.close();
});
