// The effects of a step of the replica, as bytes: `crates/cart-client/src/face.rs` writes them.
import type { Code, Problem } from "./types.js";

export const enum Do { Show, Store, Send, Tell, Lease, Later, Rejected, Refused, Outside }

export function text(bytes: Uint8Array): string { return new TextDecoder().decode(bytes); }

export function said(text: string): Problem {
  const [status, code, ...detail] = text.split("\n");
  return { status: Number(status), code: code as Code, detail: detail.join("\n") };
}

/** The effects of a step: which, and what it says. */
export function* each(effects: Uint8Array): Generator<[Do, Uint8Array]> {
  for (let at = 0; at < effects.length;) {
    const [length, begin] = varint(effects, at + 1);
    yield [effects[at] as Do, effects.slice(begin, begin + length)];
    at = begin + length;
  }
}

export function payloads(effects: Uint8Array, wanted: Do): Uint8Array[] {
  return [...each(effects)].filter(([kind]) => kind === wanted).map(([, payload]) => payload);
}

/** The number at a place, and where what follows it begins. */
export function varint(bytes: Uint8Array, at: number): [number, number] {
  let value = 0, scale = 1, byte;
  do { byte = bytes[at++]!; value += (byte & 127) * scale; scale *= 128; } while (byte > 127);
  return [value, at];
}
