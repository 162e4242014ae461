// Bundles the pages into build/web: `web/NAME/index.html` with its script and style, and the client's Wasm. What
// a page loads has the hash of its content in its name, so that it may be kept for ever; the pages may not.
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const TO = "build/web";
const PAGES = { shop: "index.html", lab: "lab.html" };
const CLIENT = "crates/cart-client/package/dist";

await rm(TO, { recursive: true, force: true });
await mkdir(TO, { recursive: true });
const { metafile } = await build({
  entryPoints: Object.keys(PAGES).flatMap(page => [`web/${page}/${page}.ts`, `web/${page}/${page}.css`]),
  alias: { evercart: `./${CLIENT}/index.js`, "evercart.wasm": `./${CLIENT}/evercart.wasm` },
  loader: { ".wasm": "file", ".svg": "file", ".txt": "text" },
  bundle: true, splitting: true, format: "esm", target: "es2022", minify: true, metafile: true,
  outdir: `${TO}/assets`, publicPath: "/assets", logLevel: "warning",
  entryNames: "[name]-[hash]", chunkNames: "[name]-[hash]", assetNames: "[name]-[hash]",
});
const url = file => file.replace(TO, "");
const built = Object.entries(metafile.outputs);
const wasm = url(built.find(([file]) => file.endsWith(".wasm"))[0]);
for (const [page, to] of Object.entries(PAGES)) {
  let html = await readFile(`web/${page}/index.html`, "utf8");
  for (const [file, { entryPoint }] of built)
    if (entryPoint?.startsWith(`web/${page}/`)) html = html.replaceAll(entryPoint.slice(`web/${page}/`.length), url(file));
  await writeFile(`${TO}/${to}`, html.replaceAll("evercart.wasm", wasm));
}
await cp("web/openapi.json", `${TO}/openapi.json`);
for (const rules of ["_headers", "_redirects"]) await cp(`web/${rules}`, `${TO}/${rules}`);
