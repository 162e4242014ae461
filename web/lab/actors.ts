// Who made a dot: a colour and a short name, the same wherever it is seen.

/** How many colours lab.css has. */
const SHADES = 8;
/** How the names of actors begin that no device has: those of plain requests. */
const REQUEST = "H";

export class Actors {
  private known = new Map<string, { name: string; shade: number }>();

  /** An actor that a device has leased. One before it that has made nothing needs no name any more. */
  meet(actor: string, device: string, made: (actor: string) => boolean): void {
    if (this.known.has(actor) || /^0*$/.test(actor)) return;
    const letter = device.slice(0, 1);
    for (const [before, { name }] of this.known) if (name.startsWith(letter) && !made(before)) this.known.delete(before);
    const again = this.names().filter(name => name.startsWith(letter)).length;
    this.put(actor, again ? `${letter}${"′".repeat(again)}` : letter, "ABCD".indexOf(letter));
  }

  name(actor: string): string { return this.of(actor).name; }
  /** A dot of it. A request's actor makes one edit; its number would say nothing. */
  dot(actor: string, counter: number): string {
    const name = this.name(actor);
    return name.startsWith(REQUEST) ? name : `${name}${counter}`;
  }
  /** Who that is, in words. */
  who(actor: string): string {
    const name = this.name(actor), letter = name.replaceAll("′", "");
    if (name.startsWith(REQUEST)) return "a plain request, of no device here";
    const device = /^[A-D]$/.test(letter) ? `device ${letter}` : "the guest’s device";
    return name === letter ? device : `${device} under another name, which it took to be told from a copy of itself`;
  }
  shade(actor: string): number { return this.of(actor).shade; }

  /** One that no device here has: of an edit over plain HTTP. */
  private of(actor: string): { name: string; shade: number } {
    if (!this.known.has(actor)) this.put(actor, `${REQUEST}${this.names().filter(name => name.startsWith(REQUEST)).length + 1}`, -1);
    return this.known.get(actor)!;
  }

  private put(actor: string, name: string, wanted: number): void {
    const taken = [...this.known.values()].map(({ shade }) => shade);
    const free = [...Array(SHADES).keys()].filter(shade => !taken.includes(shade));
    // The first four belong to the four devices.
    const shade = free.includes(wanted) ? wanted : free.find(shade => shade >= 4) ?? 4 + this.known.size % (SHADES - 4);
    this.known.set(actor, { name, shade });
  }

  private names(): string[] { return [...this.known.values()].map(({ name }) => name); }
}
