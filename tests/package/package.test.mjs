// The packed tarball where developers are: each place installs it afresh, and uses it against the real Worker at URL.
// `tools/test_package` starts it; PLACES has the names of those that are asked for, or is empty for all of them.
import assert from "node:assert/strict";
import { arch } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { URL_, serve } from "../browser/chrome.mjs";
import { APP, HTML, leave, page, place, port, visit, works } from "./place.mjs";

const REACT = ["react@19.3.1", "react-dom@19.3.1"];
const WORKER = JSON.stringify(URL_);
const asked = (process.env.PLACES ?? "").split(" ").filter(Boolean);
const known = new Set();
/** A place's test, if it is asked for. */
function at(name, check) {
  known.add(name);
  if (!asked.length || asked.includes(name)) test(name, check);
}
after(leave);

/** Serves a folder for a while, with headers. */
async function served(folder, look, headers = {}) {
  const server = await serve(folder, headers);
  try { await look(server.url); } finally { server.close(); server.closeAllConnections(); }
}

// ---- bundlers

for (const version of ["5.4.21", "6.4.6", "7.3.8", "8.3.8"]) {
  at(`vite-${version[0]}`, () => place([`vite@${version}`, ...REACT], { "index.html": HTML("/main.js"), "main.js": page() },
    async ({ folder, run, bin, serves }) => {
      // As it is developed: what it has not met yet it meets while the page loads.
      const free = await port();
      await visit(await serves(free, bin("vite"), "--port", String(free), "--strictPort"), works);
      await run(bin("vite"), "build");
      await served(join(folder, "dist"), url => visit(url, works));
    }));
}

at("esbuild", () => place(["esbuild@0.28.2", ...REACT], {
  "public/index.html": HTML("/main.js"), "main.js": page(),
  "given.js": `import wasm from "evercart/evercart.wasm";\n${page("{ wasm }")}`,
}, async ({ folder, run, bin }) => {
  const build = ["--bundle", "--format=esm", "--target=es2022", "--define:process.env.NODE_ENV=\"production\""];
  const is = join(folder, "public");
  await run(bin("esbuild"), "main.js", ...build, "--outfile=public/main.js");
  // Nobody has put the Wasm there: the page says so, and what to do.
  await served(is, url => visit(url, async page => {
    await page.getByText(/^wasm_missing: .*evercart\.wasm.*connect\(\{ wasm \}\)/).waitFor();
    await page.locator("ever-cart").getByText("The cart cannot be shown here.").waitFor();
  }, error => error.includes("404")));
  await run("cp", "node_modules/evercart/dist/evercart.wasm", "public/");
  await served(is, url => visit(url, works));
  await run("rm", "public/evercart.wasm");
  await run(bin("esbuild"), "given.js", ...build, "--loader:.wasm=file", "--public-path=/", "--outfile=public/main.js");
  await served(is, url => visit(url, works));
}));

at("webpack", () => place(["webpack@5.113.0", "webpack-cli@7.3.1", ...REACT], { "dist/index.html": HTML("/main.js"), "main.js": page() },
  async ({ folder, run, bin }) => {
    for (const mode of ["development", "production"]) {
      await run(bin("webpack"), "--mode", mode, "--entry", "./main.js");
      await served(join(folder, "dist"), url => visit(url, works));
    }
  }));

// ---- frameworks

const LAYOUT = `export default ({ children }) => <html lang="en"><body>{children}</body></html>;\n`;
at("next", () => place(["next@16.4.6", ...REACT], {
  "next.config.mjs": "export default { reactStrictMode: true };\n",
  "app/layout.jsx": LAYOUT,
  "app/page.jsx": `"use client";\nimport { createElement as h } from "react";\nimport { EvercartProvider, useCart } from "evercart/react";\n`
    + `import "evercart/element";\n${APP}\nexport default function Page() { return h(App); }\n`,
  // A cart of the module, which a server runs too.
  "app/module/page.jsx": `"use client";\nimport { createElement as h } from "react";\nimport { connect } from "evercart";\n`
    + `import { useCart } from "evercart/react";\nconst mine = connect({ url: ${WORKER}, storage: "module" });\n${
      APP.replace("useCart()", "useCart(mine)").replace(/function App[^]*/, "")}export default function Page() { return h(Count); }\n`,
  // One of the server.
  "app/server/page.jsx": `import { connect } from "evercart";\nimport { EvercartProvider } from "evercart/react";\n`
    + `export const dynamic = "force-dynamic";\n`
    + `export default async function Page() {\n  const cart = await connect({ url: ${WORKER}, live: false });\n`
    + `  await cart.add("1095275", 3);\n  await cart.settled();\n  const { quantity } = cart.view.lines[0];\n  await cart.close();\n`
    + `  return <EvercartProvider><p>{quantity} on the server</p></EvercartProvider>;\n}\n`,
}, async ({ run, bin, serves }) => {
  const look = async url => {
    await visit(url, works);
    await visit(`${url}module`, async page => {
      await page.getByRole("button", { name: "Add two" }).click();
      await page.getByText("2 there, 0 to send").waitFor();
    });
    await visit(`${url}server`, page => page.getByText("3 on the server").waitFor());
  };
  const one = await port(), two = await port(), three = await port();
  await look(await serves(one, bin("next"), "dev", "--port", String(one)));
  await run(bin("next"), "build");
  await look(await serves(two, bin("next"), "start", "--port", String(two)));
  await run(bin("next"), "build", "--webpack");
  await look(await serves(three, bin("next"), "start", "--port", String(three)));
}));

