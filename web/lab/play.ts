// Plays a golden scenario on the stage, beat by beat: what is given, the cut, what A and B do unseen, the healing, and
// what all show then, compared with what the design says. Devices act by the real client, regions by plain requests.
import type { Cart, Line } from "evercart";
import { wrong } from "./device.js";
import { count } from "./dom.js";
import type { Log } from "./log.js";
import { letter, name, SKUS } from "./products.js";
import type { Replica } from "./replica.js";
import { shown, type Item, type Scenario, type Step, type Who } from "./scenario.js";
import { ask, faults, open, PLACES, REGIONS, type Answer, type Region, type Session } from "./service.js";
import { until, type Cast, type Stage } from "./stage.js";

/** How long a late edit may take into another cart, in milliseconds; and how long what is equal may take to be shown. */
const LATE_MAX_MS = 20_000, SHOWN_MAX_MS = 2_000;
const PLACE: Record<Who, Region> = { given: "weur", A: "weur", B: "enam", guest: "apac" };

/** One beat: what is said, then done. */
export interface Beat { say: string; kind: "" | "cut" | "good"; run(): Promise<void> }

/** How it ended: as expected, or what was shown instead. */
export interface Verdict { expected: boolean; then: string; found: [who: string, shows: string][]; equal: boolean }

/** Why a scenario is not played; null if it is. */
export function missing(scenario: Scenario, canCut: boolean): string | null {
  if (scenario.kind === "regions" && !canCut) return "Needs regions that can be cut off, which only a service in development has.";
  const steps = [...scenario.given, ...scenario.rounds.flat()];
  return steps.some(step => step.op === "checkout") ? "Needs checkout, which is not there yet." : null;
}

/** What a cart shows, in plain words. */
export function plain(shows: string): string {
  const said = shows.split(" ").filter(Boolean).map(word => {
    const [, sku = "", engraving, at, quantity = ""] = /^([A-Za-z]+)(?:\[(\w+)\])?([:~])(\d+)/.exec(word) ?? [];
    if (!at) return word.replace(/^coupon=/, "the coupon ").replace(/^note=(.*)$/, "the note “$1”");
    return `${count(Number(quantity))} × ${name(SKUS[sku] ?? sku)}${engraving ? ` engraved “${engraving}”` : ""}${at === "~" ? ", saved for later" : ""}${word.includes("!") ? ", more than may be bought" : ""}`;
  });
  return said.join("; ") || "an empty cart";
}

/** What a step does, in plain words. */
export function words(step: Step): string {
  const what = step.item && `${name(SKUS[step.item.sku] ?? step.item.sku)}${step.item.engraving ? ` engraved “${step.item.engraving}”` : ""}`;
  const by = step.key ? ", under the key " + step.key : step.seen ? ", as the view it kept shows it" : "";
  const did = ((): string => {
    switch (step.op) {
      case "add": return `adds ${step.count} × ${what}`;
      case "set": return `sets ${what} to ${step.count}`;
      case "decrement": return `takes ${step.count} × ${what} off`;
      case "remove": return `removes ${what}${step.saved ? " from what is saved" : ""}`;
      case "clear": return "clears the cart";
      case "save": return `saves ${what} for later`;
      case "unsave": return `moves ${what} back to the cart`;
      case "coupon": return `applies coupon ${step.text}`;
      case "uncoupon": return `removes coupon ${step.text}`;
      case "note": return `notes “${step.text}”`;
      case "checkout": return `checks out as order ${step.count}`;
      case "redeliver": return `gets change ${step.count} of the given once more`;
      case "view": return "keeps the view it shows";
      case "duplicate": return "is a copy of A";
      case "join": return "takes the guest’s cart into its own";
    }
  })();
  return did + by + (step.refused ? " – which is to be refused" : "");
}

export class Play {
  private round = 0;
  /** When the present round began, which is second 0 of its clocks. */
  private base = 0;
  private sent: { step: Step; key: string }[] = [];
  private views = new Map<string, string>();
  private lines = new Map<string, string>();
  private sessions = new Map<Who, Session>();
  private run = crypto.getRandomValues(new Uint32Array(1))[0]!.toString(16);
  verdict: Verdict | null = null;

