// Bundles the pages into build/web: `web/NAME/index.html` with its script and style, and the client's Wasm. What
// a page loads has the hash of its content in its name, so that it may be kept for ever; the pages may not.
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const TO = "build/web";
const PAGES = { shop: "index.html", lab: "lab.html", docs: "docs.html" };
const CLIENT = "crates/cart-client/package/dist";

await mkdir(TO, { recursive: true });
/** Bundles the pages of some names; what they share is loaded once. */
const bundled = names => build({
  entryPoints: names.flatMap(page => [`web/${page}/${page}.ts`, `web/${page}/${page}.css`]),
  alias: { evercart: `./${CLIENT}/index.js`, "evercart/money": `./${CLIENT}/money.js`, "evercart.wasm": `./${CLIENT}/evercart.wasm` },
  loader: { ".wasm": "file", ".svg": "file", ".txt": "text" },
  bundle: true, splitting: true, format: "esm", target: "es2022", minify: true, metafile: true,
  outdir: `${TO}/assets`, publicPath: "/assets", logLevel: "warning",
  entryNames: "[name]-[hash]", chunkNames: "[name]-[hash]", assetNames: "[name]-[hash]",
});
// The API's page shares nothing with those who shop.
const { metafile } = await bundled(Object.keys(PAGES).filter(page => page !== "docs"));
Object.assign(metafile.outputs, (await bundled(["docs"])).metafile.outputs);
const url = file => file.replace(TO, "");
const built = Object.entries(metafile.outputs);
const wasm = url(built.find(([file]) => file.endsWith(".wasm"))[0]);
for (const [page, to] of Object.entries(PAGES)) {
  let html = await readFile(`web/${page}/index.html`, "utf8");
  for (const [file, { entryPoint }] of built)
    if (entryPoint?.startsWith(`web/${page}/`)) html = html.replaceAll(entryPoint.slice(`web/${page}/`.length), url(file));
  await writeFile(`${TO}/${to}`, html.replaceAll("evercart.wasm", wasm));
}
// What the shop needs without a network: all that its script loads, its style, the Wasm.
const files = new Set([wasm]);
const needs = file => { if (!files.has(url(file))) { files.add(url(file)); metafile.outputs[file].imports.filter(one => one.path in metafile.outputs).forEach(one => needs(one.path)); } };
for (const [file, { entryPoint }] of built) if (entryPoint?.startsWith("web/shop/")) needs(file);
const shell = await readFile(`${TO}/${PAGES.shop}`);
await build({
  entryPoints: ["web/shop/sw.ts"], bundle: true, format: "iife", target: "es2022", minify: true, outfile: `${TO}/sw.js`, logLevel: "warning",
  define: { FILES: JSON.stringify([...files]), VERSION: JSON.stringify(createHash("sha256").update(shell).digest("hex").slice(0, 16)) },
});
await cp("web/openapi.json", `${TO}/openapi.json`);
await cp("node_modules/swagger-ui-dist/swagger-ui-es-bundle.js.LICENSE.txt", `${TO}/docs-licenses.txt`);
for (const rules of ["_headers", "_redirects"]) await cp(`web/${rules}`, `${TO}/${rules}`);
// What is of an earlier build goes last: a server that runs sees whole folders all the time.
const made = new Set(built.map(([file]) => file.split("/").pop()));
for (const file of await readdir(`${TO}/assets`)) if (!made.has(file)) await rm(`${TO}/assets/${file}`);