at("astro", () => place(["astro@7.3.5"], {
  "src/pages/index.astro": `---\nimport { connect } from "evercart";\nimport "evercart/element";\nconst cart = await connect({ url: ${WORKER} });\nawait cart.add("1095275", 3);\nawait cart.settled();\nconst { quantity } = cart.view.lines[0];\nawait cart.close();\n---\n`
    + `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>place</title></head><body><p>{quantity} on the server</p>`
    + `<p id="said"></p><ever-cart url=${WORKER} storage="element"></ever-cart>\n`
    + `<script>\nimport { connect } from "evercart";\nimport "evercart/element";\nconst cart = await connect({ url: ${WORKER} });\n`
    + `await cart.add("1095275", 2);\nawait cart.settled();\n`
    + `document.getElementById("said").textContent = cart.view.lines[0].quantity + " there";\n</script></body></html>\n`,
}, async ({ folder, run, bin, serves }) => {
  const look = page => Promise.all(["3 on the server", "2 there"].map(text => page.getByText(text, { exact: true }).waitFor())
    .concat(page.locator("ever-cart").getByText("The cart is empty.").waitFor()));
  const free = await port();
  await visit(await serves(free, bin("astro"), "dev", "--port", String(free)), look);
  await run(bin("astro"), "build");
  await served(join(folder, "dist"), url => visit(url, look));
}));

// ---- servers

/** Imports all, and has a cart in memory, which is told by itself, offline and without a place to ask. */
const SCRIPT = `
import assert from "node:assert/strict";
import { connect, EvercartError } from "evercart";
import * as react from "evercart/react";
import { EverCart } from "evercart/element";
assert.equal(typeof react.EvercartProvider, "function");
assert.equal(typeof EverCart, "function");
const cart = await connect({ url: ${WORKER} });
await cart.add("1095275", 2);
await cart.settled();
assert.deepEqual([cart.view.lines[0].quantity, cart.status.pending, cart.status.online], [2, 0, true]);
// Another one beside it is another guest's.
const other = await connect({ url: ${WORKER} });
await other.add("1082185", 1);
await other.settled();
assert.deepEqual([other.view.lines.length, cart.view.lines.length], [1, 1]);
assert.notEqual(await cart.token(), await other.token());
// The same session on another device.
const third = await connect({ url: ${WORKER}, token: await cart.token() });
for (let turn = 0; third.view.lines[0]?.quantity !== 2; turn++) { assert.ok(turn < 600); await new Promise(next => setTimeout(next, 100)); }
for (const one of [cart, other, third]) await one.close();
const lost = await connect();
const refusal = await lost.add("1095275", 1).then(() => null, error => error);
assert.ok(refusal instanceof EvercartError && refusal.code === "url_missing", String(refusal));
assert.deepEqual([lost.view.lines[0].quantity, lost.status.online], [1, false]);
await lost.close();
// And then it ends.
console.log("as it should be");
`;
const COMMON = `
const { connect } = require("evercart");
require("evercart/react"); require("evercart/element");
connect({ url: ${WORKER} }).then(async cart => { await cart.add("1095275", 1); await cart.close(); console.log("as it should be"); });
`;
const CPU = { x64: "x64", arm64: "arm64" }[arch()];

for (const version of ["20.20.2", "22.23.5", "24.22.3"]) {
  at(`node-${version.slice(0, 2)}`, () => place([`node-linux-${CPU}@${version}`, REACT[0]], { "main.js": SCRIPT, "common.cjs": COMMON },
    async ({ run, folder }) => {
      const node = join(folder, `node_modules/node-linux-${CPU}/bin/node`);
      assert.equal((await run(node, "--version")).trim(), `v${version}`);
      assert.match(await run(node, "main.js"), /as it should be/);
      assert.match(await run(node, "common.cjs"), /as it should be/);
    }));
}

