// What survives the page: one row for each replica instance, and the account. A row has all that its instance
// needs, so one put is one transaction.

/** A stored replica instance. */
export interface Row { cart: string; slot: string; bytes: Uint8Array; pending: number; token: string }

/** Whose cart is shown. */
export interface Account { token: string; cart: string }

const ROWS = "replicas", KEPT = "kept", CURRENT = "account";

export class Store {
  /** Why nothing is stored, if so. */
  fault: "full" | "denied" | null = null;
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
          asked.result.onclose = asked.result.onversionchange = () => { store.db?.close(); store.db = null; store.fault = "denied"; };
          resolve(store);
        };
        asked.onerror = asked.onblocked = none;
      } catch { none(); }
    });
  }

  rows(): Promise<Row[]> { return this.read<Row[]>(ROWS, s => s.getAll()).then(rows => rows ?? []); }
  row(cart: string, slot: string): Promise<Row | undefined> { return this.read<Row>(ROWS, s => s.get([cart, slot])); }
  account(): Promise<Account | undefined> { return this.read<Account>(KEPT, s => s.get(CURRENT)); }
  setAccount(account: Account): Promise<boolean> { return this.write(tx => tx.objectStore(KEPT).put(account, CURRENT)); }

  /** Stores a row, in place of that of the same instance when it knew no cart. Whether it is on disk. */
  put(row: Row): Promise<boolean> {
    return this.write(tx => {
      const rows = tx.objectStore(ROWS);
      rows.put(row);
      if (row.cart) rows.delete(["", row.slot]);
    });
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

  private write(work: (tx: IDBTransaction) => void): Promise<boolean> {
    return new Promise(resolve => {
      const failed = (error: unknown) => {
        this.fault = (error as DOMException | null)?.name === "QuotaExceededError" ? "full" : "denied";
        resolve(false);
      };
      try {
        const tx = this.db!.transaction([ROWS, KEPT], "readwrite", { durability: "strict" });
        tx.oncomplete = () => { this.fault = null; resolve(true); };
        tx.onabort = () => failed(tx.error);
        work(tx);
        // Not when all has been answered: a page that goes has no later.
        tx.commit?.();
      } catch (error) { failed(error); }
    });
  }
}

/** Holds the lock of an instance; null if another tab has it. The function gives it back. */
export function hold(slot: string): Promise<(() => void) | null> {
  if (!navigator.locks) return Promise.resolve(() => {});
  return new Promise(resolve => {
    navigator.locks.request(`evercart-actor-${slot}`, { ifAvailable: true }, lock => {
      if (!lock) return resolve(null);
      return new Promise<void>(release => resolve(release));
    }).catch(() => resolve(() => {}));
  });
}

/** Runs alone among the tabs. */
export function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request(name, work) as Promise<T> : work();
}
