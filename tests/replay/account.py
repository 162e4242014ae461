#!/usr/bin/env python3
"""The account: what a cart must show after several devices edited it at once.

An oracle, written from the rules of the design (cart-crdt.md, R1 to R15) alone; it shares nothing with
the product. It keeps no state and merges nothing. It knows the *events* (the edits), which events each
of them *saw*, and computes what is shown as a function of all events, after S. Burckhardt, Principles
of Eventual Consistency (2014):

    contribution   what an add, or a set to n > 0, brings to its line; it is known by its event
    live           a contribution that no event in view removes
    observed       the contributions of a line, live at the location an event acts on, in what it saw
    effect         what an event does to the contributions it observed: removes, takes from, moves them

An event's effect depends only on what it saw, so it stays the same whatever happens elsewhere. The cart
finally shows the view of every event that became durable.

    account.py BASKETS.jsonl [--out FILE]

reads one basket a line ({"basket", "scope", "events", "refused", "final", "views", ..}), compares what each
cart shows at last ("final") with this account, and writes totals and the first 50 mismatches as JSON. "views",
which may be left out, are what it showed on the way: after the commit "seq" and before the next. Events may
leave out "in", "scope" and "batch". "line_count_by_key" counts the lines of a key listed in one place.
Where a cart has several replicas, each with commits of its own, no "upto" says what was seen: "saw" does, of
an event, a view or a refusal. It lists the events by their positions in the basket's list.
A refusal is judged if its code is one of JUDGED, by what the events with seq <= upto show; it carries "key"
and "in", "n", "coupon", as its code needs. One that saw more, such as the rest of its batch, is "dirty".
Exit code 0: all as it must be; 1: a violation; 2: the input is malformed.
"""

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import islice

CART, SAVED = "cart", "saved"
VIOLATIONS = ("lost", "doubled", "resurrected", "other", "views_wrong", "refusals_wrong")
MISMATCHES_LISTED = 50
LINE_QUANTITY_MAX = 9_999


# ---- Events, and which of them saw which -----------------------------------------------------------

@dataclass(frozen=True, eq=False)
class Event:
    position: int            # in the list of the basket's events
    id: tuple                # (counter, actor)
    device: int
    op: str
    where: str               # the location acted on
    scope: str               # the cart it was made in
    seq: int | None          # of the commit that made it durable; None: it never was
    upto: int                # it saw every event with seq <= upto,
    own: bool                # every earlier one of its device, if so,
    batch: int | None        # and every earlier one of its batch
    acknowledged: bool
    saw: frozenset | None = None   # instead of "upto": the positions of the events it saw
    key: str | None = None
    n: int | None = None
    code: str | None = None
    text: str | None = None
    time: tuple | None = None

    @property
    def contributes(self):
        return self.op == "add" or (self.op == "set" and self.n > 0)

    @property
    def stamp(self):
        """By which the last writer wins (R5, R15)."""
        return self.time, self.id[1]

    @property
    def destination(self):
        return {"save": SAVED, "unsave": CART}.get(self.op, self.where)


def saw(e, f):
    """Did event e see event f?"""
    earlier = f.position < e.position
    return (is_in(f, e.saw, e.upto)
            or (earlier and e.own and f.device == e.device)
            or (earlier and e.batch is not None and f.batch == e.batch))


def is_in(f, saw, upto):
    """Is event f among those that are listed, or else among the commits up to that one?"""
    return f.position in saw if saw is not None else f.seq is not None and f.seq <= upto


# ---- What a set of events shows --------------------------------------------------------------------

@dataclass(frozen=True)
class Effect:
    removes: frozenset = frozenset()              # contributions
    moves: frozenset = frozenset()                # contributions, to the event's destination
    takes: dict = field(default_factory=dict)     # contribution -> how much a decrement takes from it
    generation: int = 0                           # of a set: it rivals those of its scope and generation


