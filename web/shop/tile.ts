// In place of a picture, of which the catalog has none: a calm tile in the colour of the department with the
// initials of the product, and shapes that differ from product to product.
import { drawn } from "../common/dom.js";

const COLOURS = 12;

export function tile(sku: string, title: string, department: string): SVGSVGElement {
  const mark = hash(sku), x = 20 + mark % 81, y = 10 + (mark >>> 8) % 71, radius = 34 + (mark >>> 16) % 18;
  const made = drawn("svg", { class: "tile", viewBox: "0 0 120 90", preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true", focusable: "false" },
    drawn("circle", { class: "shape", cx: x, cy: y, r: radius }),
    drawn("circle", { class: "shape", cx: 120 - x / 2, cy: 90 - y / 3, r: radius * .55 }),
    drawn("text", { x: 60, y: 56, "text-anchor": "middle" }, initials(title)));
  made.style.setProperty("--hue", String(hash(department) % COLOURS * (360 / COLOURS)));
  return made;
}

function initials(title: string): string {
  const words = title.split(",")[0]!.split(/[^\p{L}]+/u).filter(word => word.length > 2 || /^\p{Lu}/u.test(word));
  return words.slice(0, 2).map(word => word.charAt(0).toUpperCase()).join("") || "·";
}

function hash(text: string): number {
  let sum = 2166136261;
  for (const character of text) sum = Math.imul(sum ^ character.codePointAt(0)!, 16777619) >>> 0;
  return sum;
}