  constructor(private scenario: Scenario, private stage: Stage, private log: Log) {}

  beats(): Beat[] {
    const { scenario } = this, { kind, given, rounds } = scenario;
    const beats: Beat[] = [];
    const beat = (say: string, run: () => Promise<unknown>, kind: Beat["kind"] = "") => beats.push({ say, kind, run: async () => { await run(); } });
    beat(this.opening(), () => this.open());
    for (const step of given) beat(`Given: ${kind === "regions" || this.redelivers ? "a request" : "A"} ${words(step)}.`, () => this.give(step));
    if (kind === "carts") for (const step of rounds.flat()) beat(`${this.who(step)} ${words(step)}.`, () => this.act(step));
    else rounds.forEach((round, at) => {
      if (kind === "tabs") beat("A is cut off: from here on it acts by itself.", () => this.part(), "cut");
      else beat(kind === "devices" ? "Cut: A and B lose their connections. Neither sees what the other does." : `Cut: ${PLACES.enam} hears nothing of the other regions, and they nothing of it.`, () => this.part(), "cut");
      for (const step of round) beat(`${this.who(step)} ${words(step)}${step.at === null ? "" : this.hour(step.at)}.`, () => this.act(step));
      beat(at < rounds.length - 1 ? "Both are heard again, and hold what either has." : "Healed: each hears what it missed, in whatever order it comes.", () => this.heal(), "good");
    });
    beat("And then?", () => this.judge());
    return beats;
  }

  private get redelivers(): boolean { return this.scenario.rounds.flat().some(step => step.op === "redeliver"); }

  private hour(at: number): string { return at < 60 ? `, at ${at} s by its own clock` : `, its clock ${wrong(at * 1000)}: an hour offline and ten minutes wrong`; }

  private who({ who }: Step): string {
    if (this.scenario.kind === "regions") return `In ${PLACES[PLACE[who]]} a request`;
    return who === "guest" ? "The guest" : who;
  }

  private opening(): string {
    switch (this.scenario.kind) {
      case "devices": return `Two devices open one cart: A in ${PLACES.weur}, B in ${PLACES.enam}.`;
      case "regions": return `Regions hold one cart; A is ${PLACES.weur}, B is ${PLACES.enam}. All edits are plain requests.`;
      case "tabs": return `Device A opens a cart in ${PLACES.weur}.`;
      case "carts": return "Each shopper has a cart of its own; the regions show that of A.";
    }
  }

  private async open(): Promise<void> {
    const { kind, given, rounds } = this.scenario;
    const cast: Cast[] = [];
    if (kind !== "regions") cast.push({ name: "A", region: PLACE.A });
    if (kind === "devices") cast.push({ name: "B", region: PLACE.B });
    if (kind === "carts") {
      for (const who of ["A", "B", "guest"] as const) {
        if (who !== "A" && ![...given, ...rounds.flat()].some(step => step.who === who)) continue;
        this.sessions.set(who, await open(PLACE[who]));
        if (who === "A") cast[0]!.session = this.sessions.get(who)!;
        else cast.push({ name: who, region: PLACE[who], session: this.sessions.get(who)!, owner: who === "B" ? "another user’s cart" : "the guest’s cart" });
      }
    }
    await this.stage.begin(cast);
    await this.reach();
  }

  private async give(step: Step): Promise<void> {
    // What arrives again later must come by a request that can be sent again.
    this.scenario.kind === "regions" || this.redelivers ? await this.request(step) : await this.edit(this.stage.find("A"), step);
    await this.reach();
  }

  private async part(): Promise<void> {
    this.base = Date.now();
    if (this.scenario.kind === "regions") {
      await this.stage.cut("enam", true);
      if (!(await faults())?.includes("enam")) throw new Error("the region is not cut off");
    }
    else for (const who of this.here()) {
      const device = this.stage.find(who);
      device.setOnline(false);
      if (device.status.online) throw new Error(`${who} is not cut off`);
    }
    this.stage.draw();
  }

