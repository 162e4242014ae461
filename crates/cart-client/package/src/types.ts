/** An amount in the currency's minor unit. */
export interface Money { amount_minor: number; currency: string }

/** A line as shown. */
export interface Line {
  /** Opaque, the same on every device. */
  line_id: string;
  sku: string;
  variant: string | null;
  customization: Record<string, unknown> | null;
  /** Null until the page has learned of the product, and where the catalog does not have it. */
  title: string | null;
  quantity: number;
  /** Null until it is known, or with `problem` where it is not for sale. */
  unit_price: Money | null;
  total: Money | null;
  problem?: "not_for_sale" | "over_limit" | "price_unavailable";
  /** Whether something of it is not acknowledged by the service. */
  pending: boolean;
}

/** A cart as shown: the service's view, of the local state. */
export interface View {
  cart_id: string | null;
  /** The digest of what shoppers change: equal everywhere when replicas are equal. */
  version: string;
  lines: Line[];
  saved: Line[];
  /** Whether edits made elsewhere may be missing: the service has not answered yet. */
  partial: boolean;
  coupons: string[];
  note: string | null;
  currency: string;
  locale: string | null;
  delivery_region: string | null;
  totals: { quantity: number; subtotal: Money; discount: Money; total: Money };
  /** How many changes are not acknowledged. */
  pending: number;
  /** How many lines `undo()` brings back. */
  undo: number;
}

/** Why something was refused or failed: of the service's words those that a cart can meet, then the client's own. A later
 * service may have more. */
export type Code =
  | "actor_ahead" | "actor_expired" | "actor_shared" | "actor_unknown" | "already_merged" | "body_too_large" | "builds_differ"
  | "cart_busy" | "cart_not_found" | "cart_settling" | "catalog_unavailable" | "clock_ahead" | "coupon_not_found" | "counter_window"
  | "dot_conflict" | "foreign_dot" | "invalid_field" | "line_not_found" | "malformed_delta" | "merge_cycle" | "merge_too_large"
  | "method_not_allowed" | "not_found" | "not_yours" | "origin_refused" | "outcome_unknown" | "product_not_found" | "quantity_limit"
  | "region_unreachable" | "replica_damaged" | "replica_unavailable" | "session_ended" | "session_expired" | "session_lapsed"
  | "session_required" | "storage_full" | "store_unavailable" | "token_invalid" | "too_many_carts" | "too_many_contributions"
  | "too_many_devices" | "too_many_lines" | "too_many_sockets" | "unknown_sku" | "unsupported_media_type"
  | "client_too_old" | "closed" | "failed" | "offline" | "refused" | "storage_damaged" | "storage_denied" | "url_missing"
  | "wasm_damaged" | "wasm_missing" | "wasm_refused";

/** Why something was refused or failed. */
export interface Problem {
  /** A stable word: those of the service, and `storage_damaged`, `offline`, `client_too_old` (reload the page),
   * `closed`. */
  code: Code;
  status: number;
  detail: string;
}

/** How it stands with the service and the storage. */
export interface Status {
  /** Whether the service can be asked. */
  online: boolean;
  /** Whether a socket is open: what others do is seen at once. */
  live: boolean;
  /** Whether something is under way. */
  syncing: boolean;
  /** How many changes are not acknowledged. */
  pending: number;
  lastError: Problem | null;
  /** `ok`; or edits are not stored here, and are acknowledged only by the service. `busy`: another tab holds the
   * storage; it is used again as soon as that lets go. */
  storage: "ok" | "full" | "denied" | "busy";
  /** The region that answered last. */
  region: string | null;
  /** Carts of this device, by their ids, that were too large to join the one of the session that was signed in to:
   * they stay beside it, are listed with `carts()` and shown by `switchTo()`. */
  apart: string[];
  /** Whether this cart was put into another one, by a sign-in on another device: what is added goes there, and what is
   * there is not shown here. `signIn()` shows it. */
  merged: boolean;
}

/** A cart as it is listed. */
export interface Listed {
  cart_id: string;
  /** Whether it is the session's newest. */
  current: boolean;
  /** Whether it is no cart of the session, but one of this device's that stayed apart. */
  apart?: true;
}

/** How a sign-out went. */
export interface SignedOut {
  /** How many changes of this device were not sent, and are gone. */
  dropped: number;
  /** Whether the service knows of it. If not, it is told as soon as it can be reached. */
  ended: boolean;
}

/** What `connect` takes; all of it has a default. */
export interface Options {
  /** The service's origin; the page's if not given. */
  url?: string;
  /** A session's token; else the stored one, else a new guest's. */
  token?: string;
  /** The currency that a cart that names none is shown in until the service has said in which its prices are. */
  currency?: string;
  /** The name of the database, so that independent devices can live in one page. */
  storage?: string;
  /** Where the Wasm is, or its bytes; beside this module if not given. */
  wasm?: string | URL | BufferSource;
  /** In development: the region to talk to. */
  region?: string;
  /** For tests: by how much the clock is wrong. */
  clockSkewMs?: number;
  /** No sockets: single requests only. */
  live?: boolean;
}

/** What a page knows of a product. */
export interface Product { title: string; unit_price: Money | null }

/** What an added line may say beside product and quantity. `product` is what the page shows of it: then the catalog is
 * not asked first whether there is one, and name and price are there at once, offline too. */
export interface Variation { variant?: string; customization?: Record<string, unknown>; product?: Product }

/** Where a line is. */
export type Place = "cart" | "saved";

/** One command, as of `POST /v1/carts/{cart}/commands`. */
export type Command =
  | { op: "add"; sku: string; quantity?: number; variant?: string | null; customization?: Record<string, unknown> | null }
  | { op: "set" | "increment" | "decrement"; line_id: string; quantity: number; in?: Place }
  | { op: "remove"; line_id: string; in?: Place }
  | { op: "clear" }
  | { op: "move"; line_id: string; location: Place }
  | { op: "apply_coupon" | "remove_coupon"; code: string }
  | { op: "update"; note?: string | null; currency?: string; locale?: string | null; delivery_region?: string | null };

/** One contribution to a line. */
export interface Dot {
  actor: string; counter: number; kind: "add" | "set" | "unknown" | "hole";
  quantity: number; taken: number; location: Place;
  /** Whether the service has it. */
  settled: boolean;
}

/** What the replica here is made of. */
export interface Inspection {
  actor: string; sequence: number; pending: number; version: string; settled_version: string;
  /** Of all its bytes, also of what no shopper sees: the same only where replicas are equal. */
  digest: string;
  bytes: number;
  seen: { actor: string; counter: number }[];
  lines: { line_id: string; sku: string; dots: Dot[] }[];
}

/** A refusal or a failure, thrown. */
export class EvercartError extends Error implements Problem {
  readonly code: Code;
  readonly status: number;
  readonly detail: string;
  constructor(problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
    this.name = "EvercartError";
    this.code = problem.code;
    this.status = problem.status;
    this.detail = problem.detail;
  }
}
