// What survives the page: one row for each replica instance, and the account. A row has all that its instance
// needs, so one put is one transaction. After a sign-out nothing of it is left but the tokens of sessions that the service
// is still to be told of.
import { locks, shared } from "./place.js";
import type { Problem } from "./types.js";

/** A stored replica instance. */
export interface Row { cart: string; slot: string; bytes: Uint8Array; pending: number; token: string }

/** Whose cart is shown; a guest's token is the client's own, and followed by another. `given` is that of the page,
 * which the service may have renewed since. `others` are those whose carts stayed apart at a sign-in. `ended` is why
 * nothing can arrive any more: the session was signed out elsewhere, or the cart erased. */
export interface Account { token: string; cart: string; guest?: true; given?: string; others?: Account[]; ended?: Problem | undefined }

/** How long the storage may take to open and to write, in milliseconds: another tab may hold it. */
const OPEN_MS = 3_000, WRITE_MS = 2_000;
const ROWS = "replicas", KEPT = "kept", CURRENT = "account", ENDED = "ended";

export class Store {
  /** Why nothing is stored, if so. */
  fault: "full" | "denied" | "busy" | null = null;
  /** Nothing is stored from now on, or it is again. */
  onChange: () => void = () => {};
  /** What is stored can be read after all. */
  onLate: () => void = () => {};
  #db: IDBDatabase | null = null;
  #opening: Promise<boolean> | undefined;
  /** It was open, and was closed by force: the next write opens it again. */
  #lost = false;
  #closed = false;
  /** What is to be removed as soon as it is open. */
  #owed: (() => Promise<unknown>)[] = [];
  /** As it was stored last. */
  #last: Account | null = null;
  /** An account that could not be stored, and is with the next row. */
  #unkept: Account | null = null;
  /** Tokens that the service is to be told of, where they cannot be stored. */
  #untold = new Set<string>();
  #name: string;
  private constructor(name: string) { this.#name = name; }

  /** Opens it. Where that takes too long the page goes on in memory, and is told when what is stored is there. */
  static async open(name: string): Promise<Store> {
    const store = new Store(name), opening = store.#open();
    const there = await soon(opening, OPEN_MS);
    if (!there) store.fault = there === false ? "denied" : "busy";
    if (there === undefined) void opening.then(async late => {
      store.fault = late ? null : "denied";
      // Who was made up meanwhile is not put in the place of who is stored.
      if (late) store.#unkept = null;
      for (const work of store.#owed.splice(0)) await work();
      late ? store.onLate() : store.onChange();
    });
    return store;
  }

  /** Opens it, and waits until it answers. Whether it can be used. */
  #open(): Promise<boolean> {
    return this.#opening ??= new Promise<boolean>(resolve => {
      try {
        const asked = indexedDB.open(this.#name, 1);
        asked.onupgradeneeded = () => {
          asked.result.createObjectStore(ROWS, { keyPath: ["cart", "slot"] });
          asked.result.createObjectStore(KEPT);
        };
        asked.onsuccess = () => {
          const db = asked.result, first = db.transaction([ROWS, KEPT]);
          // Site data was cleared, or a later version opens it.
          db.onclose = db.onversionchange = () => {
            db.close();
            if (this.#db !== db) return;
            [this.#db, this.#lost, this.fault] = [null, true, "denied"];
            this.onChange();
          };
          first.objectStore(KEPT).get(CURRENT);
          first.oncomplete = () => { if (this.#closed) db.close(); else this.#db = db; resolve(!this.#closed); };
          first.onabort = () => resolve(false);
        };
        asked.onerror = () => resolve(false);
      } catch { resolve(false); }
    }).finally(() => { this.#opening = undefined; });
  }

  /** Opens it again. Whose cart it is goes with the next row, where that was cleared. */
  async #again(): Promise<void> {
    if (!await soon(this.#open(), WRITE_MS) || !this.#lost) return;
    this.#lost = false;
    if (!await this.account()) this.#unkept ??= this.#last;
  }

  rows(): Promise<Row[]> { return this.#read<Row[]>(ROWS, s => s.getAll()).then(rows => rows ?? []); }
  row(cart: string, slot: string): Promise<Row | undefined> { return this.#read<Row>(ROWS, s => s.get([cart, slot])); }
  async account(): Promise<Account | undefined> {
    const stored = await this.#read<Account>(KEPT, s => s.get(CURRENT));
    if (stored) this.#last = stored;
    return stored;
  }
  async setAccount(account: Account): Promise<boolean> {
    this.#last = account;
    const stored = await this.#write(tx => tx.objectStore(KEPT).put(account, CURRENT));
    this.#unkept = stored ? null : account;
    return stored;
  }

  /** Changes the account if it still has this token, and, where one is named, this cart. */
  amend(old: string, change: Partial<Account>, cart?: string): Promise<boolean> {
    const same = (account: Account | null | undefined) => account?.token === old && (cart ?? account.cart) === account.cart;
    if (same(this.#unkept)) this.#unkept = { ...this.#unkept!, ...change };
    if (same(this.#last)) this.#last = { ...this.#last!, ...change };
    return this.#write(tx => {
      const kept = tx.objectStore(KEPT), asked: IDBRequest<Account | undefined> = kept.get(CURRENT);
      asked.onsuccess = () => { if (same(asked.result)) kept.put({ ...asked.result, ...change }, CURRENT); };
    }, false);
  }

  /** Removes rows, and the account if it is to be removed too, and keeps the tokens of those who leave until the service
   * has been told. How many changes of the rows were not sent; null where it is not known yet whether they are gone. */
  async forget(tokens: string[], whose: (row: Row) => boolean, which: (account: Account) => boolean): Promise<number | null> {
    let unsent = 0;
    if (this.#unkept && which(this.#unkept)) this.#unkept = null;
    if (this.#last && which(this.#last)) this.#last = null;
    const gone = await this.#write(tx => {
      const rows = tx.objectStore(ROWS), kept = tx.objectStore(KEPT);
      const all: IDBRequest<Row[]> = rows.getAll(), account: IDBRequest<Account | undefined> = kept.get(CURRENT), ended: IDBRequest<string[] | undefined> = kept.get(ENDED);
      all.onsuccess = () => {
        for (const row of all.result.filter(whose)) { unsent += row.pending; rows.delete([row.cart, row.slot]); }
      };
      account.onsuccess = () => { if (account.result && which(account.result)) kept.delete(CURRENT); };
      ended.onsuccess = () => { if (tokens.length) kept.put([...new Set([...ended.result ?? [], ...tokens])], ENDED); };
    }, false);
    if (!gone) for (const token of tokens) this.#untold.add(token);
    if (!gone && this.#opening) this.#owed.push(() => this.forget(tokens, whose, which));
    // Where nothing may be stored nothing is.
    return gone ? unsent : this.fault === "denied" && !this.#lost ? 0 : null;
  }

  /** The tokens of sessions of which the service is to be told that they have ended. */
  async ended(): Promise<string[]> { return [...new Set([...this.#untold, ...await this.#read<string[]>(KEPT, s => s.get(ENDED)) ?? []])]; }

  /** The service knows that of this token. */
  told(token: string): Promise<boolean> {
    this.#untold.delete(token);
    return this.#write(tx => {
      const kept = tx.objectStore(KEPT), asked: IDBRequest<string[] | undefined> = kept.get(ENDED);
      asked.onsuccess = () => {
        const left = (asked.result ?? []).filter(other => other !== token);
        left.length ? kept.put(left, ENDED) : kept.delete(ENDED);
      };
    }, false);
  }

  remove(cart: string, slot: string): Promise<boolean> { return this.#write(tx => tx.objectStore(ROWS).delete([cart, slot])); }

  /** Stores a row, in place of that of the same instance when it knew no cart. Whether it is on disk. */
  async put(row: Row): Promise<boolean> {
    if (!this.#db && this.#lost) await this.#again();
    const unkept = this.#unkept;
    const stored = await this.#write(tx => {
      const rows = tx.objectStore(ROWS);
      rows.put(row);
      if (row.cart) rows.delete(["", row.slot]);
      if (unkept) tx.objectStore(KEPT).put(unkept, CURRENT);
    });
    // Only this says that there is room again: to delete takes none.
    if (stored) this.fault = null;
    if (stored && this.#unkept === unkept) this.#unkept = null;
    return stored;
  }

  close(): void {
    this.#closed = true;
    if (this.#db) { this.#db.onclose = null; this.#db.close(); this.#db = null; }
  }

  #read<T>(name: string, ask: (store: IDBObjectStore) => IDBRequest): Promise<T | undefined> {
    return new Promise(resolve => {
      try {
        const request = ask(this.#db!.transaction(name).objectStore(name));
        request.onsuccess = () => resolve(request.result as T);
        request.onerror = () => resolve(undefined);
        setTimeout(resolve, WRITE_MS);
      } catch { resolve(undefined); }
    });
  }

  /** `whole`: all of it is asked for at once. */
  #write(work: (tx: IDBTransaction) => void, whole = true): Promise<boolean> {
    return new Promise(resolve => {
      const failed = (error: unknown) => {
        this.fault = (error as DOMException | null)?.name === "QuotaExceededError" ? "full" : this.#opening ? "busy" : "denied";
        resolve(false);
      };
      try {
        const tx = this.#db!.transaction([ROWS, KEPT], "readwrite", { durability: "strict" });
        // It may be done later all the same.
        const slow = setTimeout(() => { this.fault ??= "busy"; resolve(false); this.onChange(); }, WRITE_MS);
        tx.oncomplete = () => {
          clearTimeout(slow);
          resolve(true);
          if (this.fault === "busy") { this.fault = null; this.onChange(); }
        };
        tx.onabort = () => { clearTimeout(slow); failed(tx.error); };
        work(tx);
        // Not when all has been answered: a page that goes has no later.
        if (whole) tx.commit?.();
      } catch (error) { failed(error); }
    });
  }
}

/** What comes of it, if it comes soon and is not refused. */
export const soon = <T>(work: Promise<T>, ms: number): Promise<T | undefined> => Promise.race([work.catch(() => undefined), pause(ms)]);

/** Gives a lock back; it is free when that is done. */
export type Release = () => Promise<void>;

/** Holds the lock of an instance; null if another tab has it. One that is `fresh` no other tab knows of. */
export async function hold(slot: string, fresh = false): Promise<Release | null> {
  const name = `evercart-actor-${slot}`;
  if (!locks()) return claim(name, fresh);
  return new Promise(resolve => {
    const held = locks()!.request(name, { ifAvailable: true }, lock => {
      if (!lock) return resolve(null);
      return new Promise<void>(free => resolve(() => { free(); return held as Promise<void>; }));
    });
    held.catch(() => resolve(null));
  });
}

/** Runs alone among the tabs. */
export async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  let began = false, free: Release | null = null;
  const run = () => { began = true; return work(); };
  try {
    if (locks()) return await (locks()!.request(name, run) as Promise<T>);
    while (!(free = await claim(name))) await pause(CLAIM_MS);
    return await run();
  } catch (error) { if (began) throw error; } finally { await free?.(); }
  // A page that may store nothing may hold no lock either.
  return work();
}

/** How long another tab has to say that it holds something, in milliseconds. */
const CLAIM_MS = 200;

/** A lock where there are none, as on pages of plain http: who holds it says so to whoever asks, and of two who ask at
 * once the lesser number has it. A tab that is too busy to say so may lose it; its changes are not lost by that, since
 * of two replicas with one actor one takes another. */
function claim(name: string, fresh = false): Promise<Release | null> {
  const others = channel(name), number = Math.random();
  let held = fresh;
  return new Promise(resolve => {
    if (others) others.onmessage = ({ data }) => {
      if (!held && data < number) { others.close(); resolve(null); } else if (data >= 0) others.postMessage(-1);
    };
    others?.postMessage(number);
    setTimeout(() => { held = true; resolve(async () => others?.close()); }, fresh || !others ? 0 : CLAIM_MS);
  });
}

export const pause = (ms: number): Promise<undefined> => new Promise(go => setTimeout(go, ms));

/** A channel to the other tabs. A page that may store nothing may have none. */
export function channel(name: string): BroadcastChannel | undefined {
  if (!shared()) return undefined;
  try { return new BroadcastChannel(name); } catch { return undefined; }
}