class View:
    """What is shown to whoever has seen exactly these events."""

    def __init__(self, events, effects):
        self.events = events
        self.effects = effects
        self.removed = {c for e in events for c in effects[e].removes}

    def live(self, key):
        return [e for e in self.events if e.contributes and e.key == key and e not in self.removed]

    def location(self, contribution):
        """Where the latest move put it; else the cart, where it was born."""
        moves = [(e.stamp, e.destination) for e in self.events if contribution in self.effects[e].moves]
        return max(moves)[1] if moves else CART

    def observed(self, key, where):
        return frozenset(c for c in self.live(key) if self.location(c) == where)

    def counting(self, key, where):
        """Of the observed, those that count: every add, and of rival sets the latest."""
        observed = self.observed(key, where)
        sets = sorted((c for c in observed if c.op == "set"), key=lambda c: (c.stamp, c.id))
        latest_of_rivals = {(c.scope, self.effects[c].generation): c for c in sets}
        return [c for c in observed if c.op == "add"] + list(latest_of_rivals.values())

    def taken(self, contribution):
        return sum(self.effects[e].takes.get(contribution, 0) for e in self.events)

    def quantity(self, key, where):
        """Clamped once for the whole line, not for each contribution (R7)."""
        return max(0, sum(c.n - self.taken(c) for c in self.counting(key, where)))

    def applied(self, code):
        """The live applications of a coupon: it is there while there are any (R14)."""
        return frozenset(e for e in self.events if e.op == "coupon" and e.code == code and e not in self.removed)

    def note(self):
        notes = [(e.stamp, e.text) for e in self.events if e.op == "note"]
        return max(notes, key=lambda note: (note[0], note[1] or ""))[1] if notes else None

    def keys(self):
        return {e.key for e in self.events if e.contributes}

    def codes(self):
        return {e.code for e in self.events if e.op == "coupon"}


# ---- What an event does ----------------------------------------------------------------------------

def effect(e, view):
    """The effect of an event, given the view of what it saw."""
    if e.op in ("coupon", "note"):
        return Effect()
    if e.op == "uncoupon":
        return Effect(removes=view.applied(e.code))
    if e.op == "clear":
        return Effect(removes=frozenset(c for key in view.keys() for c in view.observed(key, CART)))

    observed = view.observed(e.key, e.where)
    shown = view.quantity(e.key, e.where)
    if e.op == "add":
        return Effect(removes=observed) if shown == 0 else Effect()         # no hidden debt (R7)
    if e.op == "set" and e.n > 0:
        return Effect(removes=observed, moves=frozenset({e} if e.where == SAVED else ()),
                      generation=generation(e, view))
    if e.op in ("set", "remove"):                                           # set to 0 is remove
        return Effect(removes=observed)
    if e.op == "decrement":
        return Effect(removes=observed) if e.n >= shown else Effect(takes=shares(e, view))
    if e.op in ("save", "unsave"):
        there = view.quantity(e.key, e.destination)
        debt = view.observed(e.key, e.destination) if observed and there == 0 else frozenset()
        return Effect(removes=debt, moves=observed)                         # as an add: no hidden debt (R7)
    raise AssertionError(f"no rule for {e.op}")


def generation(e, view):
    """Sets of one cart are rivals (R5), but not those at the other location that this one's maker saw:
    five saved and then three set in the cart are eight when the three are saved too."""
    elsewhere = view.observed(e.key, CART if e.where == SAVED else SAVED)
    seen = [view.effects[c].generation for c in elsewhere if c.op == "set" and c.scope == e.scope]
    return max(seen, default=-1) + 1


def shares(decrement, view):
    """How much it takes from each contribution that counts: newest first, each up to what is left of it."""
    takes, rest = {}, decrement.n
    for c in sorted(view.counting(decrement.key, decrement.where), key=lambda c: c.id, reverse=True):
        left = max(0, c.n - view.taken(c))
        takes[c] = min(rest, left)
        rest -= takes[c]
    return takes


def seen_by(e, events):
    return [f for f in events if saw(e, f)]


def effects_of(events):
    """Every event's effect. What an event saw is evaluated before it; a cycle raises CycleError."""
    seen = {e: seen_by(e, events) for e in events}
    effects = {}
    for e in TopologicalSorter(seen).static_order():
        effects[e] = effect(e, View(seen[e], effects))
    return effects


# ---- Comparing a basket with what its cart shows ---------------------------------------------------

