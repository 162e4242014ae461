// Commands as the replica takes them.
import type { Command, Place } from "./types.js";

type Note = [name: string, quantity: number, at: Place | undefined, variant?: string | undefined, details?: string | undefined];

/** A command as the replica takes it: a note for each change. */
export function notes(command: Command): Note[] {
  switch (command.op) {
    case "add": {
      const custom = command.customization && Object.keys(command.customization).length ? canonical(command.customization) : undefined;
      return [[command.sku, command.quantity ?? 1, "cart", command.variant ?? undefined, custom]];
    }
    case "clear": return [["", 0, "cart"]];
    case "move": return [[command.line_id, 0, command.location]];
    case "remove": return [[command.line_id, 0, command.in]];
    case "apply_coupon": case "remove_coupon": return [[command.code, 0, "cart"]];
    case "update": {
      const { op: _, ...fields } = command;
      return Object.entries(fields).map(([name, value]) => [name, 0, "cart", undefined, value ?? undefined] as Note);
    }
    default: return [[command.line_id, command.quantity, command.in]];
  }
}

/** RFC 8785: JavaScript's own numbers and strings, names in the order of their UTF-16. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value && typeof value === "object")
    return `{${Object.entries(value).filter(([, v]) => v !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join()}}`;
  return JSON.stringify(value) ?? "null";
}
