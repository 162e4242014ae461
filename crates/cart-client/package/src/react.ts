// React hooks: the view and the status of a cart, rendered again when they change.
import { useCallback, useSyncExternalStore } from "react";
import type { Cart, Status, View } from "./index.js";

/** What the cart shows. */
export function useCart(cart: Cart): View {
  const subscribe = useCallback((changed: () => void) => cart.subscribe(changed), [cart]);
  const view = useCallback(() => cart.view, [cart]);
  return useSyncExternalStore(subscribe, view, view);
}

/** How it stands with the service and the storage. */
export function useCartStatus(cart: Cart): Status {
  const subscribe = useCallback((changed: () => void) => cart.subscribeStatus(changed), [cart]);
  const status = useCallback(() => cart.status, [cart]);
  return useSyncExternalStore(subscribe, status, status);
}