@dataclass(frozen=True)
class Basket:
    name: str
    events: list
    effects: dict
    refused: list
    final: dict
    views: list


def mismatches_of(basket):
    """Yields a mismatch for everything that is not as it must be."""
    def view(condition):
        return View([e for e in basket.events if e.seq is not None and condition(e)], basket.effects)

    def mismatch(kind, key, where, expected, shown):
        return {"basket": basket.name, "key": key, "where": where,
                "expected": expected, "shown": shown, "kind": kind}

    for difference in differences(basket.final, view(lambda e: True)):
        yield mismatch(*difference)

    for shown in basket.views:
        must = view(lambda e: is_in(e, shown["saw"], shown["seq"]))
        for _, key, where, *both in islice(differences(shown, must), 1):
            yield mismatch("views_wrong", key, f"{where} at {shown['seq']}", *both)

    for e in basket.events:
        if e.acknowledged and e.seq is None:
            yield mismatch("lost", e.key or e.code, "acknowledged", f"{e.op} {name(e)} durable", "never durable")

    for e in basket.events:
        if e.op in ("save", "unsave", "note") and overruled(e, seen_by(e, basket.events), basket.effects):
            yield mismatch("lost", e.key, "time", f"{e.op} {name(e)} later than what it saw", "earlier")

    for refusal in filter(is_judged, basket.refused):
        seen = view(lambda e: is_in(e, refusal["saw"], refusal["upto"]))
        about = JUDGED[refusal["code"]]
        if not about.is_right(refusal, seen):
            yield mismatch("refusals_wrong", refusal.get("key", refusal.get("coupon")), refusal.get("in", "coupons"),
                           about.shown(refusal, seen), refusal["code"])


def differences(shown, must):
    """In what a cart that shows this differs from what it must show: kind, key, where, expected, shown."""
    for where, lines in ((CART, shown["lines"]), (SAVED, shown["saved"])):
        for key in sorted(must.keys() | lines.keys()):
            expected, there = must.quantity(key, where), lines.get(key, 0)
            if there != expected:
                yield kind_of_difference(expected, there), key, where, expected, there

    for key, count in shown["line_count_by_key"].items():
        if count > 1:
            yield "doubled", key, "line_count_by_key", 1, count

    for code in sorted(must.codes() | set(shown["coupons"])):
        expected, there = len(must.applied(code)) > 0, shown["coupons"].count(code)
        if there != expected:
            yield "other", code, "coupons", int(expected), there

    if shown["note"] != must.note():
        yield "other", None, "note", must.note(), shown["note"]


def kind_of_difference(expected, shown):
    if shown < expected:
        return "lost"
    return "doubled" if expected > 0 else "resurrected"


def overruled(e, seen, effects):
    """Does what it saw decide against it? Hybrid time exceeds all that its maker has seen."""
    if e.op == "note":
        return any(f.stamp > e.stamp for f in seen if f.op == "note")
    return any(f.stamp > e.stamp for f in seen if effects[f].moves & effects[e].moves)


def name(e):
    counter, actor = e.id
    return f"{counter}@{actor}"


def report(baskets):
    totals = dict.fromkeys(
        ("baskets", "edits", "acknowledged", "unacknowledged", "views", *VIOLATIONS, "refusals_unjudged"), 0)
    kinds, codes, mismatches = Counter(), Counter(), []
    for basket in baskets:
        totals["baskets"] += 1
        totals["edits"] += len(basket.events)
        totals["views"] += len(basket.views)
        totals["acknowledged"] += sum(e.acknowledged for e in basket.events)
        kinds.update(e.op for e in basket.events)
        codes.update(r["code"] for r in basket.refused)
        totals["refusals_unjudged"] += sum(r["code"] in JUDGED and r["dirty"] for r in basket.refused)
        for mismatch in mismatches_of(basket):
            totals[mismatch["kind"]] += 1
            if len(mismatches) < MISMATCHES_LISTED:
                mismatches.append(mismatch)
    totals["unacknowledged"] = totals["edits"] - totals["acknowledged"]
    totals["refused_by_code"] = dict(sorted(codes.items()))
    totals["edits_by_kind"] = dict(sorted(kinds.items()))
    return totals | {"mismatches": mismatches}


