// Elements, shortly.

type Child = Node | string | null | false | undefined;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>;

/** An element with attributes, listeners (`onclick`) and children. */
export function element<K extends keyof HTMLElementTagNameMap>(name: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  dress(made, attributes);
  made.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return made;
}

/** The same for SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(name: K, attributes: Attributes = {}, ...children: SVGElement[]): SVGElementTagNameMap[K] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  dress(made, attributes);
  made.append(...children);
  return made;
}

function dress(made: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
}

/** Draws anew what differs: what is being typed or pressed stays, and the focus with it, by `data-key`. A listener
 * may then be that of an earlier drawing, so it asks for what may have changed when it is called. */
export function redraw(parent: HTMLElement, children: Node[]): void {
  const focused = parent.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["key"] : undefined;
  become(parent, children);
  if (focused && !parent.contains(document.activeElement)) parent.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function become(parent: Node, children: Node[]): void {
  const before = [...parent.childNodes];
  children.forEach((child, at) => {
    const old = before[at];
    if (!old) parent.appendChild(child);
    else if (old.isEqualNode(child)) return;
    else if (old instanceof Element && child instanceof Element && old.cloneNode(false).isEqualNode(child.cloneNode(false))) become(old, [...child.childNodes]);
    else parent.replaceChild(child, old);
  });
  for (const old of before.slice(children.length)) parent.removeChild(old);
}

const COUNT = new Intl.NumberFormat();

/** A number as this reader writes it. */
export function count(number: number): string { return COUNT.format(number); }

export const still = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
