// What a page of the shop is to the router.
export interface Page {
  title: string;
  node: HTMLElement;
  /** The cart or its status have changed. */
  update?(): void;
  /** The address has changed within the page. */
  follow?(url: URL): boolean;
  leave?(): void;
}