# ---- Reading ---------------------------------------------------------------------------------------

class Malformed(Exception):
    pass


def number(v):
    return type(v) is int


def string(v):
    return type(v) is str


def flag(v):
    return type(v) is bool


def quantities(v):
    return type(v) is dict and all(map(number, v.values()))


def strings(v):
    return type(v) is list and all(map(string, v))


def positions(v):
    return type(v) is list and all(number(position) and position >= 0 for position in v)


def event_id(v):
    return (type(v) is list and len(v) == 2 and number(v[0]) and v[0] >= 0
            and string(v[1]) and re.fullmatch("[0-9a-f]{16}", v[1]) is not None)


def hybrid_time(v):
    return type(v) is list and len(v) == 2 and all(number(part) and part >= 0 for part in v)


def or_null(check):
    return lambda v: v is None or check(v)


def one_of(*values):
    return lambda v: string(v) and v in values


def at_least(least):
    return lambda v: number(v) and v >= least


# What each kind of edit carries; and where it may act, the default first.
FORMS = {
    "add":       ({"key": string, "n": at_least(1)}, (CART,)),
    "set":       ({"key": string, "n": at_least(0), "time": hybrid_time}, (CART, SAVED)),
    "decrement": ({"key": string, "n": at_least(1)}, (CART, SAVED)),
    "remove":    ({"key": string}, (CART, SAVED)),
    "clear":     ({}, (CART,)),
    "save":      ({"key": string, "time": hybrid_time}, (CART,)),
    "unsave":    ({"key": string, "time": hybrid_time}, (SAVED,)),
    "coupon":    ({"code": string}, (CART,)),
    "uncoupon":  ({"code": string}, (CART,)),
    "note":      ({"text": or_null(string), "time": hybrid_time}, (CART,)),
}
BASKET = {"basket": string, "scope": string, "events": lambda v: type(v) is list,
          "refused": lambda v: type(v) is list, "final": lambda v: type(v) is dict,
          "views": lambda v: type(v) is list}
FINAL = {"lines": quantities, "saved": quantities, "coupons": strings, "note": or_null(string),
         "line_count_by_key": quantities}
EVENT = {"id": event_id, "device": number, "op": one_of(*FORMS), "seq": or_null(number), "upto": number,
         "own": flag, "acknowledged": flag}
REFUSED = {"device": number, "op": one_of(*FORMS), "code": string, "upto": number, "dirty": flag}


@dataclass(frozen=True)
class Reason:
    """Why an edit may be refused: what the refusal carries, what is shown, and which of that is a reason."""
    form: dict
    shown: Callable
    is_right: Callable


def quantity_shown(refusal, seen):
    return seen.quantity(refusal["key"], refusal["in"])


def would_be(refusal, seen):
    """What the line would show where an add adds to it, or a move brings all of it."""
    if refusal["op"] == "add":
        return quantity_shown(refusal, seen) + refusal["n"]
    return sum(seen.quantity(refusal["key"], where) for where in (CART, SAVED))


def coupons_shown(refusal, seen):
    return len(seen.applied(refusal["coupon"]))


JUDGED = {
    "line_not_found": Reason({"key": string}, quantity_shown, lambda r, seen: quantity_shown(r, seen) == 0),
    "quantity_limit": Reason({"key": string}, quantity_shown, lambda r, seen: would_be(r, seen) > LINE_QUANTITY_MAX),
    "coupon_not_found": Reason({"coupon": string}, coupons_shown, lambda r, seen: coupons_shown(r, seen) == 0),
}


def is_judged(refusal):
    return refusal["code"] in JUDGED and not refusal["dirty"]


def checked(record, form, what, defaults=()):
    """The fields of a record that the form names, each passing its check."""
    if type(record) is not dict:
        raise Malformed(f"{what} is not an object")
    fields = dict(defaults) | {k: v for k, v in record.items() if not (v is None and k in defaults)}
    for key, check in form.items():
        if key not in fields:
            raise Malformed(f"{what} has no {key!r}")
        if not check(fields[key]):
            raise Malformed(f"{what} has a wrong {key!r}: {json.dumps(fields[key])[:60]}")
    return {key: fields[key] for key in form}


