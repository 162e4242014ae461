// Serves what `bundle.mjs` made: the runtime of `wrangler dev` with its objects, databases, queues and triggers, in the
// same folders, and without wrangler around it, whose own process, bundler and proxy take seconds and twice the time.
//
//     node serve.mjs FOLDER PORT STATE [NAME:VALUE ..]
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";

const [folder, port, state, ...settings] = process.argv.slice(2);
const worker = JSON.parse(readFileSync(join(folder, "options.json"), "utf8"));
const script = join(folder, "script");
const wasm = readdirSync(script).filter(name => name.endsWith(".wasm"));
const set = Object.fromEntries(settings.map(text => text.split(/:(.*)/s).slice(0, 2)));
const runtime = new Miniflare(convertV4MiniflareOptions({
  host: "127.0.0.1",
  port: Number(port),
  log: new Log(LogLevel.ERROR),
  handleStructuredLogs: ({ level, message }) => console.log(`${level}: ${message}`),
  unsafeTriggerHandlers: true,
  resourcePersistencePath: join(state, "v3"),
  resourceTmpPath: join(folder, "scratch"),
  workers: [{
    ...worker,
    name: "evercart",
    rootPath: undefined,
    modulesRules: undefined,
    modulesRoot: script,
    modules: [
      { type: "ESModule", path: join(script, "main.js") },
      ...wasm.map(name => ({ type: "CompiledWasm", path: join(script, name) })),
    ],
    assets: { ...worker.assets, directory: join(folder, "build/web") },
    bindings: { ...worker.bindings, ...set },
  }],
}));
await runtime.ready;
// A test that was killed cannot end what it began: its group ends itself.
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.kill(0, "SIGKILL"), 1_000);
