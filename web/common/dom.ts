// The few helpers that pages are built with: elements, lists that keep their rows, announcements, money.
import type { Money } from "evercart";
import { money as written } from "evercart/money";
import { locale } from "./language.js";

type Child = Node | string | number | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

/** An element. Functions are listeners, booleans and null say whether an attribute is there. */
export function element<K extends keyof HTMLElementTagNameMap>(name: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  return dress(document.createElement(name), attributes, children);
}

/** The same for a drawing. */
export function drawn<K extends keyof SVGElementTagNameMap>(name: K, attributes: Attributes = {}, ...children: Child[]): SVGElementTagNameMap[K] {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function dress<E extends Element>(made: E, attributes: Attributes, children: Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value as unknown as EventListener);
    else set(made, name, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined && child !== false).map(child => child instanceof Node ? child : String(child)));
  return made;
}

export function set(on: Element, name: string, value: string | number | boolean | null | undefined): void {
  if (value === false || value === null || value === undefined) on.removeAttribute(name);
  else if (on.getAttribute(name) !== String(value === true ? "" : value)) on.setAttribute(name, value === true ? "" : String(value));
}

/** Text, written only where it differs: what is read aloud is read once. */
export function write(on: Element, text: string): void {
  if (on.textContent !== text) on.textContent = text;
}

/** A part of a page that shows an item, and another one later. */
export interface Row<T> { node: HTMLElement; update(item: T): void }

/** Rows that stay the same elements as long as their items stay: focus and what is typed are kept. */
export class Rows<T> {
  private rows = new Map<string, Row<T>>();
  constructor(private list: HTMLElement, private key: (item: T) => string, private make: (item: T) => Row<T>) {}

  show(items: readonly T[]): void {
    const wanted = new Map(items.map(item => [this.key(item), item]));
    for (const [key, row] of this.rows) if (!wanted.has(key)) { row.node.remove(); this.rows.delete(key); }
    let before: Element | null = null;
    for (const [key, item] of wanted) {
      let row = this.rows.get(key);
      if (!row) this.rows.set(key, row = this.make(item));
      row.update(item);
      const place: Element | null = before ? before.nextElementSibling : this.list.firstElementChild;
      if (place !== row.node) this.list.insertBefore(row.node, place);
      before = row.node;
    }
  }
}

/** Where what lies over the page has to be: a modal dialog makes all else inert. */
export const front = (): HTMLElement => document.querySelector<HTMLElement>("dialog[open]") ?? document.body;

/** How long what is told stands before what is told next may take its place, in milliseconds. */
const TOLD_MS = 1_000;
const untold: string[] = [];
let telling = false;

/** What has waited for longest gives way where more waits. */
const UNTOLD_MAX = 4;

/** Tells those who listen to the page, when they have heard what was before. */
export function announce(text: string): void {
  untold.push(text);
  if (untold.length > UNTOLD_MAX) untold.shift();
  if (!telling) tell();
}

function tell(): void {
  const text = untold.shift();
  telling = text !== undefined;
  if (text === undefined) return;
  let live = front().querySelector(":scope > .live");
  if (!live) front().append(live = element("div", { class: "live hidden", role: "status" }));
  const region = live;
  region.textContent = "";
  setTimeout(() => { region.textContent = text; setTimeout(tell, TOLD_MS); }, 50);
}

export type { Money };
export const money = (amount: Money): string => written(amount, locale);
export const number = (value: number): string => GROUPED().format(value);
/** Parts, one after the other. */
export const list = (parts: string[]): string => new Intl.ListFormat(locale, { type: "unit" }).format(parts);

/** What is made when it is first asked for: formats take long, and a page is to be there before. */
export function late<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => made ??= make();
}

const GROUPED = late(() => new Intl.NumberFormat(locale)), PLAIN = late(() => new Intl.NumberFormat(locale, { useGrouping: false }));
const DIGITS = late(() => [...PLAIN().format(9_876_543_210)].reverse());

/** A whole number as the reader types it, in their own digits. */
export const digits = (value: number): string => PLAIN().format(value);
/** What was typed, in their own digits or in these; NaN if it is no number. */
export const asNumber = (text: string): number => Number([...text.trim()].map(one => DIGITS().includes(one) ? DIGITS().indexOf(one) : one).join("") || NaN);

let ids = 0;
/** A new id, to tie labels to what they name. */
export const id = (name: string): string => `${name}-${++ids}`;
