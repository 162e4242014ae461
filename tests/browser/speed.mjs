// How fast the pages at URL come, in a real Chromium with an empty cache: first paint, when a press on the first Add is
// in the cart, bytes, tasks that block, and by how much what is seen moves. Prints rows of a table, medians of RUNS;
// `make speed` starts the Worker and writes them to docs/speed.md.
import { EVENTUALLY_MS, URL_, chrome } from "./chrome.mjs";

const RUNS = Number(process.env.RUNS ?? 5);
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
/** Bits a second, round trips in milliseconds, how many times slower the processor is. */
const NETS = {
  "slow 3G, a quarter of the processor": { bits: 400_000, latency_ms: 400, slower: 4 },
  "as it is": null,
};
const PAGES = { home: "/", product: "/product/1095275", cart: "/cart", lab: "/lab" };
/** Which of them have something to add. */
const SELLS = ["home", "product"];

const browser = await chrome();
const median = values => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function measured(path, viewport, net, sells) {
  const context = await browser.newContext({ viewport, serviceWorkers: "block" });
  context.setDefaultTimeout(EVENTUALLY_MS);
  const page = await context.newPage(), devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  let bytes = 0;
  devtools.on("Network.loadingFinished", ({ encodedDataLength }) => { bytes += encodedDataLength; });
  if (net) {
    await devtools.send("Network.emulateNetworkConditions", { offline: false, latency: net.latency_ms, downloadThroughput: net.bits / 8, uploadThroughput: net.bits / 8 });
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: net.slower });
  }
  await page.addInitScript(sells => {
    const seen = window.seen = { shift: 0, blocked: 0 };
    const watch = (type, take) => new PerformanceObserver(list => list.getEntries().forEach(take)).observe({ type, buffered: true });
    watch("paint", ({ name, startTime }) => { if (name === "first-contentful-paint") seen.paint = startTime; });
    watch("largest-contentful-paint", ({ startTime }) => { seen.largest = startTime; });
    watch("longtask", ({ duration }) => { seen.blocked += duration - 50; });
    watch("layout-shift", ({ value, hadRecentInput }) => { if (!hadRecentInput) seen.shift += value; });
    const look = () => {
      const add = !seen.pressed && document.querySelector(".buy button");
      if (add) { seen.pressed = performance.now(); add.click(); }
      if (sells ? window.evercart?.view.lines.length : window.evercart || document.querySelector("#player[data-state=idle]")) seen.added = performance.now();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  }, sells);
  await page.goto(URL_ + path);
  for (let turn = 0; turn < EVENTUALLY_MS / 100 && !await page.evaluate("seen.added"); turn++) await page.waitForTimeout(100);
  await page.waitForLoadState("networkidle");
  const seen = await page.evaluate("seen");
  await context.close();
  return { ...seen, bytes };
}

const seconds = ms => ms === undefined ? "-" : `${(ms / 1000).toFixed(2)} s`;
for (const [net, limits] of Object.entries(NETS)) for (const [size, viewport] of Object.entries(SIZES)) for (const [name, path] of Object.entries(PAGES)) {
  if (process.env.ONLY && !`${name} ${size} ${net}`.includes(process.env.ONLY)) continue;
  const runs = [];
  for (let run = 0; run < RUNS; run++) runs.push(await measured(path, viewport, limits, SELLS.includes(name)));
  const of = what => median(runs.map(run => run[what]));
  console.log(`| ${name} | ${size} | ${net} | ${seconds(of("paint"))} | ${seconds(of("largest"))} | ${SELLS.includes(name) ? seconds(of("pressed")) : "-"} | ${seconds(of("added"))} | ${Math.round(of("bytes") / 1000)} KB | ${Math.round(of("blocked"))} ms | ${of("shift").toFixed(3)} |`);
}
await browser.close();