at("deno", () => place([`@deno/linux-${CPU}-glibc@2.9.6`, REACT[0]], { "main.js": SCRIPT }, async ({ run, folder }) => {
  const deno = join(folder, `node_modules/@deno/linux-${CPU}-glibc/deno`);
  await run("chmod", "+x", deno);
  assert.match(await run(deno, "run", "--allow-all", "--no-remote", "main.js"), /as it should be/);
}));

at("bun", () => place([`@oven/bun-linux-${CPU === "arm64" ? "aarch64" : CPU}@1.4.5`, REACT[0]], { "main.js": SCRIPT }, async ({ run, folder }) => {
  const bun = join(folder, `node_modules/@oven/bun-linux-${CPU === "arm64" ? "aarch64" : CPU}/bin/bun`);
  await run("chmod", "+x", bun);
  assert.match(await run(bun, "main.js"), /as it should be/);
}));

// ---- pages without a bundler

const PLAIN = `import { connect } from "/node_modules/evercart/dist/index.js";
import "/node_modules/evercart/dist/element.js";
document.querySelector("ever-cart").addEventListener("connected", ({ detail: cart }) => cart.add("1095275", 1));
const cart = await connect({ url: ${WORKER} });
await cart.add("1095275", 2);
await cart.settled();
document.getElementById("root").textContent = cart.view.lines[0].quantity + " there";
`;
const ELEMENT = `<ever-cart url=${WORKER} storage="element"></ever-cart>`;
const has_line = page => page.locator("ever-cart").getByText("Rolls: Bagels, 4 oz").waitFor();

at("static", () => place([], { "index.html": HTML("/main.js") + ELEMENT, "main.js": PLAIN }, ({ folder }) =>
  served(folder, url => visit(url, async page => {
    await page.getByText("2 there", { exact: true }).waitFor();
    await has_line(page);
  }))));

at("worker", () => place([], {
  "index.html": HTML("/main.js"),
  "main.js": `const worker = new Worker("/worker.js", { type: "module" });
worker.onmessage = ({ data }) => { document.getElementById("root").append(data + ". "); };
worker.onerror = event => { document.getElementById("root").append("error: " + event.message); };`,
  "worker.js": `import { connect } from "/node_modules/evercart/dist/index.js";
import "/node_modules/evercart/dist/element.js";
const cart = await connect({ url: ${WORKER} });
if (cart.view.lines.length === 0) await cart.add("1095275", 2);
await cart.settled();
while (!cart.status.live) await new Promise(next => setTimeout(next, 50));
postMessage(cart.view.lines[0].quantity + " there, " + cart.status.storage + (cart.status.live ? ", live" : ""));
await cart.close();
postMessage("closed");`,
}, ({ folder }) => served(folder, url => visit(url, async page => {
  await page.getByText("2 there, ok, live. closed.").waitFor();
  // It is stored.
  await page.reload();
  await page.getByText("2 there, ok, live. closed.").waitFor();
}))));

at("csp", () => place([], { "index.html": HTML("/main.js") + ELEMENT, "main.js": PLAIN }, async ({ folder }) => {
  const socket = URL_.replace("http", "ws");
  const policy = script => ({ "Content-Security-Policy": `default-src 'none'; script-src ${script}; style-src 'self'; connect-src 'self' ${URL_} ${socket}` });
  // All is as it should be, its style too, and nothing is reported.
  await served(folder, url => visit(url, async page => {
    await page.getByText("2 there", { exact: true }).waitFor();
    await has_line(page);
    const display = await page.locator("ever-cart").locator("li").evaluate(line => getComputedStyle(line).display);
    assert.equal(display, "flex");
  }), policy("'self' 'wasm-unsafe-eval'"));
  // Without leave for Wasm it says what to do, on the page and to scripts.
  await served(folder, url => visit(url, async page => {
    await page.locator("ever-cart").getByText("The cart cannot be shown here.").waitFor();
    await page.locator("ever-cart").getByText("add 'wasm-unsafe-eval' to its script-src").waitFor();
    const told = await page.evaluate(async () => {
      const { connect } = await import("/node_modules/evercart/dist/index.js");
      const element = document.createElement("ever-cart");
      const failed = new Promise(resolve => element.addEventListener("failed", ({ detail }) => resolve(detail.code)));
      document.body.append(element);
      return [await connect({ url: location.origin }).then(() => "no error", error => error.code), await failed];
    });
    assert.deepEqual(told, ["wasm_refused", "wasm_refused"]);
  }, error => /wasm|unsafe-eval/i.test(error)), policy("'self'"));
}));

for (const name of asked) assert.ok(known.has(name), `${name} is none of ${[...known].join(", ")}`);
