// What the lab needs of elements beside the common helpers: drawing anew, numbers, stillness.
export { drawn as svg, element } from "../common/dom.js";

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