  private async heal(): Promise<void> {
    if (this.scenario.kind === "regions") await this.stage.cut("enam", false);
    else for (const who of this.here()) {
      this.stage.find(who).setOnline(true);
      // The first to be heard keeps the actor that two have.
      if (this.scenario.kind === "tabs") await until(() => this.stage.find(who).rests, LATE_MAX_MS);
    }
    this.stage.draw();
    await this.reach();
    this.round++;
  }

  private here(): string[] {
    return ["A", "B"].filter(who => this.stage.holders.some(({ spec }) => spec.name === who));
  }

  private async act(step: Step): Promise<void> {
    const { kind } = this.scenario;
    if (step.op === "duplicate") {
      await this.stage.copy("A", step.who, "enam");
      this.log.say("A’s storage is copied, its actor too, as a copied disk would: no lock of the browser sees it. Two replicas now make dots of one name.");
    } else if (step.op === "view") {
      const { body } = await ask("GET", `/v1/carts/${this.stage.session.cart_id}`, this.as(step.who));
      this.views.set(step.text, body.context);
      this.learn(body);
    } else if (step.op === "redeliver") {
      const { step: again, key } = this.sent[step.count - 1]!;
      const { replayed } = this.expect(step, await this.send({ ...again, who: step.who }, key));
      if (!replayed) throw new Error("the change was taken for a new one");
      this.log.say("The same request with the same key makes the same dots: they were seen, and mean nothing new.");
    } else if (step.op === "join") await this.join(step);
    else if (kind === "regions") await this.request(step);
    else {
      const device = this.stage.find(step.who);
      if (step.at !== null) device.setSkew(this.base + step.at * 1000 - Date.now());
      await this.edit(device, step);
      if (kind === "carts") await device.cart.settled();
    }
    if (kind === "carts") await this.reach();
  }

  /** A merge of the guest's cart into that of A or B. */
  private async join(step: Step): Promise<void> {
    const guest = this.sessions.get("guest")!, own = this.sessions.get(step.who)!;
    const body = { cart_id: guest.cart_id, token: guest.token };
    this.expect(step, await ask("POST", "/v1/carts/current/merge", { region: PLACE[step.who], token: own.token, body }));
    if (step.refused) this.log.say(`Refused, as it is to be: ${step.refused}.`, "good");
  }

  // ---- by the client

  private async edit({ cart }: Replica, step: Step): Promise<void> {
    const id = (at: "lines" | "saved"): string => {
      const found = cart.view[at].find(line => is(line, step.item!));
      if (!found) throw new Error(`${step.who} has no ${step.item!.sku} in ${at}`);
      return found.line_id;
    };
    await this.command(cart, step, id);
  }

  private command(cart: Cart, step: Step, id: (at: "lines" | "saved") => string): Promise<unknown> {
    switch (step.op) {
      case "add": return cart.add(SKUS[step.item!.sku]!, step.count, step.item!.engraving ? { customization: { engraving: step.item!.engraving } } : {});
      case "set": return cart.setQuantity(id("lines"), step.count);
      case "decrement": return cart.decrement(id("lines"), step.count);
      case "remove": return step.saved ? cart.remove(id("saved"), "saved") : cart.remove(id("lines"));
      case "clear": return cart.clear();
      case "save": return cart.save(id("lines"));
      case "unsave": return cart.moveToCart(id("saved"));
      case "coupon": return cart.applyCoupon(step.text);
      case "uncoupon": return cart.removeCoupon(step.text);
      case "note": return cart.setNote(step.text);
      default: throw new Error(`${step.op} is nothing that a device does`);
    }
  }

  // ---- by plain requests

  private as(who: Who): { region: Region; token: string } { return { region: PLACE[who], token: this.stage.session.token }; }

  private async request(step: Step): Promise<void> {
    const key = `${this.run}-${step.key ?? this.sent.length}`;
    const retried = step.key !== null && this.sent.some(sent => sent.key === key && sent.step.who === step.who);
    const { replayed } = this.expect(step, await this.send(step, key));
    if (retried && !replayed) throw new Error("a retry was taken for a new edit");
    if (retried) this.log.say("It is known by its key, and not done again.");
    this.sent.push({ step, key });
  }

