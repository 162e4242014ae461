import { Replica } from "../gen/cart_client.js";
import { invalid, notes, wording } from "./commands.js";
import { Do, each, payloads, said, text, varint } from "./effects.js";
import { DEADLINE_MS, Http, problem } from "./http.js";
import { heed, looked } from "./place.js";
import { alone, channel, hold, pause, soon, Store, type Account, type Release, type Row } from "./store.js";
import { EvercartError, type Command, type Inspection, type Listed, type Money, type Options, type Place, type Problem, type Product, type SignedOut, type Status, type Variation, type View } from "./types.js";
import { load } from "./wasm.js";

/** How often a page looks at its clock; of so many times once, if somebody looks at it, it pings its socket, or, while
 * there is none, asks. A gap of several is sleep, or a clock that was set. */
const BEAT_MS = 5_000, BEATS = 6, GAP_MS = 3 * BEAT_MS;
/** How long a service has to go on answering until nothing that failed before counts. */
const STEADY_MS = 10_000;
/** One message each so many milliseconds, and so many at once: less than the service takes in. */
const PACE_MS = 100, AT_ONCE_MS = 20 * PACE_MS;
const BACKOFF_MS = 500, BACKOFF_MAX_MS = 30_000;
/** How often what waits for a cart to settle is asked again, and after how long. */
const SETTLING_TRIES = 5, SETTLING_MS = 1_000;
/** How long a sign-out waits for what was not sent, and for the service to know of it. */
const LAST_MS = 2_000, LOOK_MS = 50;
/** What tells the other tabs that the device was signed out. */
const SIGNED_OUT = "signed out";
/** Nothing can arrive any more: the session was signed out, or the cart erased. */
const OVER = ["session_ended", "cart_not_found"];
/** How long an edit waits for the catalog. */
const ASK_MS = 2_000;
const SOCKET = "evercart.v1";
const ANSWER = 1, REFUSAL = 2;
/** The first byte of what is stored, in the latest format that is read. */
const AT_REST = 1;

/** Opens the cart: the stored one at once, also offline; the service is asked meanwhile. On a server it is in memory. */
export async function connect(options: Options = {}): Promise<Cart> {
  await load(options.wasm);
  return Cart.open(options);
}

/** A cart in a page: edited at once, stored, and kept equal with the service's. */
export class Cart {
  #replica!: Replica;
  #account: Account | undefined;
  #slot = "";
  #release: Release = async () => {};
  #channel: BroadcastChannel | undefined;
  /** All tabs of this device, whatever they show. */
  #device: BroadcastChannel | undefined;
  #http: Http;
  #socket: WebSocket | undefined;
  #opening = false;
  #closed = false;
  /** What hinders asking until something is done about it. */
  #stopped = false;
  #reachable = true;
  #attempts = 0;
  #sockets: boolean;
  #linked = false;
  #saved: Promise<boolean> = Promise.resolve(true);
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Until when an answer has to come, and a pong. */
  #waits: ReturnType<typeof setTimeout> | undefined;
  #pongs: ReturnType<typeof setTimeout> | undefined;
  #beat: ReturnType<typeof setInterval> | undefined;
  #asking: string | undefined;
  #error: Problem | null = null;
  #seen!: View;
  #told!: Status;
  #viewers = new Set<(view: View) => void>();
  #watchers = new Set<(status: Status) => void>();
  #waiting: { done: () => boolean; resolve: () => void; reject: (error: unknown) => void }[] = [];
  /** The service says that this cart was put into another. */
  #merged = false;
  /** Changes with each cart shown: what was begun for another is dropped. */
  #era = 0;
  /** Changes with each way to the service that ends: what was sent on it has no answer. */
  #way = 0;

  #options: Options;
  #store: Store;

  private constructor(options: Options, store: Store) {
    this.#options = options;
    this.#store = store;
    const url = (options.url ?? globalThis.location?.origin ?? "").replace(/\/$/, "");
    this.#http = new Http(url, options.region, () => this.#isReachable());
    this.#http.onToken = (token, old) => this.#renewed(token, old);
    this.#store.onChange = () => this.#changed();
    this.#store.onLate = () => void this.#late().catch(() => {});
    this.#sockets = sockets(options);
  }

