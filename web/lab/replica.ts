// One replica of the stage: a real client with a storage of its own. A device edits by it; of a region it shows what
// the region's replica has, and edits nothing.
import wasm from "evercart.wasm";
import { connect, type Cart, type Dot, type Inspection, type Status, type View } from "evercart";
import type { Region } from "./service.js";

export interface Spec {
  kind: "device" | "region";
  /** A device's letter; a region's own name. */
  name: string;
  region: Region;
  token: string;
  storage: string;
  /** Whose cart it is, where that is another than the stage's. */
  owner?: string;
}

/** What has changed in a replica. */
export interface Change { gained: Dot[]; settled: Dot[]; lost: Dot[]; digest: boolean }

const ROWS = "replicas", KEPT = "kept";
/** How often it is looked at whether a replica has learned what no shopper sees, which it tells nobody of, in
 * milliseconds. */
const LOOK_MS = 200;

export class Replica {
  cart!: Cart;
  inspection!: Inspection;
  /** Whether the device is joined to its region. */
  online = true;
  skewMs = 0;
  private ends: (() => void)[] = [];
  private constructor(readonly spec: Spec, private changed: (replica: Replica, change: Change) => void) {}

  static async open(spec: Spec, changed: (replica: Replica, change: Change) => void, online = true): Promise<Replica> {
    const replica = new Replica(spec, changed);
    replica.online = online;
    await replica.connect(true);
    return replica;
  }

  get view(): View { return this.cart.view; }
  get status(): Status { return this.cart.status; }
  /** Of all that it holds: what shoppers see may be equal long before what it is made of. */
  get digest(): string { return this.inspection.digest; }
  /** Whether it has heard and told all it can. */
  get rests(): boolean { return this.status.online && this.status.pending === 0 && !this.view.partial && !this.status.syncing; }

  setOnline(online: boolean): void {
    this.online = online;
    this.cart.setOnline(online);
    this.look();
  }

  /** By how much its clock is wrong from now on. */
  setSkew(ms: number): void {
    this.skewMs = ms;
    this.cart.setClockSkew(ms);
    this.look();
  }

  /** Joins it to another region: connects anew with what is stored. */
  async moveTo(region: Region): Promise<void> {
    this.spec.region = region;
    await this.close();
    await this.connect(false);
  }

  close(): Promise<void> {
    this.ends.splice(0).forEach(end => end());
    return this.cart.close();
  }

  private async connect(first: boolean): Promise<void> {
    const { token, storage, region } = this.spec;
    this.cart = await connect({ wasm, storage, region, ...(first ? { token } : {}), clockSkewMs: this.skewMs });
    if (!this.online) this.cart.setOnline(false);
    const unseen = setInterval(() => { if (this.cart.inspect().digest !== this.digest) this.look(); }, LOOK_MS);
    this.ends = [this.cart.subscribe(this.look), this.cart.subscribeStatus(this.look), () => clearInterval(unseen)];
    this.look();
  }

  private look = (): void => {
    const before = this.inspection as Inspection | undefined;
    this.inspection = this.cart.inspect();
    this.changed(this, difference(before, this.inspection));
  };
}

export const dotKey = (dot: { actor: string; counter: number }): string => `${dot.actor}:${dot.counter}`;

export function dots(inspection: Inspection): Dot[] { return inspection.lines.flatMap(line => line.dots); }

function difference(before: Inspection | undefined, after: Inspection): Change {
  const had = new Map((before ? dots(before) : []).map(dot => [dotKey(dot), dot]));
  const has = new Map(dots(after).map(dot => [dotKey(dot), dot]));
  return {
    gained: [...has.values()].filter(dot => !had.has(dotKey(dot))),
    settled: [...has.values()].filter(dot => dot.settled && had.get(dotKey(dot))?.settled === false),
    lost: [...had.values()].filter(dot => !has.has(dotKey(dot))),
    digest: before !== undefined && before.digest !== after.digest,
  };
}

/** Copies what one storage holds to another, as a copied disk would: the actor too. No lock can see that. */
export async function duplicate(from: string, to: string): Promise<void> {
  const source = await database(from), target = await database(to);
  const read = source.transaction([ROWS, KEPT]);
  const [rows, account] = await Promise.all([
    done(read.objectStore(ROWS).getAll()) as Promise<Record<string, unknown>[]>, done(read.objectStore(KEPT).get("account")),
  ]);
  const write = target.transaction([ROWS, KEPT], "readwrite");
  for (const row of rows) write.objectStore(ROWS).put({ ...row, slot: String(row["slot"]).split("").reverse().join("") });
  write.objectStore(KEPT).put(account, "account");
  await new Promise((stored, failed) => { write.oncomplete = stored; write.onabort = failed; });
  source.close();
  target.close();
}

/** The storages of labs that are gone. */
export async function sweep(mine: string): Promise<void> {
  const { held = [] } = await navigator.locks.query();
  const alive = held.map(lock => lock.name ?? "");
  for (const { name = "" } of await indexedDB.databases?.() ?? []) {
    const [, lab] = /^(lab-\w+)-/.exec(name) ?? [];
    if (lab && lab !== mine && !alive.includes(lab)) indexedDB.deleteDatabase(name);
  }
}

function database(name: string): Promise<IDBDatabase> {
  const asked = indexedDB.open(name, 1);
  // As the client makes it.
  asked.onupgradeneeded = () => {
    asked.result.createObjectStore(ROWS, { keyPath: ["cart", "slot"] });
    asked.result.createObjectStore(KEPT);
  };
  return done(asked);
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => { request.onsuccess = () => resolve(request.result); request.onerror = () => reject(request.error); });
}
