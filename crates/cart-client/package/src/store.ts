// What survives the page: one row for each replica instance, and the account. A row has all that its instance
// needs, so one put is one transaction.
import { locks } from "./place.js";

/** A stored replica instance. */
export interface Row { cart: string; slot: string; bytes: Uint8Array; pending: number; token: string }

/** Whose cart is shown; a guest's token is the client's own, and followed by another. `given` is that of the page,
 * which the service may have renewed since. `others` are those whose carts stayed apart at a sign-in. */
export interface Account { token: string; cart: string; guest?: true; given?: string; others?: Account[] }

const ROWS = "replicas", KEPT = "kept", CURRENT = "account";

export class Store {
  /** Why nothing is stored, if so. */
  fault: "full" | "denied" | null = null;
  /** Nothing is stored from now on. */
  onLoss: () => void = () => {};
  /** An account that could not be stored, and is with the next row. */
  private unkept: Account | null = null;
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

  /** Replaces the account's token if it is still `old`. */
  renew(old: string, token: string): Promise<boolean> {
    if (this.unkept?.token === old) this.unkept = { ...this.unkept, token };
    return this.write(tx => {
      const kept = tx.objectStore(KEPT), asked: IDBRequest<Account | undefined> = kept.get(CURRENT);
      asked.onsuccess = () => { if (asked.result?.token === old) kept.put({ ...asked.result, token }, CURRENT); };
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
  if (!locks()) return null;
  return new Promise(resolve => {
    const held = locks()!.request(`evercart-actor-${slot}`, { ifAvailable: true }, lock => {
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
    if (locks()) return await (locks()!.request(name, () => { began = true; return work(); }) as Promise<T>);
  } catch (error) { if (began) throw error; }
  // A page that may store nothing may hold no lock either.
  return work();
}
