// What came from other devices, told in a sentence: what they added, set, took off or removed, and what of theirs
// outlived a removal here. Other tabs of this device are no news: their shopper is the one who looks.
import type { Dot, Line } from "evercart";
import { cart } from "./cart.js";
import { learned } from "./catalog.js";
import { named } from "./names.js";
import { tell, wasRemoved } from "./toast.js";
import { t } from "./words.js";

/** How many changes are told one by one. */
const TOLD_MAX = 3;

interface Seen { line: Line; dots: Map<string, Dot> }

/** What was there at the last look; null where there is nothing to compare with. */
let before: Map<string, Seen> | null = null;
let open: string | null = null;
let version = "", counter = 0;
/** The names under which this tab has made changes. */
const own = new Set<string>();

/** With each view. */
export function update(): void {
  const { view, status } = cart;
  if (view.cart_id !== open && open !== null) before = null;
  open = view.cart_id;
  if (before && view.version === version) return;
  version = view.version;
  const { actor, seen, lines: made } = cart.inspect();
  own.add(actor);
  const count = seen.find(one => one.actor === actor)?.counter ?? 0, mine = count !== counter;
  counter = count;
  const dots = new Map(made.map(line => [line.line_id, new Map(line.dots.map(dot => [`${dot.actor} ${dot.counter}`, dot]))]));
  const now = new Map([...view.lines, ...view.saved].map(line => [at(line, view.saved.includes(line)), {
    line, dots: dots.get(line.line_id) ?? new Map<string, Dot>(),
  }]));
  const known = before;
  // A cart that opens with nothing learns what it has: that is no news.
  before = known || now.size || !view.partial ? now : null;
  if (!known) return;
  /** What is told of which line; a line that was added elsewhere has its name a moment later. */
  const told: [line: Line, said: (name: string) => string][] = [];
  for (const [key, { line, dots }] of now) {
    const { quantity } = line;
    const was = known.get(key), id = key.split(" ")[0]!;
    const came = [...dots].filter(([dot, { actor, settled, location }]) => settled && !own.has(actor) && location === key.split(" ")[1] && !was?.dots.has(dot)).map(([, dot]) => dot);
    const set = came.find(dot => dot.kind === "set"), added = came.reduce((sum, dot) => sum + (dot.kind === "add" ? dot.quantity - dot.taken : 0), 0);
    if (moved(known, now, id)) continue;
    if (set) told.push([line, name => t("Set to {quantity} on another device: {name}.", { quantity, name })]);
    else if (added > 0) told.push([line, name => wasRemoved(id) ? t("Another device added {quantity} × {name}, so it is in the cart.", { quantity: added, name }) : t("Added on another device: {quantity} × {name}.", { quantity: added, name })]);
    else if (was && quantity < was.line.quantity && !mine && !status.pending) told.push([line, name => t("Taken off on another device: {quantity} × {name}.", { quantity: was.line.quantity - quantity, name })]);
  }
  if (!mine && !status.pending) for (const [key, { line }] of known)
    if (!now.has(key) && !moved(known, now, key.split(" ")[0]!)) told.push([line, name => t("Removed on another device: {name}.", { name })]);
  if (!told.length) return;
  const first = told.slice(0, TOLD_MAX), rest = told.length - first.length;
  void Promise.all(first.map(([line]) => line.title ? null : learned(line.sku))).then(() =>
    tell([...first.map(([line, said]) => said(named(line))), ...rest ? [t("And {count} more.", { count: rest })] : []].join(" ")));
}

const at = (line: Line, saved: boolean): string => `${line.line_id} ${saved ? "saved" : "cart"}`;

/** Whether a line only went to another place. */
function moved(before: Map<string, Seen>, now: Map<string, Seen>, id: string): boolean {
  const [cart, saved] = [`${id} cart`, `${id} saved`];
  return before.has(cart) !== now.has(cart) && before.has(saved) !== now.has(saved);
}
