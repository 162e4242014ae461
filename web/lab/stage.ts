// The stage: devices and regions, what links them, and whether all hold the same.
import { Actors } from "./actors.js";
import { DIGITS, pattern } from "./card.js";
import { DeviceCard, wrong, type Does } from "./device.js";
import { element } from "./dom.js";
import { Links, type Link } from "./links.js";
import type { Log } from "./log.js";
import { RegionCard } from "./region.js";
import { dotKey, dots, duplicate, Replica, type Change } from "./replica.js";
import { ask, cut, faults, open, PLACES, REGIONS, type Region, type Session } from "./service.js";

export const DEVICES_MIN = 2, DEVICES_MAX = 4;
const LETTERS = ["A", "B", "C", "D"];
/** How long a region that is asked lights up, in milliseconds. */
const HIT_MS = 1_200;
/** How long equality is waited for, in milliseconds. */
const EQUAL_MAX_MS = 60_000;
/** When replicas that do not come to rest are looked at by a shopper, in milliseconds. */
const LOOK_MS = 1_500;

/** A device to begin with; `session` where its cart is another than the stage's. */
export interface Cast { name: string; region: Region; session?: Session; owner?: string }

type Card = DeviceCard | RegionCard;

export class Stage {
  readonly root = element("section", { class: "stage", "aria-label": "Devices and regions" });
  readonly banner = element("p", { class: "equal", role: "status" });
  session!: Session;
  /** The regions that are cut off; null where they cannot be. */
  off: Set<Region> | null = null;
  private actors = new Actors();
  private devices: DeviceCard[] = [];
  private regions: RegionCard[] = [];
  private links = new Links(this.root);
  private deviceRow = element("div", { class: "devices" });
  private regionRow = element("div", { class: "regions" });
  private sizes = new ResizeObserver(() => this.link());
  private era = 0;
  /** As long as it opens, copies that do not know of each other yet are nothing to look at. */
  private opening = true;

  constructor(private lab: string, private log: Log, private played: () => boolean) {
    this.root.append(this.links.root, this.deviceRow, this.regionRow);
    this.sizes.observe(this.root);
  }

  /** A new cart, new devices, everything linked. */
  async begin(cast: Cast[]): Promise<void> {
    const era = ++this.era;
    this.open(false);
    for (const { replica } of [...this.devices, ...this.regions]) void replica.close();
    [this.devices, this.regions, this.actors] = [[], [], new Actors()];
    const there = await faults();
    this.off = there && new Set();
    if (there?.length) await cut([]);
    this.session = cast.find(({ session, owner }) => session && !owner)?.session ?? await open(cast[0]?.region ?? REGIONS[0]);
    this.deviceRow.replaceChildren();
    this.regionRow.replaceChildren();
    // The first makes the cart known to its home; then the others, all at once.
    const [home, ...others] = await this.inOrder(cast, era);
    await home?.();
    await Promise.all(others.map(open => open()));
    await this.whenEqual();
    if (era !== this.era) return;
    this.open(true);
    this.root.dataset["devices"] = String(this.devices.length);
    this.draw();
  }

  private open(is: boolean): void {
    this.opening = !is;
    this.root.toggleAttribute("data-opening", !is);
    this.tell();
  }

  private async inOrder(cast: Cast[], era: number): Promise<(() => Promise<void>)[]> {
    const regions = REGIONS.map(region => async () => {
      const replica = await Replica.open({ kind: "region", name: region, region, token: this.session.token, storage: this.storage(region, era) }, this.changed);
      this.regions.push(new RegionCard(replica, this.actors, { cut: (region, off) => void this.cut(region, off), canCut: () => this.off !== null, isCut: region => !!this.off?.has(region), played: () => this.played() }));
      this.place();
      await until(() => replica.rests, EQUAL_MAX_MS);
    });
    const devices = cast.map(({ name, region, session = this.session, owner }) => () => this.device(name, region, session, owner));
    const at = REGIONS.indexOf(cast[0]?.region ?? REGIONS[0]);
    const [home] = regions.splice(at, 1);
    return [home!, ...regions, ...devices];
  }

  private async device(name: string, region: Region, session: Session, owner?: string): Promise<void> {
    const spec = { kind: "device" as const, name, region, token: session.token, storage: this.storage(name, this.era), ...owner === undefined ? {} : { owner } };
    const replica = await Replica.open(spec, this.changed);
    this.devices.push(new DeviceCard(replica, this.actors, this.does));
    this.place();
    await until(() => replica.rests, EQUAL_MAX_MS);
  }