  /** @internal */
  static async open(options: Options): Promise<Cart> {
    const cart = new Cart(options, await Store.open(options.storage ?? "evercart"));
    cart.#account = cart.#chosen(await cart.#store.account());
    await cart.#show(cart.#account);
    cart.#device = channel(`evercart-device-${options.storage ?? ""}`);
    if (cart.#device) cart.#device.onmessage = ({ data }) => { if (data === SIGNED_OUT) void cart.#leave(); };
    heed(true, cart.#heeds);
    [cart.#beatAt, cart.#beat] = [cart.#now(), setInterval(cart.#tick, BEAT_MS)];
    if (cart.#http.url) cart.#wake();
    else { cart.#error = { code: "url_missing", status: 0, detail: "here is no page whose origin could be asked: give connect a url" }; cart.#stop(); }
    return cart;
  }

  /** What is shown now: another object after each change. */
  get view(): View { return this.#seen; }
  /** How it stands with the service. */
  get status(): Status { return this.#told; }

  /** Calls with the view after each change; the result ends that. */
  subscribe(viewer: (view: View) => void): () => void {
    this.#viewers.add(viewer);
    return () => void this.#viewers.delete(viewer);
  }

  /** The same for the status. */
  subscribeStatus(watcher: (status: Status) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  // Each edit is shown at once. Its promise is kept when it is stored here, or, where that fails, when the service
  // has it; it is broken if the edit is refused.
  async add(sku: string, quantity = 1, variation: Variation = {}): Promise<View> {
    const { variant, customization, product } = variation ?? {};
    if (product && !this.#closed) this.#learn(sku, product.title, product.unit_price);
    return this.commands([{ op: "add", sku, quantity, variant: variant ?? null, customization: customization ?? null }]);
  }
  setQuantity(line_id: string, quantity: number, at: Place = "cart"): Promise<View> {
    return this.commands([{ op: "set", line_id, quantity, in: at }]);
  }
  increment(line_id: string, quantity = 1, at: Place = "cart"): Promise<View> {
    return this.commands([{ op: "increment", line_id, quantity, in: at }]);
  }
  decrement(line_id: string, quantity = 1, at: Place = "cart"): Promise<View> {
    return this.commands([{ op: "decrement", line_id, quantity, in: at }]);
  }
  remove(line_id: string, at: Place = "cart"): Promise<View> { return this.commands([{ op: "remove", line_id, in: at }]); }
  save(line_id: string): Promise<View> { return this.commands([{ op: "move", line_id, location: "saved" }]); }
  moveToCart(line_id: string): Promise<View> { return this.commands([{ op: "move", line_id, location: "cart" }]); }
  clear(): Promise<View> { return this.commands([{ op: "clear" }]); }
  applyCoupon(code: string): Promise<View> { return this.commands([{ op: "apply_coupon", code }]); }
  removeCoupon(code: string): Promise<View> { return this.commands([{ op: "remove_coupon", code }]); }
  setNote(note: string | null): Promise<View> { return this.commands([{ op: "update", note }]); }

  /** Several commands, all or none. */
  async commands(commands: Command[]): Promise<View> {
    this.#mayEdit();
    if (!Array.isArray(commands)) throw invalid("commands", "use a list of commands");
    const all = commands.map(command => { const made = notes(command); return [command.op, made] as const; }), leaves = this.#leaves;
    const asked = this.#ask(commands.flatMap(command => command.op === "add" ? [command.sku] : []));
    if (asked) {
      await asked;
      this.#mayEdit();
      if (leaves !== this.#leaves) throw new EvercartError({ code: "session_ended", status: 401, detail: "signed out meanwhile" });
    }
    for (const [op, made] of all) {
      for (const [name, quantity, at, variant, details] of made) {
        const refused = this.#replica.note(op, name, quantity, at === "saved", variant, details);
        if (refused) throw new EvercartError(said(refused));
      }
    }
    return this.#made(this.#replica.commit(this.#now()));
  }

  /** Asks the catalog for products that this page does not know; what is edited meanwhile comes after that. Without an
   * answer they are taken in, and it is said once they are known. */
  #ask(skus: string[]): Promise<unknown> | undefined {
    const unknown = [...new Set(skus)].filter(sku => !this.#catalog.has(sku));
    if (!this.#linked) unknown.forEach(sku => this.#unasked.add(sku));
    const before = this.#inquiry?.catch(() => {});
    if (!this.#linked || !unknown.length) return before;
    const one = async (sku: string) => {
      try {
        const { title, unit_price } = await this.#http.json<Product>("GET", `/v1/products/${encodeURIComponent(sku)}`, null);
        if (!this.#closed) this.#learn(sku, title, unit_price);
      } catch (error) {
        if ((error as EvercartError).status === 404) throw new EvercartError(unknown_sku(sku));
        this.#unasked.add(sku);
      }
    };
    const turn = Promise.all([before, Promise.race([Promise.all(unknown.map(one)), pause(ASK_MS)])]);
    const over = () => { if (this.#inquiry === turn) this.#inquiry = undefined; };
    turn.then(over, over);
    return this.#inquiry = turn;
  }
  #inquiry: Promise<unknown> | undefined;
  /** Products that the catalog has, and those that it was not asked for. */
  #catalog = new Set<string>();
  #unasked = new Set<string>();

  /** Takes in what a product is called and costs. */
  #learn(sku: string, title: string | null, price: Money | null): void {
    if (title) this.#catalog.add(sku);
    this.#replica.product(sku, title ?? "", price?.amount_minor ?? 0, price?.currency ?? "", this.#now());
  }

  /** Adds again what the last removal took. */
  async undo(): Promise<View> {
    this.#mayEdit();
    return this.#made(this.#replica.undo(this.#now()));
  }

  /** Waits until the service has acknowledged every edit; rejected when one is refused, or none can be sent until
   * something is done about `status.lastError`. */
  settled(): Promise<void> { return this.#waitFor(() => this.#replica.pending() === 0); }

  async #waitFor(done: () => boolean): Promise<void> {
    this.#must();
    if (done()) return;
    if (this.#stopped) throw new EvercartError(this.#error!);
    return new Promise((resolve, reject) => this.#waiting.push({ done, resolve, reject }));
  }

  /** Asks the service for what is new. */
  refresh(): void { this.#must(); this.#stopped = false; this.#linked ? this.#run(this.#replica.pull(this.#now())) : this.#wake(); }

  /** Goes over to a user's session, and is done when its lines are here; what is in the guest's cart joins the user's.
   * Where both together would be too large, it stays as a second cart of this device, which `status.apart` says. */
  async signIn(how: { token: string; merge?: boolean }): Promise<View> {
    this.#must();
    const token = wording("token", how?.token), { merge = true } = how;
    // Also one that is just being made: it is not to come over the user's later.
    await this.#known();
    let cart: string | undefined, carry = false, apart: Account | undefined;
    if (merge && !this.#account!.ended && this.#account!.token !== token) {
      // A session that has ended sends nothing more; its cart may be known to the service all the same.
      await this.settled().catch(error => { if (error.status !== 401) throw error; });
      await this.#drain();
      try {
        const body = { cart_id: this.#account!.cart, token: this.#account!.token };
        const merged = () => settling(() => this.#http.json<{ cart_id: string }>("POST", "/v1/carts/current/merge", token, body));
        cart = (await this.#current(token, merged)).cart_id;
      } catch (error) {
        const { code } = error as EvercartError, old = this.#account!.cart;
        if (!["merge_cycle", "merge_too_large", "session_ended", "invalid_field"].includes(code)) throw error;
        // What does not fit into the user's cart stays beside it. One that was signed out leaves nothing to others. Of one that is too old to be merged, what it shows is
        // added by hand, unless the user's session has that very cart.
        if ((await this.#list(token)).some(({ cart_id }) => cart_id === old)) cart = old;
        else if (code === "merge_cycle") throw error;
        else if (code === "merge_too_large") apart = this.#account;
        else carry = code === "invalid_field";
      }
    }
    const others = others_of(this.#account!, apart).filter(other => other.token !== token);
    if (cart) return this.#arrive({ token, cart, ...(others.length ? { others } : {}) });
    const into = await this.#current(token, () => this.#http.json<View>("GET", "/v1/carts/current", token));
    const has = [into.note, into.currency, into.locale, into.delivery_region].flatMap((value, at) => value == null ? [] : [at + 1]);
    return this.#arrive({ token, cart: into.cart_id!, ...(others.length ? { others } : {}) }, carry ? { carry: has } : {});
  }

  /** Goes over to it, and waits until the service has said what is in it. */
  async #arrive(account: Account, how: { carry?: number[] } = {}): Promise<View> {
    await this.#go(account, how);
    await this.#waitFor(() => !this.#seen.partial);
    return this.#seen;
  }

  /** The session's carts, the newest first, then those of this device that stayed apart from them. */
  async carts(): Promise<Listed[]> {
    const { token, others = [] } = await this.#known();
    return [...await this.#list(token), ...others.map(({ cart }) => ({ cart_id: cart, current: false, apart: true as const }))];
  }

  /** Shows another cart of the session, or one that stayed apart. */
  async switchTo(cart: string): Promise<View> {
    this.#must();
    wording("cart", cart);
    const account = lasting(await this.#known()), other = account.others?.find(other => other.cart === cart);
    return this.#go(other ? { ...other, others: others_of(account, account).filter(({ token }) => token !== other.token) } : { ...account, cart });
  }

  /** Makes a new cart and shows it: in the session, or, where that was signed out elsewhere, in a new guest's. */
  async create(currency?: string): Promise<View> {
    this.#must();
    if (currency !== undefined) wording("currency", currency);
    if (this.#account?.ended?.code === "session_ended") await this.signOut();
    const account = lasting(await this.#known());
    const made = await this.#http.json<{ cart_id: string }>("POST", "/v1/carts", account.token, currency ? { currency } : {});
    return this.#go({ ...account, cart: made.cart_id });
  }

  /** Signs out. What was not sent is sent first, for two seconds at most. Then nothing of the person is left on this
   * device, in any of its tabs, and the session has ended, on every device that is in it. What is added after that is a
   * new guest's. */
  async signOut(): Promise<SignedOut> {
    this.#must();
    await this.#sendLast(Date.now() + LAST_MS);
    const slot = this.#slot, tokens = tokens_of(this.#account), others = await this.#store.forget(tokens, row => row.slot !== slot, () => true);
    this.#device?.postMessage(SIGNED_OUT);
    const dropped = (others ?? 0) + await this.#leave();
    await soon(this.#tellEnds(tokens), LAST_MS);
    if (others === null) throw new EvercartError({ code: "storage_denied", status: 0, detail: "signed out, but not all that is stored could be removed: clear the data of this site" });
    return { dropped, ended: !(await this.#store.ended()).length };
  }

  /** The token that opens the session elsewhere. */
  async token(): Promise<string> { return (await this.#known()).token; }

  /** For the lab: cuts this device off, or joins it again. */
  setOnline(online: boolean): void {
    this.#must();
    this.#reachable = online;
    online ? this.#wake() : this.#down();
  }

  /** For the lab: by how much the clock is wrong from now on. */
  setClockSkew(ms: number): void { this.#options = { ...this.#options, clockSkewMs: ms }; }

  /** Dots and digests of the replica here. */
  inspect(): Inspection { this.#must(); return JSON.parse(this.#replica.inspect()); }

  /** Ends it; what is stored stays. Waits until another may go on with that. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#unlink();
    this.#closed = true;
    clearInterval(this.#beat);
    clearTimeout(this.#timer);
    heed(false, this.#heeds);
    this.#give(new EvercartError({ code: "closed", status: 0, detail: "the cart was closed" }));
    this.#channel?.close();
    this.#device?.close();
    await this.#saved;
    this.#store.close();
    this.#replica.free();
    await this.#release();
  }

  // ---- the replica and what follows from each step

  #now = (): number => Date.now() + (this.#options.clockSkewMs ?? 0);

  #must(): void { if (this.#closed) throw new EvercartError({ code: "closed", status: 0, detail: "the cart was closed" }); }
  /** Nothing is taken in that can never arrive. */
  #mayEdit(): void { this.#must(); if (this.#account?.ended) throw new EvercartError(this.#account.ended); }

  /** Does what the effects say, in their order. */
  #run(effects: Uint8Array): Problem | null {
    let rejected: Problem | null = null;
    const era = this.#era, way = this.#way;
    for (const [kind, payload] of each(effects)) {
      switch (kind) {
        case Do.Store: {
          const row = { cart: this.#account?.cart ?? "", slot: this.#slot, bytes: payload, pending: this.#replica.pending(), token: this.#account?.token ?? "" };
          const storing = this.#store.put(row);
          this.#saved = storing;
          void storing.then(() => this.#changed());
          break;
        }
        // What goes out was stored before, or could not be.
        case Do.Send: void this.#saved.then(() => { if (way === this.#way && !this.#closed) this.#send(payload); }); break;
        case Do.Tell: void this.#saved.then(() => { if (era === this.#era && !this.#closed) this.#channel?.postMessage(payload); }); break;
        case Do.Lease: void this.#lease(); break;
        case Do.Later: this.#later(); break;
        case Do.Rejected: rejected = said(text(payload)); break;
        case Do.Refused: this.#error = said(text(payload)); this.#give(new EvercartError(this.#error)); break;
        case Do.Outside: this.#outside(said(text(payload))); break;
      }
    }
    this.#changed();
    return rejected;
  }

  async #made(effects: Uint8Array): Promise<View> {
    // Who goes on has read what was refused before.
    if (!this.#stopped) this.#error = null;
    const rejected = this.#run(effects);
    if (rejected) throw new EvercartError(rejected);
    if (!await this.#saved) {
      this.#changed();
      await this.settled();
    }
    return this.#seen;
  }

  #changed(): void {
    if (this.#closed) return;
    // A failure that has passed is none any more; a refusal stays to be read, until the next edit.
    if (this.#linked && !this.#replica.syncing() && this.#error && (this.#error.status >= 500 || this.#error.status === 429)) this.#error = null;
    const view = this.#replica.view();
    if (view !== this.#shown) {
      this.#shown = view;
      this.#seen = JSON.parse(view);
      for (const viewer of [...this.#viewers]) viewer(this.#seen);
    }
    const told: Status = {
      online: this.#linked, live: this.#linked && !!this.#socket, syncing: this.#opening || this.#replica.syncing(),
      pending: this.#replica.pending(), lastError: this.#error, storage: this.#store.fault ?? "ok", region: this.#http.region,
      apart: this.#account?.others?.map(({ cart }) => cart) ?? [], merged: this.#merged,
    };
    if (JSON.stringify(told) !== JSON.stringify(this.#told)) {
      this.#told = told;
      for (const watcher of [...this.#watchers]) watcher(told);
    }
    this.#give();
    const wanting = this.#replica.wants_products() || !this.#priced && this.#seen.lines.length + this.#seen.saved.length;
    if (this.#linked && told.pending === 0 && wanting) void this.#products();
  }
  #shown = "";

  #give(error?: unknown): void {
    this.#waiting = this.#waiting.filter(({ done, resolve, reject }) => {
      if (!error && !done()) return true;
      error ? reject(error) : resolve();
      return false;
    });
  }

  // ---- which replica

  /** Shows the account's cart with a replica instance that no other tab has: its own of before, a free one, a new one;
   * `anew`, always that. How many changes of the cart that was shown were not acknowledged. */
  async #show(account: Account | undefined, carry?: number[], anew = false): Promise<number> {
    const cart = account?.cart ?? "";
    const rows = anew ? [] : await this.#store.rows();
    const key = `evercart-slot ${this.#options.storage ?? ""}`;
    const mine = session(key);
    // What a later build has stored waits for that.
    const readable = rows.filter(row => !(row.bytes[0]! > AT_REST));
    const own = readable.filter(row => row.cart === cart || row.cart === "").sort((a, b) => +(b.slot === mine) - +(a.slot === mine));
    let stored: Uint8Array | undefined, slot = "", release: Release = async () => {};
    for (const row of own) {
      const free = await hold(row.slot);
      if (!free) continue;
      // Since it was listed its tab may have gone on.
      [slot, release, stored] = [row.slot, free, (await this.#store.row(row.cart, row.slot))?.bytes ?? row.bytes];
      break;
    }
    if (!slot) {
      slot = [...crypto.getRandomValues(new Uint8Array(8))].map(byte => byte.toString(16).padStart(2, "0")).join("");
      release = await hold(slot, true) ?? release;
    }
    const read = stored && Replica.read(stored);
    // From here on in one step: what is done until now is done, and stored, in the cart that was shown.
    const left = carry ? { cart: this.#account?.cart ?? "", slot: this.#slot, replica: this.#replica } : undefined;
    let unsent = 0;
    if (this.#replica) {
      unsent = this.#replica.pending();
      this.#unlink();
      if (!left) this.#give(new EvercartError({ code: "closed", status: 0, detail: "another cart is shown" }));
      void this.#saved.then(this.#release);
      if (!left) this.#replica.free();
    }
    this.#era++;
    session(key, slot);
    [this.#account, this.#slot, this.#release, this.#stopped, this.#error, this.#attempts] = [account, slot, release, false, account?.ended ?? null, 0];
    this.#priced = this.#merged = false;
    this.#sockets = sockets(this.#options);
    if (stored && !read) this.#error = { code: "storage_damaged", status: 0, detail: "what was stored here cannot be read; the cart is fetched anew" };
    this.#replica = read || new Replica(this.#options.currency ?? "USD", slot, this.#now());
    for (const row of rows) if (row.slot !== this.#slot && row.cart === cart) this.#replica.found(row.bytes, this.#now());
    this.#listen(cart);
    if (left) {
      this.#error = this.#run(this.#replica.carry(left.replica, Uint8Array.from(carry!), this.#now()));
      left.replica.free();
      // It is now in what was stored here.
      if (!this.#error) void this.#saved.then(stored => { if (stored) void this.#store.remove(left.cart, left.slot); });
    }
    this.#changed();
    return unsent;
  }

  /** Goes on as nobody: what this tab had is here no more, nor in what is stored. How many changes were not sent. */
  #leave(): Promise<number> {
    const left = this.#going.then(async () => {
      if (this.#closed) return 0;
      const account = this.#account, slot = this.#slot, { token: _, ...options } = this.#options;
      this.#options = options;
      this.#leaves++;
      const unsent = await this.#show(undefined, undefined, true);
      const mine = (row: Row) => row.slot === slot || !!account && (row.cart === account.cart || row.token === account.token);
      await this.#store.forget(tokens_of(account), row => row.slot !== this.#slot && mine(row), stored => stored.token === account?.token);
      this.#wake();
      return unsent;
    });
    this.#going = left.catch(() => {});
    return left;
  }
  /** Changes with each sign-out. */
  #leaves = 0;

  /** Waits until nothing that this device has stored is unsent, where it can be sent, and not for long. */
  async #sendLast(until: number): Promise<void> {
    const may = () => Date.now() < until && this.#isReachable() && globalThis.navigator?.onLine !== false && !this.#stopped;
    if (may()) await soon(this.settled(), until - Date.now());
    while (may() && this.#account?.cart && (await this.#store.rows()).some(({ pending }) => pending)) {
      await soon(this.#drain(), until - Date.now());
      await pause(LOOK_MS);
    }
  }

  /** Tells the service which sessions have ended. */
  async #tellEnds(tokens?: string[]): Promise<void> {
    for (const token of tokens ?? await this.#store.ended()) {
      const told = await this.#http.ask("DELETE", "/v1/sessions/current", token).then(() => true, ({ status }) => status === 401);
      if (told) await this.#store.told(token);
    }
  }

  /** The account that is stored, unless the page has named another. */
  #chosen(stored: Account | undefined): Account | undefined {
    const { token } = this.#options;
    return !token || token === stored?.token || token === stored?.given ? stored : { token, cart: "" };
  }

  /** What is stored can be read after all: what was done meanwhile joins it. */
  #late(): Promise<unknown> {
    return this.#alone(async () => {
      const stored = await this.#store.account(), chosen = this.#chosen(stored);
      if (this.#closed || !this.#seen) return;
      if (stored && chosen === stored && stored.token !== this.#account?.token) return this.#go(stored, { tell: false, carry: [] });
      if (this.#account?.cart) await this.#store.setAccount(this.#account);
      await this.#store.put({ cart: this.#account?.cart ?? "", slot: this.#slot, bytes: this.#replica.bytes(), pending: this.#replica.pending(), token: this.#account?.token ?? "" });
      this.#changed();
    });
  }

  /** Another tab went over to another cart. */
  async #follow(account: Account): Promise<void> {
    if (!this.#closed && account?.token && account.cart !== this.#account?.cart) await this.#go(account, { tell: false });
  }

  #go(account: Account, how: { tell?: boolean; carry?: number[] } = {}): Promise<View> {
    const gone = this.#going.then(() => this.#goOver(account, how));
    this.#going = gone.catch(() => {});
    return gone;
  }
  #going: Promise<unknown> = Promise.resolve();

  /** One after the other, since each holds a lock of its own. */
  async #goOver(account: Account, { tell = true, carry }: { tell?: boolean; carry?: number[] }): Promise<View> {
    this.#must();
    // What could not be stored is here only; where nothing can be sent, there is no use in waiting.
    if (!await this.#saved && !carry) await this.settled().catch(error => { if (!this.#stopped) throw error; });
    if (tell) this.#channel?.postMessage(account);
    await this.#show(account, carry);
    if (tell) await this.#store.setAccount(account);
    this.#wake();
    return this.#seen;
  }

  async #keep(account: Account): Promise<void> {
    this.#account = account;
    await this.#store.setAccount(account);
  }

  /** Takes a renewed token in place of the one before, unless another session is in use meanwhile. */
  #renewed(token: string, old: string): void {
    if (this.#account?.token !== old) return;
    this.#account = { ...this.#account, token };
    void this.#store.amend(old, { token });
  }

  /** The account: a new guest's if there is none. One tab makes it, the others find it. */
  async #known(): Promise<Account> {
    this.#must();
    if (this.#account?.cart) return this.#account;
    return this.#knowing ??= this.#alone(async () => {
      if (this.#account?.cart) return this.#account;
      const stored = this.#options.token ? undefined : await this.#store.account();
      if (stored) return this.#account = stored;
      const token = this.#options.token;
      if (token) {
        const { cart_id } = await this.#current(token, () => this.#http.json<{ cart_id: string }>("GET", "/v1/carts/current", token));
        await this.#keep({ token, cart: cart_id, given: token });
      } else {
        await this.#keep(await this.#guest());
      }
      return this.#account!;
    }).finally(() => { this.#knowing = undefined; });
  }
  #knowing: Promise<Account> | undefined;

  /** Runs alone among the tabs that share the account. */
  #alone<T>(work: () => Promise<T>): Promise<T> { return alone(`evercart-account-${this.#options.storage ?? ""}`, work); }

  async #guest(): Promise<Account> {
    const { token, cart_id: cart } = await this.#http.json<{ token: string; cart_id: string }>("POST", "/v1/sessions", null, {});
    return { token, cart, guest: true };
  }

  /** A guest's session that has ended is followed by a new one, in whose cart is what was shown. One tab makes it. */
  #restart(ended: Account): Promise<unknown> {
    return this.#alone(async () => {
      if (this.#account?.token !== ended.token) return;
      const stored = await this.#store.account();
      if (stored && stored.token !== ended.token) await this.#go(stored, { tell: false });
      else await this.#go({ ...await this.#guest(), ...(ended.others ? { others: ended.others } : {}) }, { carry: [] });
    });
  }

  async #list(token: string): Promise<Listed[]> {
    const all: Listed[] = [];
    for (let cursor: string | null | undefined = ""; cursor !== null && cursor !== undefined;) {
      const page: { carts: Listed[]; next_cursor?: string | null } = await this.#http.json("GET", `/v1/carts${cursor && `?cursor=${encodeURIComponent(cursor)}`}`, token);
      all.push(...page.carts);
      cursor = page.next_cursor;
    }
    return all;
  }

  /** Asks of the current cart; makes one where the session has none. */
  async #current<T>(token: string, ask: () => Promise<T>): Promise<T> {
    try { return await ask(); } catch (error) {
      if ((error as EvercartError).code !== "cart_not_found") throw error;
      await this.#http.ask("POST", "/v1/carts", token, {});
      return ask();
    }
  }

  async #lease(): Promise<void> {
    const era = this.#era;
    try {
      const { token, cart } = await this.#known();
      const { actor } = await this.#http.json<{ actor: string }>("POST", `/v1/carts/${cart}/actors`, token, {});
      if (era !== this.#era || this.#closed) return;
      // In one step: what tabs without a cart still tell would never be taken back here.
      const effects = this.#replica.leased(cart, actor, this.#now());
      this.#listen(cart);
      this.#run(effects);
    } catch (error) { if (era === this.#era) this.#failed(error); }
  }

  /** The tabs with the same cart reach each other under its name. */
  #listen(cart: string): void {
    const name = `${this.#options.storage ?? "evercart"} ${cart}`;
    if (this.#channel?.name === name) return;
    this.#channel?.close();
    this.#channel = undefined;
    // Before a cart is known those tabs come to one that find the account of each other.
    if (!cart && (this.#account || this.#store.fault)) return;
    this.#channel = channel(name);
    if (!this.#channel) return;
    this.#channel.onmessage = ({ data }) => { data instanceof Uint8Array ? this.#run(this.#replica.heard(data, this.#now())) : void this.#follow(data); };
    this.#channel.postMessage(Replica.hello());
  }

  // ---- the way to the service

  #isReachable(): boolean { return this.#reachable && !this.#closed; }

  #wake = (): void => {
    if (this.#linked) {
      if (!looked()) return;
      // It may be dead, and nobody has said so.
      if (this.#socket) return this.#ping();
      // Without a socket a page that is looked at asks anew, and tries whether there is one by now.
      if (!this.#sockets) return void this.#run(this.#replica.pull(this.#now()));
      this.#unlink();
    }
    if (this.#stopped || !this.#isReachable()) return;
    clearTimeout(this.#timer);
    void this.#link();
  };

  #down = (): void => { this.#unlink(); this.#changed(); };
  #hide = (event: PageTransitionEvent): void => { if (!event.persisted) void this.close(); else this.#down(); };
  #heeds = { online: this.#wake, offline: this.#down, pagehide: this.#hide, pageshow: this.#wake };

  #tick = (): void => {
    const now = this.#now(), passed = now - this.#beatAt, seenAt = this.#seenAt;
    const seen = this.#seenAt = looked();
    this.#beatAt = now;
    // What was known of the line and of the time need not be so any more. Pages that nobody looks at are called rarely.
    if (passed < 0 || passed > GAP_MS && seenAt) { this.#down(); return this.#wake(); }
    if (!seen || !this.#linked || ++this.#beats % BEATS) return;
    // Prices that the service did not know then are asked for again.
    this.#changed();
    if (this.#socket) void this.#drain();
    this.#wake();
  };
  #beats = 0;
  #beatAt = 0;
  #seenAt = true;

  async #link(): Promise<void> {
    if (this.#opening || this.#linked) return;
    this.#opening = true;
    void this.#tellEnds();
    const era = this.#era;
    try {
      const { token, cart } = await this.#known();
      if (era !== this.#era || !this.#isReachable()) return;
      const pass = this.#sockets && await this.#pass(token, cart), opened = !!pass && await this.#live(pass, cart);
      if (era !== this.#era || !this.#isReachable()) return;
      this.#linked = true;
      // Whatever a socket was refused for, a request is told.
      this.#run(this.#replica.opened(opened, this.#now()));
      this.#stuck.clear();
      void this.#drain();
    } catch (error) { if (era === this.#era) this.#failed(error); } finally {
      this.#opening = false;
      this.#changed();
      if (era !== this.#era) this.#wake();
    }
  }

  /** What opens a socket, which no header can: a ticket, since what is said instead of one may be logged on the way. */
  async #pass(token: string, cart: string): Promise<string | undefined> {
    try {
      const { ticket } = await this.#http.json<{ ticket: string | null }>("POST", `/v1/carts/${cart}/live`, token, {});
      if (ticket) return `ticket.${ticket}`;
      // What is done here goes where this cart went; what others do there it does not have.
      this.#merged = true;
    } catch (error) {
      // A service of before.
      if ((error as EvercartError).code !== "method_not_allowed") throw error;
      return `token.${token}`;
    }
  }

  #live(pass: string, cart: string): Promise<boolean> {
    const era = this.#era;
    return new Promise(resolve => {
      const url = new URL(`/v1/carts/${cart}/live`, this.#http.url);
      url.protocol = url.protocol.replace("http", "ws");
      if (this.#options.region) url.searchParams.set("region", this.#options.region);
      const socket = new WebSocket(url, [SOCKET, pass]);
      socket.binaryType = "arraybuffer";
      const deadline = setTimeout(() => socket.close(), DEADLINE_MS);
      socket.onopen = () => {
        clearTimeout(deadline);
        // Cut off, closed or another cart's meanwhile: nothing is to come in by it.
        if (!this.#isReachable() || era !== this.#era) return socket.close();
        this.#socket = socket;
        resolve(true);
      };
      socket.onmessage = ({ data }) => {
        if (this.#socket === socket) clearTimeout(this.#pongs);
        if (typeof data === "string" || this.#socket !== socket) return;
        const bytes = new Uint8Array(data as ArrayBuffer);
        // What others have done is no answer.
        if (bytes[0] === ANSWER || bytes[0] === REFUSAL) clearTimeout(this.#waits);
        if (bytes[0] !== REFUSAL) this.#lives();
        this.#run(bytes[0] === REFUSAL ? this.#refusal(bytes) : this.#replica.message(bytes, this.#now()));
      };
      socket.onclose = ({ code }) => {
        clearTimeout(deadline);
        resolve(false);
        if (this.#socket !== socket) return;
        this.#unlink();
        this.#changed();
        if (code === 4001) void this.#renew();
        else { if (code === 4009) this.#sockets = false; this.#later(); }
      };
    });
  }

  #refusal(bytes: Uint8Array): Uint8Array {
    const [seq, at] = varint(bytes, 1);
    const { status, code, detail } = problem(0, text(bytes.subarray(at)));
    // One that is about the changes is an answer; that it cannot serve now is none.
    if (status < 500 && (status !== 429 || code === "cart_busy")) this.#since ??= performance.now();
    return this.#replica.refusal(seq, status, code, detail, this.#now());
  }

  /** No word in time: the socket is taken for dead. */
  #expect(): ReturnType<typeof setTimeout> { return setTimeout(() => this.#later(), DEADLINE_MS); }

  #ping(): void {
    this.#socket!.send("ping");
    clearTimeout(this.#pongs);
    this.#pongs = this.#expect();
  }

  /** Sends it, in its turn: what is edited until it is answered goes with the next. */
  #send(message: Uint8Array): void {
    const now = performance.now(), way = this.#way;
    this.#turn = Math.max(this.#turn, now) + PACE_MS;
    const wait = this.#turn - now - AT_ONCE_MS;
    if (wait > 0) setTimeout(() => { if (way === this.#way && !this.#closed) this.#sendNow(message); }, wait);
    else this.#sendNow(message);
  }
  #turn = 0;

  #sendNow(message: Uint8Array): void {
    if (!this.#socket) return void this.#single(message);
    this.#socket.send(message as Uint8Array<ArrayBuffer>);
    this.#waits = this.#expect();
  }

  async #single(body: Uint8Array): Promise<void> {
    const way = this.#way;
    try {
      const { token, cart } = await this.#known();
      const response = await this.#http.ask("POST", `/v1/carts/${cart}/sync`, token, body);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (way !== this.#way || this.#closed) return;
      this.#lives();
      this.#run(this.#replica.answer(bytes, this.#now()));
    } catch (error) {
      if (way !== this.#way || this.#closed) return;
      const { status, code, detail } = error as EvercartError;
      if (status) this.#run(this.#replica.refusal(0, status, code, detail, this.#now()));
      else this.#failed(error);
    }
  }

  /** The service has answered for the cart. */
  #lives(): void {
    this.#since ??= performance.now();
    if (!this.#account?.ended) return;
    [this.#account, this.#error] = [lasting(this.#account), null];
    void this.#store.amend(this.#account.token, { ended: undefined }, this.#account.cart);
  }

  /** When this way to the service has brought its first answer. */
  #since: number | undefined;

  #unlink(): void {
    const socket = this.#socket;
    if (this.#since !== undefined && performance.now() - this.#since >= STEADY_MS) this.#attempts = 0;
    this.#since = undefined;
    this.#way++;
    this.#socket = undefined;
    this.#linked = false;
    clearTimeout(this.#waits);
    clearTimeout(this.#pongs);
    socket?.close();
    this.#replica.closed(this.#now());
  }

  /** Again after a while: anywhere between nothing and a bound that doubles (full jitter). */
  #later(): void {
    if (this.#stopped || this.#closed) return;
    clearTimeout(this.#timer);
    this.#unlink();
    const bound = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** this.#attempts++);
    this.#timer = setTimeout(this.#wake, Math.random() * bound);
    this.#changed();
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    // An answer may break off in its middle: that has no status either.
    const { code, status = 0, detail } = error as EvercartError;
    if (status >= 400 && status < 500 && status !== 429) this.#outside({ code, status, detail });
    else { if (status) this.#error = { code, status, detail }; this.#later(); }
  }

  /** What is not about the changes. */
  #outside(problem: Problem): void {
    this.#unlink();
    if (problem.code === "session_expired" || problem.code === "session_lapsed") return void this.#renew();
    this.#error = problem;
    if (problem.status < 400 || problem.status >= 500 || problem.status === 429) return;
    if (problem.code === "malformed_delta") this.#error = { ...problem, code: "client_too_old", detail: `${problem.detail}; reload the page` };
    this.#stop();
  }

  /** Nothing is asked until something is done about the error. */
  #stop(): void {
    this.#stopped = true;
    if (this.#account?.cart && OVER.includes(this.#error!.code)) {
      this.#account = { ...this.#account, ended: this.#error! };
      void this.#store.amend(this.#account.token, { ended: this.#error! }, this.#account.cart);
    }
    this.#give(new EvercartError(this.#error!));
    this.#changed();
  }

  async #renew(): Promise<void> {
    const era = this.#era;
    try {
      const { token } = await this.#known();
      const renewed = await this.#http.json<{ token: string }>("POST", "/v1/sessions/renew", token, {});
      if (era !== this.#era) return;
      this.#renewed(renewed.token, token);
      this.#wake();
    } catch (error) {
      if (era !== this.#era) return;
      const { code, status, detail } = error as EvercartError;
      if (!status || status >= 500 || status === 429) return this.#later();
      if (code === "session_lapsed" && this.#account?.guest) return void this.#restart(this.#account).catch(error => this.#failed(error));
      this.#error = { code, status, detail };
      this.#stop();
    }
  }

  /** Names and prices: from the service's view, once after the cart is opened, and for each state that has something
   * new. */
  async #products(): Promise<void> {
    if (this.#asking === this.#shown) return;
    this.#asking = this.#shown;
    try {
      const { token, cart } = await this.#known();
      const era = this.#era;
      const view = await this.#http.json<View>("GET", `/v1/carts/${cart}`, token);
      if (era !== this.#era || this.#closed) return;
      this.#replica.priced_in(view.currency);
      let all = true;
      for (const { sku, title, unit_price: price, problem } of [...view.lines, ...view.saved]) {
        // Of what the service could not look up nothing is known, which is not to say that it is not for sale.
        if (problem === "price_unavailable") all = false;
        else {
          this.#learn(sku, title, price);
          // What was added offline is not in the catalog.
          if (this.#unasked.delete(sku) && !title) this.#error ??= unknown_sku(sku);
        }
      }
      this.#priced = true;
      this.#changed();
      // With what happens next it is asked again.
      if (!all) this.#asking = undefined;
    } catch { this.#asking = undefined; }
  }
  #priced = false;

  /** Sends what tabs that are gone had not sent, each under its own actor, and drops what they need no more. */
  async #drain(): Promise<void> {
    const account = this.#account!;
    for (const { cart, slot } of (await this.#store.rows()).filter(row => row.slot !== this.#slot && !this.#stuck.has(row.slot))) {
      const release = await hold(slot);
      if (!release) continue;
      try {
        const row = await this.#store.row(cart, slot);
        if (row?.pending) await this.#finish(row, account);
        // Of a cart of this session that is not shown now, it is shown from here without the service.
        else if (row && (cart === account.cart || row.token !== account.token)) await this.#store.remove(cart, slot);
      } catch { this.#stuck.add(slot); } finally { void release(); }
    }
  }
  /** What could not be sent, until there is another way to the service. */
  #stuck = new Set<string>();

  /** Sends what a tab that is gone had not sent; what it did before any cart was known is done in this one. */
  async #finish(row: Row, account: Account): Promise<void> {
    const gone = Replica.read(row.bytes), leaves = this.#leaves;
    if (!gone) return;
    // A sign-out meanwhile has removed it.
    const keep = async (kept: Row) => { if (leaves !== this.#leaves) throw new Error(SIGNED_OUT); await this.#store.put(kept); };
    try {
      const cart = row.cart || account.cart;
      let effects = gone.opened(false, this.#now());
      let token = cart === account.cart ? account.token : row.token;
      // Each of them may be refused by itself.
      for (let turns = 8 + 2 * row.pending; turns > 0; turns--) {
        const [send] = payloads(effects, Do.Send);
        if (!send && !payloads(effects, Do.Lease).length) break;
        await keep({ cart, slot: row.slot, token, bytes: gone.bytes(), pending: row.pending });
        try {
          effects = send
            ? gone.answer(new Uint8Array(await (await this.#http.ask("POST", `/v1/carts/${cart}/sync`, token, send)).arrayBuffer()), this.#now())
            : gone.leased(cart, (await this.#http.json<{ actor: string }>("POST", `/v1/carts/${cart}/actors`, token, {})).actor, this.#now());
        } catch (error) {
          const { code, status, detail } = error as EvercartError;
          // It can never arrive. Of the cart that is shown it is shown, and goes with that.
          if (OVER.includes(code) && row.cart && cart !== this.#account?.cart) return void await this.#store.remove(cart, row.slot);
          // Then the same again.
          if (code === "session_expired") token = (await this.#http.json<{ token: string }>("POST", "/v1/sessions/renew", token, {})).token;
          else if (send && status) effects = gone.refusal(0, status, code, detail, this.#now());
          else throw error;
        }
        const [refused] = payloads(effects, Do.Refused);
        if (refused) this.#error = said(text(refused));
        await keep({ cart, slot: row.slot, token, bytes: gone.bytes(), pending: gone.pending() });
        if (cart !== this.#account?.cart || this.#closed) continue;
        for (const told of payloads(effects, Do.Tell)) {
          this.#channel?.postMessage(told);
          this.#run(this.#replica.heard(told, this.#now()));
        }
        this.#run(this.#replica.found(gone.bytes(), this.#now()));
      }
    } finally { gone.free(); }
  }
}

/** The accounts of this device beside one that is gone over to: those there were, and `apart`, if it stays. */
function others_of({ others = [] }: Account, apart: Account | undefined): Account[] {
  if (!apart) return others;
  const { others: _, given: __, ...stays } = apart;
  return [stays, ...others];
}

/** The account for another cart: that the one of before has ended is not said of it. */
function lasting({ ended: _, ...account }: Account): Account { return account; }

/** The tokens of an account and of those beside it. */
function tokens_of(account: Account | undefined): string[] {
  return account ? [account, ...account.others ?? []].map(({ token }) => token) : [];
}

const unknown_sku = (sku: string): Problem => ({ status: 422, code: "unknown_sku", detail: `the catalog has no product ${sku}` });

/** What this tab remembers, where it may. */
function session(key: string, value?: string): string | null {
  try {
    if (value) sessionStorage.setItem(key, value);
    return sessionStorage.getItem(key);
  } catch { return null; }
}

/** Whether there is to be a socket. */
const sockets = ({ live = true }: Options): boolean => live && typeof WebSocket !== "undefined";

/** Asks again for some seconds while a cart is being put together. */
async function settling<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try { return await ask(); } catch (error) {
      if ((error as EvercartError).code !== "cart_settling" || tries === SETTLING_TRIES) throw error;
    }
    await pause(SETTLING_MS);
  }
}
