// Serves what `bundle.mjs` made: the runtime of `wrangler dev` with its objects, databases, queues and triggers, in the
// same folders, and without wrangler around it, whose own process, bundler and proxy take seconds and twice the time.
//
//     node serve.mjs FOLDER PORT STATE [NAME:VALUE ..]
//
// With EVERCART_OBJECTS the objects are those of what was made in that folder, of another build.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";

const [folder, port, state, ...settings] = process.argv.slice(2);
const set = Object.fromEntries(settings.map(text => text.split(/:(.*)/s).slice(0, 2)));
const objects = process.env.EVERCART_OBJECTS;
const CARTS = { className: "CartObject", useSQLite: true };
const runtime = new Miniflare(convertV4MiniflareOptions({
  host: "127.0.0.1",
  port: Number(port),
  log: new Log(LogLevel.ERROR),
  handleStructuredLogs: ({ level, message }) => console.log(`${level}: ${message}`),
  unsafeTriggerHandlers: true,
  resourcePersistencePath: join(state, "v3"),
  resourceTmpPath: join(folder, "scratch"),
  workers: objects ? [worker("evercart", folder, { CARTS: { ...CARTS, scriptName: "objects" } }), worker("objects", objects)] : [worker("evercart", folder)],
}));
await runtime.ready;
// A test that was killed cannot end what it began: its group ends itself.
const parent = process.ppid;
setInterval(() => process.ppid === parent || process.kill(0, "SIGKILL"), 1_000);

function worker(name, folder, durableObjects) {
  const options = JSON.parse(readFileSync(join(folder, "options.json"), "utf8")), script = join(folder, "script");
  const wasm = readdirSync(script).filter(name => name.endsWith(".wasm"));
  return {
    ...options,
    name,
    rootPath: undefined,
    modulesRules: undefined,
    modulesRoot: script,
    modules: [
      { type: "ESModule", path: join(script, "main.js") },
      ...wasm.map(name => ({ type: "CompiledWasm", path: join(script, name) })),
    ],
    assets: { ...options.assets, directory: join(folder, "build/web") },
    bindings: { ...options.bindings, ...set },
    durableObjects: durableObjects ?? options.durableObjects,
    // A queue has one consumer.
    ...(name === "objects" && { queueConsumers: {} }),
  };
}
