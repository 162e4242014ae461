"use client";
// React: a provider that connects when the page is there, and hooks that say how far that is.
import { createContext, createElement, useContext, useEffect, useRef, useState, useSyncExternalStore } from "react";
import type { FunctionComponent, HTMLAttributes, ReactNode, Ref } from "react";
import { connect, EvercartError, type Cart, type Options, type Status, type View } from "./index.js";
import type { EverCart, EverCartAttributes } from "./element.js";

/** What `useCart` says: not yet, in vain, or a cart with what it shows. */
export type CartState =
  | { state: "loading"; cart?: undefined; view?: undefined; status?: undefined; error?: undefined; retry?: undefined }
  | {
      state: "failed"; cart?: undefined; view?: undefined; status?: undefined;
      /** Why: the Wasm is not there, say. */
      error: EvercartError;
      /** Tries to connect again. */
      retry: () => void;
    }
  | { state: "ready"; cart: Cart; view: View; status: Status; error?: undefined; retry?: undefined };

const LOADING: CartState = { state: "loading" };

/** A cart that may be there later, as a store that React can read. */
class Held {
  private state: CartState = LOADING;
  private readers = new Set<() => void>();
  private ends: (() => void)[] = [];
  private opened: Cart | Promise<Cart> | undefined;
  private turn = 0;
  /** `open` opens it for this alone, which closes it. */
  constructor(private open: (() => Promise<Cart>) | undefined, private given?: Cart | Promise<Cart>) {}

  read = (): CartState => this.state;
  subscribe = (reader: () => void): (() => void) => {
    this.readers.add(reader);
    if (this.readers.size === 1) void this.begin();
    return () => { if (this.readers.delete(reader) && !this.readers.size) this.leave(); };
  };

  /** Nobody needs it any more. */
  close(): void {
    if (this.open) void Promise.resolve(this.opened).then(cart => cart?.close(), () => {});
    this.opened = undefined;
    this.state = LOADING;
  }

  private async begin(): Promise<void> {
    const turn = ++this.turn;
    try {
      const cart = await (this.opened ??= this.open ? this.open() : this.given);
      if (turn !== this.turn || !cart) return;
      const show = () => this.tell({ state: "ready", cart, view: cart.view, status: cart.status });
      this.ends = [cart.subscribe(show), cart.subscribeStatus(show)];
      show();
    } catch (thrown) {
      if (turn !== this.turn) return;
      this.opened = undefined;
      const error = thrown instanceof EvercartError ? thrown : new EvercartError({ code: "failed", status: 0, detail: String(thrown) });
      this.tell({ state: "failed", error, retry: () => { this.tell(LOADING); void this.begin(); } });
    }
  }

  private leave(): void {
    this.turn++;
    this.ends.splice(0).forEach(end => end());
  }

  private tell(state: CartState): void {
    this.state = state;
    for (const reader of [...this.readers]) reader();
  }
}

const Here = createContext<Held | null>(null);

/** What a provider takes: what `connect` takes, or a cart (or its promise) that somebody else has opened. */
export type EvercartProviderProps = Options & { cart?: Cart | Promise<Cart>; children?: ReactNode };

/** Opens a cart when it is on a page, closes it when it goes. On a server, and until then, the cart is `loading`. Options are
 * read once; give it another `key` to open another cart. A cart that it was given it does not close. */
export const EvercartProvider: FunctionComponent<EvercartProviderProps> = ({ cart, children, ...options }) => {
  const [held] = useState(() => new Held(cart ? undefined : () => connect(options), cart));
  const going = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    // In strict mode it comes, goes and comes again at once: that is one coming.
    clearTimeout(going.current);
    const leave = held.subscribe(() => {});
    return () => { going.current = setTimeout(() => { leave(); held.close(); }); };
  }, [held]);
  return createElement(Here.Provider, { value: held }, children);
};

const known = new WeakMap<object, Held>();

function held_of(cart: Cart | Promise<Cart>): Held {
  let held = known.get(cart);
  if (!held) known.set(cart, held = new Held(undefined, cart));
  return held;
}

/** The cart of the provider around, or one that is given (or its promise): loading, failed, or ready with what it shows. */
export function useCart(cart?: Cart | Promise<Cart>): CartState {
  const around = useContext(Here), held = cart ? held_of(cart) : around;
  if (!held) throw new Error("useCart: there is no <EvercartProvider> around, and no cart was given");
  return useSyncExternalStore(held.subscribe, held.read, () => LOADING);
}

/** `<ever-cart>` in JSX; `evercart/element` defines it. */
export interface EverCartProps extends EverCartAttributes, HTMLAttributes<EverCart> {
  ref?: Ref<EverCart>;
  class?: string;
  onconnected?: (event: CustomEvent<Cart>) => void;
  onchanged?: (event: CustomEvent<View>) => void;
  onrefused?: (event: CustomEvent<EvercartError>) => void;
  onfailed?: (event: CustomEvent<EvercartError>) => void;
}
declare module "react" {
  namespace JSX { interface IntrinsicElements { "ever-cart": EverCartProps } }
}
