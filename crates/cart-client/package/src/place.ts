// Where a cart is: in a page, in a worker or on a server. Of what a page has, a worker lacks some and a server most.

/** The lock manager, where there is one. */
export const locks = (): LockManager | undefined => globalThis.navigator?.locks;

/** Whether anyone may be looking: all but a hidden page is taken for looked at. */
export const looked = (): boolean => globalThis.document?.visibilityState !== "hidden";

/** Whether others may share what is stored: a server stores nothing, and its carts are no tabs of one person. */
export const shared = (): boolean => typeof BroadcastChannel !== "undefined" && typeof indexedDB !== "undefined";

interface Heeds { online: () => void; offline: () => void; pagehide: (event: PageTransitionEvent) => void; pageshow: () => void }

/** Heeds what happens to the page, or no more. */
export function heed(begin: boolean, on: Heeds): void {
  const does = begin ? "addEventListener" : "removeEventListener";
  for (const [name, work] of Object.entries(on)) globalThis[does]?.(name, work as EventListener);
  globalThis.document?.[does]("visibilitychange", on.online);
}
