// Takes a removal back, and tells what came from elsewhere: a toast that stays until it is dismissed, or until the
// next edit. What it says of the cart is so for as long as it says it.
import { announce, element, front, write } from "../common/dom.js";
import { cart, reason } from "./cart.js";
import { icon } from "./icons.js";
import { t } from "./words.js";

const text = element("p");
const undo = element("button", { type: "button", class: "primary", click: () => void takeBack() }, t("Undo"));
const toast = element("div", { class: "toast", role: "group", "aria-label": t("What happened"), hidden: true }, text, undo,
  element("button", { type: "button", class: "quiet", "aria-label": t("Dismiss"), click: () => hide() }, icon("close")));
/** How many edits there were with the removal: more are further ones. */
let after = 0;

/** What was removed here last, and what is said of it; what is said of others. */
let gone = "", offer = "", news = "";
/** What was removed in this page. */
const removals = new Set<string>();
export const wasRemoved = (line_id: string): boolean => removals.has(line_id);

/** Removes a line by an edit, and offers to undo it. */
export function removed(name: string, line_id: string, edit: Promise<unknown>): void {
  edit.then(() => {}, error => { [offer, gone] = [reason(error), ""]; draw(); });
  after = own();
  [gone, offer, news] = [line_id, t("Removed {name}", { name }), ""];
  removals.add(line_id);
  draw();
  announce(t("Removed {name}. You can undo it.", { name }));
  // The button that was pressed has gone with its line.
  requestAnimationFrame(() => { if (document.activeElement === document.body || document.activeElement === front()) undo.focus(); });
}

/** What came from other devices. */
export function tell(said: string): void {
  if (!offer) after = own();
  news = said;
  draw();
  announce(said);
}

function draw(): void {
  // What is in the cart again was not removed after all.
  if (cart.view.lines.some(line => line.line_id === gone)) offer = "";
  write(text, [offer, news].filter(Boolean).join(". "));
  undo.hidden = !gone || cart.view.undo === 0;
  if (!text.textContent && undo.hidden) return hide();
  if (toast.parentNode !== front()) front().append(toast);
  toast.hidden = false;
}

/** With each view: an edit made after what is told takes it away. */
export function update(): void {
  if (toast.hidden) return;
  if (own() > after || gone && cart.view.undo === 0 && !news) hide(); else draw();
}

/** What is over the page changes: the toast goes there. */
export function bring(): void {
  if (!toast.hidden) front().append(toast);
}

async function takeBack(): Promise<void> {
  hide();
  try {
    removals.clear();
    await cart.undo();
    announce(t("It is back in the cart."));
  } catch (error) { announce(reason(error)); }
}

function hide(): void {
  const focused = toast.contains(document.activeElement);
  toast.hidden = true;
  [gone, offer, news] = ["", "", ""];
  if (focused) front().querySelector<HTMLElement>("h1, h2")?.focus();
}

/** How many edits this replica has made; others' do not count, nor does it when it gets its lease. */
function own(): number {
  const { actor, seen } = cart.inspect();
  return seen.find(one => one.actor === actor)?.counter ?? 0;
}
