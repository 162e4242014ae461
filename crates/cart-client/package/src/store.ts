// What survives the page: one row for each replica instance, and the account. A row has all that its instance
// needs, so one put is one transaction. After a sign-out nothing of it is left but the tokens of sessions that the service
// is still to be told of.
import type { Problem } from "./types.js";

/** A stored replica instance. */
export interface Row { cart: string; slot: string; bytes: Uint8Array; pending: number; token: string }

/** Whose cart is shown; a guest's token is the client's own, and followed by another. `given` is that of the page,
 * which the service may have renewed since. `others` are those whose carts stayed apart at a sign-in. `ended` is why
 * nothing can arrive any more: the session was signed out elsewhere, or the cart erased. */
export interface Account { token: string; cart: string; guest?: true; given?: string; others?: Account[]; ended?: Problem | undefined }

const ROWS = "replicas", KEPT = "kept", CURRENT = "account", ENDED = "ended";

export class Store {
  /** Why nothing is stored, if so. */
  fault: "full" | "denied" | null = null;
  /** Nothing is stored from now on. */
  onLoss: () => void = () => {};
  /** An account that could not be stored, and is with the next row. */
  private unkept: Account | null = null;
  /** Tokens that the service is to be told of, where they cannot be stored. */
  private untold = new Set<string>();
  private constructor(private db: IDBDatabase | null) { if (!db) this.fault = "denied"; }

  static open(name: string): Promise<Store> {
    return new Promise(resolve => {
      const none = () => resolve(new Store(null));
      try {
        const asked = indexedDB.open(name, 1);
        asked.onupgradeneeded = () => {
          asked.result.createObjectStore(ROWS, { keyPath: ["cart", "slot"] });
          asked.result.createObjectStore(KEPT);
        };
        asked.onsuccess = () => {
          const store = new Store(asked.result);
          // Site data was cleared, or a later version opens it: what comes is not stored.
          asked.result.onclose = asked.result.onversionchange = () => { store.db?.close(); store.db = null; store.fault = "denied"; store.onLoss(); };
          resolve(store);
        };
        asked.onerror = asked.onblocked = none;
      } catch { none(); }
    });
  }

  rows(): Promise<Row[]> { return this.read<Row[]>(ROWS, s => s.getAll()).then(rows => rows ?? []); }
  row(cart: string, slot: string): Promise<Row | undefined> { return this.read<Row>(ROWS, s => s.get([cart, slot])); }
  account(): Promise<Account | undefined> { return this.read<Account>(KEPT, s => s.get(CURRENT)); }
  async setAccount(account: Account): Promise<boolean> {
    const stored = await this.write(tx => tx.objectStore(KEPT).put(account, CURRENT));
    this.unkept = stored ? null : account;
    return stored;
  }

  /** Changes the account if it still has this token, and, where one is named, this cart. */
  amend(old: string, change: Partial<Account>, cart?: string): Promise<boolean> {
    const same = (account: Account | null | undefined) => account?.token === old && (cart ?? account.cart) === account.cart;
    if (same(this.unkept)) this.unkept = { ...this.unkept!, ...change };
    return this.write(tx => {
      const kept = tx.objectStore(KEPT), asked: IDBRequest<Account | undefined> = kept.get(CURRENT);
      asked.onsuccess = () => { if (same(asked.result)) kept.put({ ...asked.result, ...change }, CURRENT); };
    }, false);
  }

  /** Removes rows, and the account if it is to be removed too, and keeps the tokens of those who leave until the service
   * has been told. How many changes of the rows were not sent. */
  async forget(tokens: string[], whose: (row: Row) => boolean, which: (account: Account) => boolean): Promise<number> {
    let unsent = 0;
    if (this.unkept && which(this.unkept)) this.unkept = null;
    const gone = await this.write(tx => {
      const rows = tx.objectStore(ROWS), kept = tx.objectStore(KEPT);
      const all: IDBRequest<Row[]> = rows.getAll(), account: IDBRequest<Account | undefined> = kept.get(CURRENT), ended: IDBRequest<string[] | undefined> = kept.get(ENDED);
      all.onsuccess = () => {
        for (const row of all.result.filter(whose)) { unsent += row.pending; rows.delete([row.cart, row.slot]); }
      };
      account.onsuccess = () => { if (account.result && which(account.result)) kept.delete(CURRENT); };
      ended.onsuccess = () => { if (tokens.length) kept.put([...new Set([...ended.result ?? [], ...tokens])], ENDED); };
    }, false);
    if (!gone) for (const token of tokens) this.untold.add(token);
    return gone ? unsent : 0;
  }

