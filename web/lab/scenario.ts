// The golden scenarios as values, read from the file that the core's own tests read; that file says what its lines
// mean. A line that cannot be read throws with its number: none is left out in silence.

/** What A and B are. */
export type Kind = "devices" | "regions" | "tabs" | "carts";
export type Who = "given" | "A" | "B" | "guest";
export type Op = "add" | "set" | "decrement" | "remove" | "clear" | "save" | "unsave" | "coupon" | "uncoupon" | "note"
  | "checkout" | "redeliver" | "view" | "duplicate" | "join";

export interface Item { sku: string; engraving: string | null }

export interface Step {
  who: Who; op: Op;
  item: Item | null;
  /** Of an add, a set and a decrement; the number of an order, or of the change that is redelivered. */
  count: number;
  /** A coupon's code, a note, the name of a view. */
  text: string;
  saved: boolean;
  /** When by the actor's own clock, in seconds after the scenario's beginning. */
  at: number | null;
  key: string | null;
  seen: string | null;
  refused: string | null;
}

export interface Scenario {
  id: string; rule: string; kind: Kind;
  /** The design's own words. */
  wording: { given: string; a: string; b: string; then: string };
  given: Step[];
  /** In each round nobody sees the other; between rounds all hold the same. */
  rounds: Step[][];
  /** What all show at the end, as `shown` writes it. */
  then: string;
}

const KINDS: readonly string[] = ["devices", "regions", "tabs", "carts"];
const WITH_ITEM: readonly string[] = ["add", "set", "decrement", "remove", "save", "unsave"];
const WITH_COUNT: readonly string[] = ["add", "set", "decrement", "checkout", "redeliver"];
const WITH_TEXT: readonly string[] = ["coupon", "uncoupon", "note", "view"];
const BARE: readonly string[] = ["clear", "duplicate", "join"];

/** All scenarios of a file, in its order. */
export function parse(file: string): Scenario[] {
  const scenarios: Scenario[] = [];
  let comment = "";
  file.split("\n").forEach((line, at) => {
    const fault = (): never => { throw new Error(`scenarios.txt:${at + 1}: cannot read "${line}"`); };
    if (line.startsWith("#")) {
      comment = comment && /^#\s+\|/.test(line) ? `${comment} ${line.slice(1).replace("|", "").trim()}` : line.slice(1).trim();
      return;
    }
    const [first, ...rest] = line.split(/\s+/).filter(Boolean);
    const last = scenarios.at(-1);
    if (!first) return;
    if (first === "scenario") {
      const [id, rule, on, kind] = rest;
      if (!id || !rule || on !== "on" || !kind || !KINDS.includes(kind)) return fault();
      const [said, given = "", a = "", b = "", then = ""] = columns(comment);
      if (said !== id || !then) return fault();
      scenarios.push({ id, rule, kind: kind as Kind, wording: { given, a, b, then }, given: [], rounds: [[]], then: "" });
    } else if (!last) fault();
    else if (first === "merge") last.rounds.push([]);
    else if (first === "then") last.then = sorted(rest);
    else if (first === "given") last.given.push(step("given", rest) ?? fault());
    else if (first === "A" || first === "B" || first === "guest") last.rounds.at(-1)!.push(step(first, rest) ?? fault());
    else fault();
  });
  return scenarios;
}

/** The five columns of a comment; a continued line may have brought one more bar. */
function columns(comment: string): string[] { return comment.split("|").map(part => part.trim()); }

function step(who: Who, words: string[]): Step | null {
  const rest = [...words];
  const op = rest.shift() ?? "";
  if (![...WITH_ITEM, ...WITH_COUNT, ...WITH_TEXT, ...BARE].includes(op)) return null;
  const step: Step = { who, op: op as Op, item: null, count: 0, text: "", saved: false, at: null, key: null, seen: null, refused: null };
  if (WITH_ITEM.includes(op)) step.item = item(rest.shift() ?? "");
  if (WITH_COUNT.includes(op)) step.count = Number(rest.shift());
  if (WITH_TEXT.includes(op)) step.text = rest.shift() ?? "";
  if (WITH_ITEM.includes(op) && !step.item || Number.isNaN(step.count) || WITH_TEXT.includes(op) && !step.text) return null;
  if (op === "remove" && rest[0] === "saved") { step.saved = true; rest.shift(); }
  while (rest.length) {
    const word = rest.shift()!;
    if (word === "key") step.key = rest.shift() ?? null;
    else if (word === "seen") step.seen = rest.shift() ?? null;
    else if (word === "!") step.refused = rest.shift() ?? null;
    else if (/^@\d+$/.test(word)) step.at = Number(word.slice(1));
    else return null;
  }
  return step;
}

function item(text: string): Item | null {
  const found = /^([A-Za-z]+)(?:\[(\w+)\])?$/.exec(text);
  return found ? { sku: found[1]!, engraving: found[2] ?? null } : null;
}

/** What a cart shows, in the file's words. */
export interface Shows {
  lines: { sku: string; quantity: number; customization: Record<string, unknown> | null; problem?: string }[];
  saved: { sku: string; quantity: number; customization: Record<string, unknown> | null }[];
  coupons: string[];
  note: string | null;
}

/** A view in the words of `then`; `letter` says what stands for a product. */
export function shown(view: Shows, letter: (sku: string) => string): string {
  const name = (line: Shows["saved"][number]) => {
    const engraving = line.customization?.["engraving"];
    return engraving === undefined ? letter(line.sku) : `${letter(line.sku)}[${engraving}]`;
  };
  return sorted([
    ...view.lines.map(line => `${name(line)}:${line.quantity}${line.problem ? `!${line.problem}` : ""}`),
    ...view.saved.map(line => `${name(line)}~${line.quantity}`),
    ...view.coupons.map(code => `coupon=${code}`),
    ...view.note === null ? [] : [`note=${view.note}`],
  ]);
}

function sorted(words: string[]): string { return [...words].sort().join(" "); }