def listed(record, form, what, defaults=()):
    """As `checked`, with the events that were seen, if they are listed."""
    fields = checked(record, form | {"saw": or_null(positions)}, what, dict(defaults) | {"saw": None})
    return fields if fields["saw"] is None else fields | {"saw": frozenset(fields["saw"])}


def basket_of(line):
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from None
    record = checked(record, BASKET, "the basket", {"views": []})

    events = [event_of(e, position, record["scope"]) for position, e in enumerate(record["events"])]
    if len({e.id for e in events}) < len(events):
        twice = next(e for e in events if any(f.id == e.id for f in events[:e.position]))
        raise Malformed(f"two events have the id {name(twice)}")
    try:
        effects = effects_of(events)
    except CycleError as error:
        circle = " was seen by ".join(map(name, error.args[1]))
        raise Malformed(f"a cycle: event {circle}") from None
    return Basket(record["basket"], events, effects,
                  [refusal_of(r, position) for position, r in enumerate(record["refused"])],
                  checked(record["final"], FINAL, "final"),
                  [listed(v, FINAL | {"seq": number}, f"view {position}", {"line_count_by_key": {}})
                   for position, v in enumerate(record["views"])])


def event_of(record, position, scope):
    what = f"event {position}"
    fields = listed(record, EVENT, what)
    form, places = FORMS[fields["op"]]
    fields |= checked(record, form | {"in": one_of(*places), "scope": string, "batch": or_null(number)}, what,
                      {"in": places[0], "scope": scope, "batch": None})
    fields["id"] = tuple(fields["id"])
    if "time" in fields:
        fields["time"] = tuple(fields["time"])
    return Event(position=position, where=fields.pop("in"), **fields)


def refusal_of(record, position):
    what = f"refusal {position}"
    fields = listed(record, REFUSED, what)
    if not is_judged(fields):
        return fields
    places = FORMS[fields["op"]][1]
    form = JUDGED[fields["code"]].form | {"in": one_of(*places)}
    form |= {"n": at_least(1)} if fields["op"] == "add" else {}
    return fields | checked(record, form, what, {"in": places[0]})


def read(path):
    """The baskets of a file, one by one. What is malformed is told with the number of its line."""
    count = 0
    for number_of_line, line in enumerate(with_progress(path), 1):
        if not line.strip():
            continue
        try:
            yield basket_of(line)
        except Malformed as error:
            raise Malformed(f"line {number_of_line}: {error}") from None
        count += 1
    if count == 0:
        raise Malformed("line 1: there is no basket")


def with_progress(path):
    """The lines of a file; shows a bar once it has taken two seconds, where somebody is watching."""
    with open(path, "rb") as file:
        size, done, start, drawn = os.fstat(file.fileno()).st_size, 0, time.monotonic(), 0.0
        try:
            for line in file:
                yield line
                done += len(line)
                now = time.monotonic()
                if sys.stderr.isatty() and size and now - start > 2 and now - drawn > 0.1:
                    part, drawn = min(1, done / size), now
                    left = (now - start) * (1 - part) / part
                    print(f"\r[{'#' * int(40 * part):<40}] {part:4.0%}, {left:.0f} s left ",
                          end="\x1b[K", file=sys.stderr, flush=True)
        finally:
            if drawn:
                print(end="\r\x1b[K", file=sys.stderr, flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="What carts must show after devices edited them at once.")
    parser.add_argument("baskets", help="JSON Lines, one basket a line")
    parser.add_argument("--out", metavar="FILE", help="write the report here instead of to stdout")
    options = parser.parse_args(arguments)
    try:
        result = report(read(options.baskets))
        text = json.dumps(result, indent=2) + "\n"
        if options.out:
            with open(options.out, "w", encoding="utf-8") as file:
                file.write(text)
        else:
            sys.stdout.write(text)
    except (Malformed, OSError) as error:
        print(f"account.py: {error}", file=sys.stderr)
        return 2
    return 1 if any(result[kind] for kind in VIOLATIONS) else 0


if __name__ == "__main__":
    sys.exit(main())