  /** The tokens of sessions of which the service is to be told that they have ended. */
  async ended(): Promise<string[]> { return [...new Set([...this.untold, ...await this.read<string[]>(KEPT, s => s.get(ENDED)) ?? []])]; }

  /** The service knows that of this token. */
  told(token: string): Promise<boolean> {
    this.untold.delete(token);
    return this.write(tx => {
      const kept = tx.objectStore(KEPT), asked: IDBRequest<string[] | undefined> = kept.get(ENDED);
      asked.onsuccess = () => {
        const left = (asked.result ?? []).filter(other => other !== token);
        left.length ? kept.put(left, ENDED) : kept.delete(ENDED);
      };
    }, false);
  }

  remove(cart: string, slot: string): Promise<boolean> { return this.write(tx => tx.objectStore(ROWS).delete([cart, slot])); }

  /** Stores a row, in place of that of the same instance when it knew no cart. Whether it is on disk. */
  async put(row: Row): Promise<boolean> {
    const { unkept } = this;
    const stored = await this.write(tx => {
      const rows = tx.objectStore(ROWS);
      rows.put(row);
      if (row.cart) rows.delete(["", row.slot]);
      if (unkept) tx.objectStore(KEPT).put(unkept, CURRENT);
    });
    // Only this says that there is room again: to delete takes none.
    if (stored) this.fault = null;
    if (stored && this.unkept === unkept) this.unkept = null;
    return stored;
  }

  close(): void { if (this.db) { this.db.onclose = null; this.db.close(); this.db = null; } }

  private read<T>(name: string, ask: (store: IDBObjectStore) => IDBRequest): Promise<T | undefined> {
    return new Promise(resolve => {
      try {
        const request = ask(this.db!.transaction(name).objectStore(name));
        request.onsuccess = () => resolve(request.result as T);
        request.onerror = () => resolve(undefined);
      } catch { resolve(undefined); }
    });
  }

  /** `whole`: all of it is asked for at once. */
  private write(work: (tx: IDBTransaction) => void, whole = true): Promise<boolean> {
    return new Promise(resolve => {
      const failed = (error: unknown) => {
        this.fault = (error as DOMException | null)?.name === "QuotaExceededError" ? "full" : "denied";
        resolve(false);
      };
      try {
        const tx = this.db!.transaction([ROWS, KEPT], "readwrite", { durability: "strict" });
        tx.oncomplete = () => resolve(true);
        tx.onabort = () => failed(tx.error);
        work(tx);
        // Not when all has been answered: a page that goes has no later.
        if (whole) tx.commit?.();
      } catch (error) { failed(error); }
    });
  }
}

/** Gives a lock back; it is free when that is done. */
export type Release = () => Promise<void>;

/** Holds the lock of an instance; null if another tab has it, or may have: without locks that cannot be known. */
export async function hold(slot: string): Promise<Release | null> {
  if (!navigator.locks) return null;
  return new Promise(resolve => {
    const held = navigator.locks.request(`evercart-actor-${slot}`, { ifAvailable: true }, lock => {
      if (!lock) return resolve(null);
      return new Promise<void>(free => resolve(() => { free(); return held as Promise<void>; }));
    });
    held.catch(() => resolve(null));
  });
}

/** Runs alone among the tabs. */
export async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  let began = false;
  try {
    if (navigator.locks) return await (navigator.locks.request(name, () => { began = true; return work(); }) as Promise<T>);
  } catch (error) { if (began) throw error; }
  // A page that may store nothing may hold no lock either.
  return work();
}
