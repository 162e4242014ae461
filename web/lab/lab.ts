// The lab: what a cart that is a CRDT at the edge does, with real clients and the real service, to be tried by hand
// or played by the golden scenarios.
import text from "../../crates/cart-core/tests/golden/scenarios.txt";
import { count, element } from "./dom.js";
import { Log } from "./log.js";
import { missing, plain, Play, type Verdict } from "./play.js";
import { learn } from "./products.js";
import { sweep } from "./replica.js";
import { parse, type Kind, type Scenario } from "./scenario.js";
import { healAtLast, PLACES } from "./service.js";
import { Stage } from "./stage.js";
import { story } from "./stories.js";

/** What is played by the big button. */
const FIRST = "S3";
const STEPPED = "step";
/** Under which name the browser keeps that a reader wants the notation. */
const NOTATION = "evercart-lab-notation";
/** How long a beat is looked at, in milliseconds. */
const SPEED_MS = 1_800;
const SPEEDS: [name: string, ms: number][] = [["Slow", 3_500], ["Normal", SPEED_MS], ["Fast", 700], ["At once", 0]];
const KINDS: Record<Kind, [title: string, says: string]> = {
  devices: ["Two devices", "Both hold the cart, are cut off, act, and are heard again."],
  regions: ["Two regions", "One region is cut off; plain requests reach both sides."],
  tabs: ["A doubled tab", "Two replicas that think they are the same one."],
  carts: ["A guest signs in", "A guest’s cart joins a user’s, also twice, also late."],
};

const lab = `lab-${crypto.getRandomValues(new Uint32Array(1))[0]!.toString(16)}`;
const scenarios = parse(text);
const at = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;

const log = new Log();
/** The play under way; another object as soon as it is given up. */
let playing: { scenario: Scenario } | null = null;
let next: (() => void) | null = null;
const player = at("player"), narration = at("narration"), verdict = at("verdict"), progress = at<HTMLProgressElement>("progress");
const stage = new Stage(lab, log, () => player.dataset["state"] !== "idle");
const speed = at<HTMLSelectElement>("speed"), step = at<HTMLButtonElement>("step");

async function play(scenario: Scenario): Promise<void> {
  const mine = playing = { scenario };
  next?.();
  player.dataset["state"] = "playing";
  player.dataset["scenario"] = scenario.id;
  log.clear();
  show(null);
  headline(scenario);
  address(`?play=${scenario.id}`);
  // The player sticks to the edge, so that it is always in view: what is before it tells where the stage begins.
  at("from").scrollIntoView({ block: "start" });
  for (const button of document.querySelectorAll<HTMLElement>("[data-play]")) button.toggleAttribute("aria-current", button.dataset["play"] === scenario.id);
  const play = new Play(scenario, stage, log), beats = play.beats();
  progress.max = beats.length;
  try {
    for (const [nth, beat] of beats.entries()) {
      progress.value = nth + 1;
      narration.textContent = beat.say;
      narration.className = beat.kind;
      log.say(beat.say, beat.kind);
      await beat.run();
      if (playing !== mine) return;
      if (nth < beats.length - 1) await pause();
      if (playing !== mine) return;
    }
    show(play.verdict!, scenario);
    address(`?play=${scenario.id}&end`);
  } catch (error) {
    if (playing !== mine) return;
    show({ expected: false, then: scenario.then, found: [["The play", String((error as Error).message ?? error)]], equal: stage.equal }, scenario);
  }
  playing = null;
  player.dataset["state"] = "done";
  stage.draw();
  // Where the play was watched, the verdict has moved the stage.
  const { top } = at("from").getBoundingClientRect();
  if (top < 0 && top > -innerHeight) at("from").scrollIntoView({ block: "start" });
}

function pause(): Promise<void> {
  player.dataset["state"] = "waiting";
  step.disabled = speed.value !== STEPPED;
  return new Promise<void>(go => {
    next = go;
    if (speed.value !== STEPPED) setTimeout(go, Number(speed.value));
  }).then(() => { next = null; step.disabled = true; player.dataset["state"] = "playing"; });
}

function headline({ id, wording: { given, a, b, then } }: Scenario): void {
  const part = (label: string, text: string, kind = "") => element("div", { class: kind }, element("dt", {}, label), element("dd", {}, text === "-" ? "nothing" : text));
  at("playing").replaceChildren(element("h2", {}, story(id).title), element("dl", { class: "notation" }, element("div", {}, element("dt", {}, id)), part("Given", given), part("A", a, "a"), part("B", b, "b"), part("Then", then, "then")));
}

function show(result: Verdict | null, scenario?: Scenario): void {
  verdict.hidden = result === null;
  verdict.replaceChildren();
  delete verdict.dataset["verdict"];
  if (!result || !scenario) return;
  verdict.dataset["verdict"] = result.expected ? "expected" : "different";
  const all = result.then || "an empty cart";
  narration.textContent = result.expected ? "Every device and every region shows the same." : "This is not what the design says.";
  narration.className = result.expected ? "good" : "bad";
  log.say(result.expected ? `As expected: ${all}.` : `Not as expected: it should be ${all}.`, result.expected ? "good" : "bad");
  verdict.append(...result.expected
    ? [element("span", { class: "tick", "aria-hidden": "true" }, "✓"), element("div", {},
      element("h2", {}, `${count(stage.holders.length)} copies, one cart: ${plain(result.then)}`), element("p", { class: "why" }, story(scenario.id).why),
      element("p", { class: "notation" }, "As expected: ", element("code", {}, all), " with one digest.")), copy()]
    : [element("span", { class: "tick", "aria-hidden": "true" }, "✗"), element("div", {}, element("h2", {}, "Not as expected"), element("p", {}, "It should be ", element("code", {}, all), "."),
      element("ul", {}, ...result.found.map(([who, shows]) => element("li", {}, `${who}: `, element("code", {}, shows || "an empty cart")))))]);
}

