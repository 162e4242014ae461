// Commands as the replica takes them. What is none is refused here as the service refuses it: by its form, so that
// nothing is shown that will be withdrawn.
import { EvercartError, type Command, type Place } from "./types.js";

type Note = [name: string, quantity: number, at: Place | undefined, variant?: string | undefined, details?: string | undefined];

/** How deep a customisation may be nested, as in the core. */
const DEPTH_MAX = 16;
/** Half of a pair, which no UTF-8 has. */
const LONE = /\p{Surrogate}/u;

/** The refusal of an argument. */
export function invalid(name: string, detail: string): EvercartError {
  return new EvercartError({ status: 422, code: "invalid_field", detail: `${name}: ${detail}` });
}

/** A text that every program can read. */
export function wording(name: string, value: unknown): string {
  if (typeof value !== "string" || LONE.test(value)) throw invalid(name, "use a well-formed text");
  return value;
}

const or_none = (name: string, value: unknown): string | undefined => value === null || value === undefined ? undefined : wording(name, value);

function count(value: unknown): number {
  if (typeof value !== "number") throw invalid("quantity", "use a whole number");
  return value;
}

function place(name: string, value: unknown): Place | undefined {
  if (value !== "cart" && value !== "saved" && !(name === "in" && value === undefined)) throw invalid(name, "use cart or saved");
  return value;
}

/** A command as the replica takes it: a note for each change. */
export function notes(command: Command): Note[] {
  if (typeof command !== "object") throw invalid("command", "use an object");
  switch (command?.op) {
    case "add": return [[wording("sku", command.sku), count(command.quantity ?? 1), "cart", or_none("variant", command.variant), customization(command.customization)]];
    case "clear": return [["", 0, "cart"]];
    case "move": return [[wording("line_id", command.line_id), 0, place("location", command.location)]];
    case "remove": return [[wording("line_id", command.line_id), 0, place("in", command.in)]];
    case "apply_coupon": case "remove_coupon": return [[wording("code", command.code), 0, "cart"]];
    case "update": {
      const { op: _, ...fields } = command;
      return Object.entries(fields).filter(([, value]) => value !== undefined).map(([name, value]) => [name, 0, "cart", undefined, or_none(name, value)] as Note);
    }
    case "set": case "increment": case "decrement": return [[wording("line_id", command.line_id), count(command.quantity), place("in", command.in)]];
    default: throw invalid("op", "is none of the commands");
  }
}

/** A customisation as `JSON.stringify` would send it; none if nothing is left of it. */
function customization(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  let plain: unknown;
  try { plain = JSON.parse(JSON.stringify(value)); } catch (error) { throw invalid("customization", String(error)); }
  if (!plain || typeof plain !== "object" || Array.isArray(plain)) throw invalid("customization", "use an object");
  return Object.keys(plain).length ? canonical(plain, DEPTH_MAX) : undefined;
}

/** RFC 8785: JavaScript's own numbers and strings, names in the order of their UTF-16. */
function canonical(value: unknown, left: number): string {
  const deeper = (one: unknown) => canonical(one, left - 1);
  if (value && typeof value === "object") {
    if (!left) throw invalid("customization", `is nested deeper than ${DEPTH_MAX}`);
    if (Array.isArray(value)) return `[${value.map(deeper).join()}]`;
    return `{${Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${deeper(k)}:${deeper(v)}`).join()}}`;
  }
  if (typeof value === "string") wording("customization", value);
  if (Math.abs(value as number) > Number.MAX_SAFE_INTEGER) throw invalid("customization", "send a number beyond 2^53 as a text");
  return JSON.stringify(value);
}