  private async send(step: Step, key: string): Promise<Answer> {
    const cart = `/v1/carts/${this.stage.session.cart_id}`;
    const context = step.seen === null ? undefined : this.views.get(step.seen);
    const line = () => `${cart}/lines/${this.lines.get(letters(step.item!))}`;
    const [method, path, body] = ((): [string, string, Record<string, unknown> | undefined] => {
      switch (step.op) {
        case "add": return ["POST", `${cart}/lines`, { sku: SKUS[step.item!.sku], quantity: step.count, ...step.item!.engraving ? { customization: { engraving: step.item!.engraving } } : {} }];
        case "set": return ["PATCH", line(), { quantity: step.count }];
        case "decrement": return ["PATCH", line(), { decrement: step.count }];
        case "save": return ["PATCH", line(), { location: "saved" }];
        case "unsave": return ["PATCH", line(), { location: "cart", in: "saved" }];
        case "remove": return ["DELETE", `${line()}?in=${step.saved ? "saved" : "cart"}`, undefined];
        case "clear": return ["DELETE", `${cart}/lines?in=cart`, undefined];
        case "note": return ["PATCH", cart, { note: step.text }];
        case "coupon": return ["POST", `${cart}/coupons`, { code: step.text }];
        case "uncoupon": return ["DELETE", `${cart}/coupons/${step.text}?in=cart`, undefined];
        default: throw new Error(`${step.op} is no request`);
      }
    })();
    const asked = { ...this.as(step.who), key, ...body ? { body: context ? { ...body, context } : body } : {} };
    this.stage.hit(PLACE[step.who]);
    const answer = await ask(method, !body && context ? `${path}&context=${context}` : path, asked);
    if (answer.status === 200) this.learn(answer.body);
    return answer;
  }

  /** The ids of lines, which are the same in every region. */
  private learn(view: { lines: Line[]; saved: Line[] }): void {
    for (const line of [...view.lines, ...view.saved]) {
      const engraving = line.customization?.["engraving"];
      this.lines.set(letters({ sku: letter(line.sku), engraving: engraving === undefined ? null : String(engraving) }), line.line_id);
    }
  }

  private expect(step: Step, answer: Answer): Answer {
    const code = answer.status < 300 ? null : String(answer.body?.code);
    if (code !== step.refused) throw new Error(`${step.op}: ${code ?? "not refused"}${answer.body?.detail ? `, ${answer.body.detail}` : ""}`);
    return answer;
  }

  // ---- the end

  private async reach(): Promise<void> {
    if (!await this.stage.whenEqual()) throw new Error("the replicas have not become equal in time");
  }

  private async judge(): Promise<void> {
    const { then } = this.scenario, { stage } = this;
    const now = (holder: Replica) => shown(holder.view, letter);
    await until(() => stage.equal && stage.holders.every(holder => holder.rests && now(holder) === then), this.scenario.kind === "carts" ? LATE_MAX_MS : SHOWN_MAX_MS);
    const found = stage.holders.map(holder => [holder.spec.kind === "region" ? PLACES[holder.spec.region] : `Device ${holder.spec.name}`, now(holder)] as [string, string]);
    // What the regions answer to a plain request, which no client has a part in.
    for (const region of REGIONS) {
      const { body } = await ask("GET", `/v1/carts/${stage.session.cart_id}`, { region, token: stage.session.token });
      found.push([`A request in ${PLACES[region]}`, body?.lines ? shown(body, letter) : `refused: ${body?.code}`]);
      if (body?.version !== stage.find(region).view.version) found.push([`The version in ${PLACES[region]}`, "differs from what its replica showed"]);
    }
    const equal = stage.equal;
    this.verdict = { expected: equal && found.every(([, shows]) => shows === then), then, found, equal };
  }
}

function is(line: Line, item: Item): boolean {
  const engraving = line.customization?.["engraving"];
  return letter(line.sku) === item.sku && (engraving === undefined ? null : String(engraving)) === item.engraving;
}

function letters(item: Item): string { return `${item.sku}[${item.engraving ?? ""}]`; }