/** What is seen has an address, to come back to and to pass on. */
function address(search: string): void { history.replaceState(null, "", `/lab${search}`); }

function copy(): HTMLElement {
  const button = element("button", { type: "button", click: async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = "Copied";
    } catch { button.textContent = location.href; }
  } }, "Copy the link");
  return button;
}

/** Two devices, an empty cart, all by hand. */
async function anew(): Promise<void> {
  playing = null;
  next?.();
  player.dataset["state"] = "starting";
  log.clear();
  show(null);
  at("playing").replaceChildren();
  narration.className = "";
  narration.textContent = "Opening a cart …";
  for (const button of document.querySelectorAll("[data-play]")) button.removeAttribute("aria-current");
  progress.value = 0;
  address("");
  await stage.begin([{ name: "A", region: "weur" }, { name: "B", region: "enam" }]);
  offer();
  narration.textContent = "Two devices share one cart. Add something, cut one off, add more, and connect it again.";
  log.say(`A new cart: device A in ${PLACES.weur}, device B in ${PLACES.enam}.`);
  player.dataset["state"] = "idle";
  stage.draw();
}

/** What can be played: without the switch that cuts regions off, less. */
function offer(): void {
  const canCut = stage.off !== null;
  at("scenarios").replaceChildren(...list());
  at("total").textContent = `${count(scenarios.filter(scenario => !missing(scenario, canCut)).length)} of ${count(scenarios.length)} can be played`;
  at("uncut").hidden = canCut;
}

function list(): HTMLElement[] {
  return (Object.keys(KINDS) as Kind[]).map(kind => {
    const [title, says] = KINDS[kind];
    const of = scenarios.filter(scenario => scenario.kind === kind);
    return element("section", { class: "group" }, element("h3", {}, title), element("p", {}, says), element("ul", {}, ...of.map(entry)));
  });
}

function entry(scenario: Scenario): HTMLElement {
  const { id, wording: { given, a, b, then } } = scenario, lacks = missing(scenario, stage.off !== null);
  const said = (label: string, text: string, kind: string) => text !== "-" && element("span", { class: kind }, element("small", {}, label), ` ${text} `);
  const wording = [said("given", given, "given"), said("A", a, "a"), said("B", b, "b"), element("span", { class: "then" }, element("small", {}, "then"), ` ${then === "-" ? "nothing" : then}`)];
  if (lacks) return element("li", { class: "lacks", "data-lacks": id }, element("strong", {}, story(id).title), element("span", { class: "wording notation" }, element("small", {}, id), ...wording), element("em", {}, lacks));
  return element("li", {}, element("button", { type: "button", "data-play": id, click: () => { void play(scenario); } },
    element("strong", {}, story(id).title), element("span", { class: "wording notation" }, element("small", {}, id), ...wording)));
}

/** With what a cart is made of, or in plain words: this reader’s choice. */
function read(signs: boolean): void {
  notation.setAttribute("aria-pressed", String(signs));
  document.body.toggleAttribute("data-plain", !signs);
  try { signs ? localStorage.setItem(NOTATION, "") : localStorage.removeItem(NOTATION); } catch { /* Then it is for this time. */ }
}

/** Shows what the address names: a scenario, played at once where its end is named; else a cart to play with. */
async function arrive(): Promise<void> {
  const asked = new URLSearchParams(location.search), id = asked.get("play");
  const ends = asked.has("end");
  await anew();
  if (id === null) return;
  const scenario = scenarios.find(one => one.id === id), lacks = scenario && missing(scenario, stage.off !== null);
  if (!scenario || lacks) {
    narration.textContent = lacks ? `“${story(id).title}” cannot be played here. ${lacks}` : "There is no such scenario. All that there are stand below.";
    return;
  }
  if (ends) speed.value = "0";
  await play(scenario);
  if (ends) speed.value = String(SPEED_MS);
}

function failed(error: unknown): void {
  narration.className = "bad";
  narration.textContent = `The service cannot be reached: ${(error as Error).message}. Start anew in a moment.`;
  player.dataset["state"] = "failed";
}

speed.append(element("option", { value: STEPPED }, "Step by step"), ...SPEEDS.map(([name, ms]) => element("option", { value: ms, selected: name === "Normal" }, name)));
speed.addEventListener("change", () => { if (next) { step.disabled = speed.value !== STEPPED; if (speed.value !== STEPPED) next(); } });
step.addEventListener("click", () => next?.());
at("first").addEventListener("click", () => void play(scenarios.find(({ id }) => id === FIRST)!));
at("anew").addEventListener("click", () => void anew().catch(failed));
at("hand").addEventListener("click", () => {
  show(null);
  player.dataset["state"] = "idle";
  narration.className = "";
  narration.textContent = "This is where the play has ended. Go on from here.";
  stage.draw();
  at("anew").focus();
});
at("add").addEventListener("click", () => { if (stage.room) void stage.add().catch(failed); });
at("stage").append(stage.root);
at("banner").append(stage.banner);
at("happened").append(log.root);
const notation = at("notation");
notation.addEventListener("click", () => read(notation.getAttribute("aria-pressed") !== "true"));
let chosen: string | null = null;
try { chosen = localStorage.getItem(NOTATION); } catch { /* Nothing is kept in this browser. */ }
read(chosen !== null);
addEventListener("pagehide", () => { stage.close(); if (stage.off?.size) healAtLast(); });
// Held as long as this page lives: others then leave its storages alone.
void navigator.locks.request(lab, () => new Promise(() => {}));
void sweep(lab);
await learn().then(arrive).catch(failed);
