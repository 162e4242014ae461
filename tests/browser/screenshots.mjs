// Photographs the pages served at URL into docs/screenshots. `make screenshots` starts the Worker and runs this.
import { mkdir, stat } from "node:fs/promises";
import { URL_, chrome } from "./chrome.mjs";
import { until } from "./pages.mjs";

const TO = new URL("../../docs/screenshots/", import.meta.url);
const BYTES_MAX = 150_000;
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
const SCHEMES = ["light", "dark"];
/** One that no longer stands in for what is to come. */
const CARD = ".card:not(.waits)";

/** Every picture: its name, the page, what is done there first; and, where it is not all, its sizes and schemes. */
const SHOTS = [
  { name: "shop", path: "/", reach: page => page.waitForSelector(CARD) },
  { name: "search", path: "/?q=orange%20juice", reach: page => page.waitForSelector(CARD), schemes: ["light"] },
  { name: "product", path: "/product/1095275", reach: page => page.waitForSelector(`.others ${CARD}`), schemes: ["light"] },
  { name: "drawer", path: "/", reach: async page => { await page.waitForSelector(CARD); await page.click(".open-cart"); await page.mouse.move(0, 0); } },
  { name: "cart", path: "/cart", reach: page => page.waitForSelector(".later .line"), schemes: ["light"] },
  { name: "undo", path: "/cart", reach: page => page.locator(".line .actions button", { hasText: "Remove" }).first().click(), sizes: ["phone"], schemes: ["light"] },
  { name: "offline", path: "/cart", reach: offline, schemes: ["dark"] },
  { name: "carts", path: "/carts", reach: page => page.waitForSelector(".carts li"), schemes: ["light"] },
  { name: "devices", path: "/sign-in#token=x", reach: page => page.waitForSelector("main .actions"), schemes: ["light"] },
  { name: "lab", path: "/lab", reach: page => played(page, 4) },
  { name: "lab-end", path: "/lab", reach: page => played(page) },
];

/** What is shown of a page to those who link to it: beside the page. */
const SHARED = [
  { name: "web/shop/app/share.png", path: "/", reach: page => page.waitForSelector(CARD) },
  { name: "web/lab/share.png", path: "/lab?play=S3&end", reach: async page => { await page.waitForSelector("#verdict[data-verdict]"); await page.evaluate(() => document.getElementById("from").scrollIntoView()); } },
];
const SHARED_SIZE = { width: 1200, height: 630 };

const browser = await chrome();
for (const { name, path, reach } of SHARED) {
  const page = await browser.newPage({ viewport: SHARED_SIZE, colorScheme: "light", reducedMotion: "reduce", locale: "en-US" });
  await page.goto(URL_ + path);
  await reach(page);
  await page.waitForLoadState("networkidle");
  await page.screenshot({ path: new URL(`../../${name}`, import.meta.url).pathname });
  await page.close();
}
const pictures = SHOTS.flatMap(({ sizes = Object.keys(SIZES), schemes = SCHEMES, ...shot }) =>
  sizes.flatMap(size => schemes.map(scheme => ({ ...shot, size, scheme }))));
await mkdir(TO, { recursive: true });
for (const [at, { name, path, reach, size, scheme }] of pictures.entries()) {
  const file = `${name}-${size}-${scheme}.png`;
  const said = `${at + 1} of ${pictures.length}: ${file}`;
  process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${said}` : `${said}\n`);
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme: scheme, reducedMotion: "reduce", locale: "en-US" });
  const page = await context.newPage();
  if (!path.startsWith("/lab")) await fill(page);
  await page.goto(URL_ + path);
  await reach(page);
  // Names, prices and the connection come a moment later.
  await page.waitForLoadState("networkidle");
  const to = new URL(file, TO).pathname;
  await page.screenshot({ path: to });
  const { size: bytes } = await stat(to);
  if (bytes > BYTES_MAX) throw new Error(`${file} has ${bytes} bytes; at most ${BYTES_MAX} are allowed`);
  await context.close();
}
if (process.stdout.isTTY) process.stdout.write("\n");
await browser.close();

/** A cart with something of everything. */
async function fill(page) {
  await page.goto(`${URL_}/cart`);
  await until(page, "window.evercart !== undefined");
  await page.evaluate(async () => {
    const { evercart } = window;
    await evercart.commands([["1095275", 6], ["1082185", 2], ["1000050", 1], ["1000205", 1], ["26081", 1]].map(([sku, quantity]) => ({ op: "add", sku, quantity })));
    await evercart.save(evercart.view.lines[2].line_id);
    await evercart.applyCoupon("SAVE10");
    await evercart.setNote("Please ring twice.");
    await evercart.settled();
  });
}

async function offline(page) {
  await page.waitForSelector(".later");
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => window.evercart.setOnline(false));
  await page.getByRole("button", { name: /^One more/ }).first().click();
  await page.locator(".pill[data-mood=off]", { hasText: "to send" }).click();
  await page.mouse.move(0, 0);
}

/** The lab in the middle of a play, after so many beats, or at its end. */
async function played(page, beats) {
  await page.waitForSelector("#player[data-state=idle]");
  await page.click("#notation");
  await page.selectOption("#speed", beats ? "step" : "0");
  await page.click("[data-play=S3]");
  for (let beat = 0; beat < (beats ?? 0); beat++) {
    await page.waitForSelector("#player[data-state=waiting]");
    await page.click("#step");
  }
  await page.waitForSelector(beats ? "#player[data-state=waiting]" : "#verdict[data-verdict]", { timeout: 60_000 });
  await page.evaluate(() => document.getElementById("from").scrollIntoView());
}