  /** B becomes a copy of another device, cut off as that is. */
  async copy(from: string, name: string, region: Region): Promise<Replica> {
    const storage = this.storage(name, this.era);
    await duplicate(this.find(from).spec.storage, storage);
    const replica = await Replica.open({ kind: "device", name, region, token: "", storage }, this.changed, false);
    this.devices.push(new DeviceCard(replica, this.actors, this.does));
    this.place();
    return replica;
  }

  async add(): Promise<void> {
    const taken = this.devices.map(({ replica }) => replica.spec.name), name = LETTERS.find(letter => !taken.includes(letter));
    if (!name) return;
    const region = REGIONS[LETTERS.indexOf(name) % REGIONS.length]!;
    await this.device(name, region, this.session);
    this.log.say(`Device ${name} comes, in ${PLACES[region]}, and learns the cart.`);
    this.draw();
  }

  get room(): boolean { return this.devices.length < DEVICES_MAX; }

  find(name: string): Replica {
    const card = [...this.devices, ...this.regions].find(({ replica }) => replica.spec.name === name);
    if (!card) throw new Error(`nobody here is ${name}`);
    return card.replica;
  }

  /** All that hold the stage's cart. */
  get holders(): Replica[] {
    return [...this.devices, ...this.regions].map(({ replica }) => replica).filter(({ spec }) => spec.owner === undefined);
  }

  get equal(): boolean { return new Set(this.holders.map(({ digest }) => digest)).size === 1; }

  /** Waits until all rest and hold the same, and `more` is so. Whether it came about. */
  async whenEqual(more: () => boolean = () => true): Promise<boolean> {
    let looked = Date.now();
    return until(() => {
      if (Date.now() - looked > LOOK_MS) {
        looked = Date.now();
        // A shopper looks at the cart in each region: what has not come by itself is asked for.
        for (const region of REGIONS) void ask("GET", `/v1/carts/${this.session.cart_id}`, { region, token: this.session.token });
      }
      return this.equal && this.holders.every(holder => holder.rests) && more();
    }, EQUAL_MAX_MS);
  }

  async cut(region: Region, off: boolean): Promise<void> {
    if (!this.off) return;
    const next = new Set(this.off);
    off ? next.add(region) : next.delete(region);
    await cut([...next]);
    this.off = next;
    this.log.say(off ? `${PLACES[region]} is cut off from the other regions; its own devices still reach it.` : `${PLACES[region]} is linked again; regions tell each other what they missed.`, off ? "cut" : "");
    this.draw();
    if (!off && !this.played()) void this.whenEqual();
  }

  /** A plain request comes to a region. */
  hit(region: Region): void {
    const root = this.regions.find(({ replica }) => replica.spec.region === region)?.root;
    root?.classList.add("hit");
    setTimeout(() => root?.classList.remove("hit"), HIT_MS);
  }

  close(): void { for (const { replica } of [...this.devices, ...this.regions]) void replica.close(); }

  private does: Does = {
    act: (replica, said, work) => {
      const { name } = replica.spec;
      work().then(() => this.log.say(`${name} ${said}${replica.online ? "" : ", cut off"}.`), error => this.log.say(`${name} ${said}: refused, ${error.detail ?? error}`, "bad"));
    },
    connect: (replica, online) => {
      replica.setOnline(online);
      this.log.say(online ? `${replica.spec.name} is connected again and sends what it has.` : `${replica.spec.name} is cut off; it goes on by itself.`, online ? "" : "cut");
      this.draw();
    },
    move: (replica, region) => void replica.moveTo(region).then(() => { this.log.say(`${replica.spec.name} is now in ${PLACES[region]}.`); this.draw(); }),
    skew: (replica, ms) => { replica.setSkew(ms); this.log.say(`The clock of ${replica.spec.name} ${ms ? `is now ${wrong(ms)}` : "is right again"}.`); },
    remove: replica => {
      void replica.close();
      this.devices = this.devices.filter(card => card.replica !== replica);
      this.place();
      this.log.say(`Device ${replica.spec.name} is gone.`);
      this.draw();
    },
    canRemove: () => this.devices.length > DEVICES_MIN,
    played: () => this.played(),
  };

