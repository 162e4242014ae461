// Takes a removal back: a toast that stays until it is dismissed, or until the next edit.
import { announce, element, front } from "../common/dom.js";
import { cart, reason } from "./cart.js";
import { icon } from "./icons.js";

const text = element("p");
const undo = element("button", { type: "button", class: "primary", click: () => void takeBack() }, "Undo");
const toast = element("div", { class: "toast", role: "group", "aria-label": "Removed", hidden: true }, text, undo,
  element("button", { type: "button", class: "quiet", "aria-label": "Dismiss", click: () => hide() }, icon("close")));
/** How many edits there were with the removal: more are further ones. */
let after = 0;

/** Removes by an edit, and offers to undo it. */
export function removed(name: string, edit: Promise<unknown>): void {
  edit.then(() => {}, error => { text.textContent = reason(error); undo.hidden = true; });
  after = own();
  text.textContent = `Removed ${name}`;
  undo.hidden = cart.view.undo === 0;
  front().append(toast);
  toast.hidden = false;
  announce(`Removed ${name}. You can undo it.`);
  // The button that was pressed has gone with its line.
  requestAnimationFrame(() => { if (document.activeElement === document.body || document.activeElement === front()) undo.focus(); });
}

/** With each view: an edit made after the removal takes the offer away. */
export function update(): void {
  if (!toast.hidden && (cart.view.undo === 0 || own() > after)) hide();
}

/** What is over the page changes: the toast goes there. */
export function bring(): void {
  if (!toast.hidden) front().append(toast);
}

async function takeBack(): Promise<void> {
  hide();
  try {
    await cart.undo();
    announce("It is back in the cart.");
  } catch (error) { announce(reason(error)); }
}

function hide(): void {
  const focused = toast.contains(document.activeElement);
  toast.hidden = true;
  if (focused) front().querySelector<HTMLElement>("h1, h2")?.focus();
}

/** How many edits this replica has made; others' do not count, nor does it when it gets its lease. */
function own(): number {
  const { actor, seen } = cart.inspect();
  return seen.find(one => one.actor === actor)?.counter ?? 0;
}
