// What every replica shows: its lines, the dots that they are made of, what it has seen, and its digest.
import type { Dot, Line, Place } from "evercart";
import type { Actors } from "./actors.js";
import { count, element, svg } from "./dom.js";
import { letter, name } from "./products.js";
import type { Replica } from "./replica.js";

/** How much of a digest is shown, in hex digits. */
export const DIGITS = 8;

/** A line with its dots; one that shows nothing may still have some. */
export interface Row { line_id: string; sku: string; engraving: string | null; quantity: number; saved: boolean; problem: string | null; dots: Dot[] }

export function rows(replica: Replica): Row[] {
  const { view, inspection } = replica;
  const left = new Map<string, { line_id: string; sku: string; at: Place; dots: Dot[] }>(inspection.lines.flatMap(line => (["cart", "saved"] as const).map(at =>
    [`${line.line_id} ${at}`, { ...line, at, dots: line.dots.filter(dot => dot.location === at) }] as const)));
  const row = (line: Line, saved: boolean): Row => {
    const key = `${line.line_id} ${saved ? "saved" : "cart"}`;
    const { dots = [] } = left.get(key) ?? {};
    left.delete(key);
    const engraving = line.customization?.["engraving"];
    return { line_id: line.line_id, sku: line.sku, engraving: engraving === undefined ? null : String(engraving), quantity: line.quantity, saved, problem: line.problem ?? null, dots };
  };
  const shown = [...view.lines.map(line => row(line, false)), ...view.saved.map(line => row(line, true))];
  const hidden = [...left.values()].filter(({ dots }) => dots.length)
    .map(({ line_id, sku, at, dots }): Row => ({ line_id, sku, engraving: null, quantity: 0, saved: at === "saved", problem: null, dots }));
  return [...shown, ...hidden];
}

/** The state of a replica, as elements; `edits` adds what a device can do with a line. */
export function contents(replica: Replica, actors: Actors, edits: ((row: Row) => Node) | undefined = undefined): HTMLElement[] {
  const lines = rows(replica);
  const list = element("ul", { class: "lines" }, ...lines.map(row => element("li", { class: row.quantity ? "line" : "line none" },
    element("div", { class: "what" },
      element("span", { class: "letter notation", "aria-hidden": "true", title: `${letter(row.sku)} stands for ${name(row.sku)}` }, letter(row.sku)),
      element("span", { class: "title" }, name(row.sku), row.engraving !== null && element("em", {}, ` “${row.engraving}”`),
        row.saved && element("small", {}, " saved for later"),
        row.problem === "over_limit" && element("small", { class: "problem" }, " more than may be bought")),
      element("strong", { class: "quantity" }, element("span", { class: "sr" }, "quantity "), count(row.quantity))),
    edits && row.quantity > 0 && edits(row),
    marks(row.dots, actors))));
  const { coupons, note } = replica.view;
  const tags = [...coupons.map(code => `coupon ${code}`), ...note === null ? [] : [`note “${note}”`]];
  return [
    lines.length ? list : element("p", { class: "empty" }, "nothing in the cart"),
    element("p", { class: "tags", hidden: tags.length === 0 }, ...tags.map(tag => element("span", {}, tag))),
  ];
}

function marks(dots: Dot[], actors: Actors): HTMLElement {
  return element("ul", { class: "dots notation", "aria-label": "made of" }, ...dots.map(dot => {
    const who = actors.dot(dot.actor, dot.counter);
    const what = dot.kind === "add" ? `+${count(dot.quantity)}` : dot.kind === "set" ? `=${count(dot.quantity)}` : dot.kind === "hole" ? "gone" : "?";
    const taken = dot.taken ? ` −${count(dot.taken)}` : "";
    const does = dot.kind === "add" ? `${count(dot.quantity)} more` : dot.kind === "set" ? `exactly ${count(dot.quantity)}` : dot.kind === "hole" ? "gone" : "of a later version";
    const said = `${who}, a change of ${actors.who(dot.actor)}: ${does}${dot.taken ? `, of which ${count(dot.taken)} ${dot.taken === 1 ? "was" : "were"} taken off` : ""}; ${dot.settled ? "its region has it" : "not sent yet"}`;
    return element("li", { class: `dot shade-${actors.shade(dot.actor)} ${dot.settled ? "settled" : "pending"}`, title: said },
      element("span", { "aria-hidden": "true" }, element("b", {}, who), ` ${what}${taken}`), element("span", { class: "sr" }, said));
  }));
}

/** What it has seen, and the digest of its state with a pattern of its own. */
export function standing(replica: Replica, actors: Actors): HTMLElement {
  const { inspection } = replica;
  const last = new Map<string, number>();
  for (const { actor, counter } of inspection.seen) last.set(actor, Math.max(counter, last.get(actor) ?? 0));
  const digest = inspection.digest.slice(0, DIGITS);
  return element("footer", { class: "standing" },
    element("p", { class: "seen notation" }, last.size ? "has seen " : "has seen nothing",
      ...[...last].flatMap(([actor, counter]) => [element("span", { class: `ink-${actors.shade(actor)}`, title: `It has seen the changes of ${actors.who(actor)} up to number ${counter}` }, actors.dot(actor, counter)), " "])),
    element("p", { class: "digest", title: "The fingerprint of this whole copy: equal ones are equal, byte for byte" }, pattern(inspection.digest),
      element("span", { class: "plainly" }, "its fingerprint"), element("span", { class: "sr" }, "digest "), element("code", { class: "notation" }, digest)));
}

/** Eight squares and a colour out of a digest, so that equal ones are seen to be. */
export function pattern(digest: string): SVGSVGElement {
  const byte = (at: number) => parseInt(digest.slice(2 * at, 2 * at + 2), 16);
  const hue = Math.round((byte(0) * 256 + byte(1)) / 65_536 * 360);
  const squares = [svg("rect", { width: 16, height: 16, rx: 4, fill: `hsl(${hue} 65% 45%)` })];
  for (let at = 0; at < 8; at++) {
    if (!(byte(2) >> at & 1)) continue;
    const [x, y] = [at % 2, Math.floor(at / 2)];
    for (const column of [x, 3 - x]) squares.push(svg("rect", { x: 2 + 3 * column, y: 2 + 3 * y, width: 3, height: 3, fill: `hsl(${(hue + 40) % 360} 90% 88%)` }));
  }
  return svg("svg", { class: "pattern", viewBox: "0 0 16 16", width: 28, height: 28, "aria-hidden": "true" }, ...squares);
}