  private changed = (replica: Replica, change: Change): void => {
    const { spec, inspection } = replica;
    if (spec.kind === "device") this.actors.meet(inspection.actor, spec.owner === undefined ? spec.name : spec.name.toUpperCase(),
      actor => [...this.devices, ...this.regions].some(({ replica }) => replica.inspection.seen.some(one => one.actor === actor)));
    const card = [...this.devices, ...this.regions].find(card => card.replica === replica);
    if (!card) return;
    card.draw();
    this.move(card, change);
    this.tell();
  };

  /** From whom a change has come goes a dot along the link. */
  private move(card: Card, change: Change): void {
    const { spec, inspection, status } = card.replica;
    if (!change.digest) return;
    for (const dot of change.gained) {
      if (spec.kind === "device" && dot.actor === inspection.actor) continue;
      const from = this.source(card, other => dots(other.inspection).some(there => dotKey(there) === dotKey(dot)));
      if (from) this.links.travel(from.root, card.root, this.actors.shade(dot.actor));
    }
    if (change.gained.length === 0 && !(spec.kind === "device" && status.pending)) {
      const from = this.source(card, other => other.digest === card.replica.digest);
      if (from) this.links.travel(from.root, card.root, null);
    }
  }

  private source(card: Card, has: (replica: Replica) => boolean): Card | undefined {
    const { spec } = card.replica;
    const near = this.devices.filter(({ replica }) => replica.online && replica.spec.region === spec.region && replica.spec.owner === undefined);
    const linked = this.regions.filter(other => other !== card && !this.off?.has(spec.region) && !this.off?.has(other.replica.spec.region));
    if (spec.kind === "device") return this.regions.find(({ replica }) => replica.spec.region === spec.region && card.replica.online && has(replica));
    return near.find(({ replica }) => has(replica)) ?? linked.find(({ replica }) => has(replica));
  }

  /** Whether all are equal, in words and in patterns. */
  private tell(): void {
    this.banner.classList.toggle("opens", this.opening);
    if (this.opening) {
      this.banner.dataset["text"] = "";
      delete this.banner.dataset["equal"];
      return this.banner.replaceChildren("Opening …");
    }
    const holders = this.holders, digests = [...new Set(holders.map(({ digest }) => digest))];
    const same = digests.length === 1;
    this.banner.classList.toggle("yes", same);
    const text = same ? `All equal: ${holders.length} copies of the cart, one fingerprint` : `${holders.length} copies of the cart, ${digests.length} different ones`;
    if (this.banner.dataset["text"] === text + digests[0]) return;
    this.banner.dataset["text"] = text + digests[0];
    this.banner.dataset["equal"] = String(same);
    this.banner.replaceChildren(element("strong", {}, text), ...digests.flatMap(digest => [pattern(digest), element("code", { class: "notation" }, digest.slice(0, DIGITS))]));
  }

  private place(): void {
    const order = (names: readonly string[]) => (a: Card, b: Card) => names.indexOf(a.replica.spec.name) - names.indexOf(b.replica.spec.name);
    this.devices.sort(order([...LETTERS, "guest"]));
    this.regions.sort(order(REGIONS));
    for (const [row, cards] of [[this.deviceRow, this.devices], [this.regionRow, this.regions]] as const) {
      row.replaceChildren(...cards.map(card => card.root));
      for (const card of cards) { card.draw(); this.sizes.observe(card.root); }
    }
    this.deviceRow.style.setProperty("--devices", String(Math.max(1, this.devices.length)));
    this.root.dataset["devices"] = String(this.devices.length);
    this.tell();
    this.link();
  }

  draw(): void {
    for (const card of [...this.devices, ...this.regions]) card.draw();
    this.tell();
    this.link();
  }

  private link(): void {
    const of = (region: Region) => this.regions.find(({ replica }) => replica.spec.region === region);
    const links: Link[] = [];
    for (const { replica, root } of this.devices) {
      const region = of(replica.spec.region);
      if (region) links.push({ from: root, to: region.root, kind: "device", off: !replica.online });
    }
    this.regions.forEach((one, at) => {
      for (const other of this.regions.slice(at + 1)) {
        const off = !!this.off?.has(one.replica.spec.region) || !!this.off?.has(other.replica.spec.region);
        links.push({ from: one.root, to: other.root, kind: "region", off });
      }
    });
    this.links.draw(links);
  }

  private storage(name: string, era: number): string { return `${this.lab}-${era}-${name}`; }
}

/** Waits until something is so; whether it was in time. */
export async function until(is: () => boolean, max_ms: number): Promise<boolean> {
  for (const end = Date.now() + max_ms; Date.now() < end;) {
    if (is()) return true;
    await new Promise(next => setTimeout(next, 50));
  }
  return is();
}
