// Makes of a tree that is built what `serve.mjs` serves, in a folder: the script with its modules, as `wrangler deploy`
// would send it, the pages, and the settings as `wrangler dev` reads them. Once a build: all tests serve copies.
//
//     node bundle.mjs TREE FOLDER
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unstable_getMiniflareWorkerOptions } from "wrangler";

const [tree, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
// Without the build, which is done.
const wrangler = ["deploy", "--dry-run", "--config", join(folder, "wrangler.toml"), "--outdir", join(folder, "script")];
execFileSync("wrangler", wrangler, { cwd: tree, stdio: ["ignore", "ignore", "inherit"] });
const { workerOptions } = unstable_getMiniflareWorkerOptions(join(folder, "wrangler.toml"));
writeFileSync(join(folder, "options.json"), JSON.stringify(workerOptions));
