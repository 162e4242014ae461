#!/usr/bin/env python3
"""Tests of the account: the golden scenarios, every violation, malformed input, and sequential histories.

A history is written in rounds: {device: "edit; edit", ..}. A device sees all earlier rounds and its own
edits, but nothing of the others in the same round. In an edit, X~ is line X in saved, @3 the hybrid time,
/guest the scope, ^1 the upto (seen: the first commit only), #7 the batch, alone: not seeing its device's
earlier edits. What is shown is written as in scenarios.md: X:2 X~1, with +C for a coupon and 'b' for a note.
"""

import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest
from itertools import permutations, product

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import account  # noqa: E402
from account import CART, SAVED, Malformed, View  # noqa: E402

ACTORS = {"G": "0" * 16, "A": "a" * 16, "B": "b" * 16, "C": "c" * 16}


def history(*rounds, commit_each=True):
    """The events of a history. Commits come in the order written; each edit's own, or one per device."""
    events, counters, seq = [], dict.fromkeys(ACTORS, 0), 0
    for edits_of_devices in rounds:
        upto = seq
        for device, edits in edits_of_devices.items():
            seq += not commit_each
            for edit in edits.split(";"):
                seq += commit_each
                counters[device] += 1
                events.append({"id": [counters[device], ACTORS[device]], "device": ord(device), "seq": seq,
                               "upto": upto, "own": True, "batch": None, "acknowledged": True,
                               "time": [0, len(events) + 1]} | said(edit))
    return events


def said(edit):
    op, *words = edit.split()
    names = iter({"coupon": ["code"], "uncoupon": ["code"], "note": ["text"]}.get(op, ["key", "n"]))
    fields = {"op": op}
    for word in words:
        if word[0] == "@":
            fields["time"] = [int(word[1:]), 0]
        elif word[0] == "/":
            fields["scope"] = word[1:]
        elif word[0] == "^":
            fields["upto"] = int(word[1:])
        elif word[0] == "#":
            fields["batch"] = int(word[1:])
        elif word == "alone":
            fields["own"] = False
        else:
            fields[next(names)] = int(word) if word.isdigit() else word
    if fields.get("key", "").endswith("~"):
        fields |= {"key": fields["key"][:-1], "in": SAVED}
    return fields


def basket(events, final="", refused=(), **changes):
    """A basket as it stands in the input, shown at last as written."""
    shown = {"lines": {}, "saved": {}, "coupons": [], "note": None, "line_count_by_key": {}}
    for word in final.split():
        if word[0] == "+":
            shown["coupons"].append(word[1:])
        elif word[0] == "'":
            shown["note"] = word.strip("'")
        else:
            key, quantity = word.replace("~", ":").split(":")
            shown["saved" if "~" in word else "lines"][key] = int(quantity)
    return {"basket": "b", "cart": "c_1", "scope": "user", "events": events, "refused": list(refused),
            "final": shown} | changes


def judged(*baskets):
    return account.report(account.basket_of(json.dumps(b)) for b in baskets)


def shown(events):
    """What the account says of the events, written as in scenarios.md."""
    b = account.basket_of(json.dumps(basket(events)))
    must = View([e for e in b.events if e.seq is not None], b.effects)
    words = [f"{key}{mark}{must.quantity(key, where)}" for where, mark in ((CART, ":"), (SAVED, "~"))
             for key in sorted(must.keys()) if must.quantity(key, where)]
    words += [f"+{code}" for code in sorted(must.codes()) if must.applied(code)]
    return " ".join(words + ([] if must.note() is None else [f"'{must.note()}'"]))


SCENARIOS = {
    "S1": ([{"A": "add X 2", "B": "add X 5"}], "X:7"),
    "S2": ([{"G": "add X 3"}, {"A": "add X 1", "B": "add X 2"}], "X:6"),
    "S3": ([{"G": "add X 3"}, {"A": "remove X", "B": "add X 1"}], "X:1"),
    "S4": ([{"G": "add X 3"}, {"A": "remove X; add X 1"}], "X:1"),
    "S5": ([{"G": "add X 3"}, {"G": "remove X"}], ""),
    "S6": ([{"G": "add X 3"}, {"A": "set X 10", "B": "add X 1"}], "X:11"),
    "S7": ([{"G": "add X 3"}, {"A": "set X 5 @1", "B": "set X 9 @2"}], "X:9"),
    "S7, the other way": ([{"G": "add X 3"}, {"A": "set X 9 @2", "B": "set X 5 @1"}], "X:9"),
    "S7, equal times": ([{"G": "add X 3"}, {"A": "set X 9 @1", "B": "set X 5 @1"}], "X:5"),
    "S8": ([{"G": "add X 3"}, {"A": "set X 5", "B": "remove X"}], "X:5"),
    "S9": ([{"G": "add X 1"}, {"A": "decrement X 1", "B": "decrement X 1"}], ""),
    "S10": ([{"G": "add X 1"}, {"A": "decrement X 1", "B": "decrement X 1"}, {"A": "add X 1"}], "X:1"),
    "S11": ([{"G": "add X 5"}, {"A": "decrement X 1", "B": "decrement X 2"}], "X:2"),
    "S12": ([{"G": "add X 5"}, {"A": "decrement X 1", "B": "remove X; add X 3"}], "X:3"),
    "S13": ([{"G": "add X 5"}, {"A": "decrement X 1", "B": "set X 4"}], "X:4"),
    "S14": ([{"G": "add X 3"}, {"A": "clear", "B": "add X 1; add Y 2"}], "X:1 Y:2"),
    "S15": ([{"G": "add X 2"}, {"A": "save X", "B": "save X"}], "X~2"),
    "S16": ([{"G": "add X 2"}, {"A": "save X", "B": "add X 1"}], "X:1 X~2"),
    "S17": ([{"G": "add X 2"}, {"A": "save X @1; unsave X @3", "B": "save X @2"}], "X:2"),
    "S18, as clear": ([{"G": "add X 2; add Y 1"}, {"A": "clear", "B": "add X 4"}], "X:4"),
    "S19, as clear": ([{"G": "add X 2"}, {"A": "clear", "B": "remove X"}], ""),
    "S20": ([{"A": "add X 1", "B": "add X 2 /guest; add Z 1 /guest"}], "X:3 Z:1"),
    "S21": ([{"A": "set X 2", "B": "set X 3 /guest"}], "X:5"),
    "S21, in one cart": ([{"A": "set X 2 @1", "B": "set X 3 @2"}], "X:3"),
    "S22": ([{"A": "add X 1", "B": "add Y 1 /guest"}, {"B": "add Z 1 ^0 /guest"}], "X:1 Y:1 Z:1"),
    "S23": ([{"G": "coupon C"}, {"A": "uncoupon C", "B": "coupon C"}], "+C"),
    "S24": ([{"G": "note a"}, {"A": "note b @1", "B": "note c @2"}], "'c'"),
    "S25": ([{"G": "add X 3"}, {"A": "add X 1 @600000", "B": "remove X"}], "X:1"),
    "S26": ([{"G": "add X|Ann 1"}, {"A": "add X|Bob 1", "B": "add X|Ann 1"}], "X|Ann:2 X|Bob:1"),
    "S27": ([{"G": "add X 3; add X 2"}, {"A": "decrement X 3", "B": "decrement X 2"}], ""),
    "S28": ([{"G": "add X 2; save X"}, {"A": "add X 1"}], "X:1 X~2"),
    "S29": ([{"G": "add X 2; save X; add X 1"}, {"A": "clear"}], "X~2"),
    "S30": ([{"G": "add X 2"}, {"A": "save X", "B": "remove X"}], ""),
    "S31": ([{"G": "add X 1"}, {"A": "add X 1"}], "X:2"),
    "S32": ([{"G": "add X 1"}, {"A": "remove X"}, {"B": "add X 1"}], "X:1"),
    "S33": ([{"G": "add X 9990"}, {"A": "add X 9", "B": "add X 9"}], "X:10008"),
    "S34": ([{"G": "add X 2"}, {"B": "add Y 2"}, {"A": "clear ^1"}], "Y:2"),
    "S35": ([{"G": "add X 2"}, {"A": "remove X ^1"}], ""),
    "S36": ([{"G": "add X 1"}, {"A": "add X 1", "B": "add X 1"}], "X:3"),
    "S37": ([{"A": "add X 1 /guest"}], "X:1"),
    "S38": ([{"G": "add X 2; save X; add X 1"}, {"A": "remove X~"}], "X:1"),

    # Beyond the scenarios: what the rules say, and these events can tell apart.
    "decrement, nothing else": ([{"G": "add X 5"}, {"A": "decrement X 2"}], "X:3"),
    "decrement to nothing": ([{"G": "add X 5"}, {"A": "decrement X 9"}], ""),
    "decrement, newest first": ([{"G": "add X 3"}, {"A": "add X 2"}, {"A": "decrement X 2", "B": "remove X ^1"}], ""),
    "newest is the greatest counter": ([{"B": "add X 3"}, {"A": "add X 2; add X 1"},
                                        {"A": "decrement X 1", "C": "remove X ^1"}], "X:2"),
    "newest is the greatest counter, then actor": ([{"B": "add X 3"}, {"A": "add X 2; add X 1"},
                                                    {"A": "decrement X 4", "C": "remove X ^1"}], "X:2"),
    "decrement, up to what is left":
        ([{"G": "add X 3"}, {"B": "add X 2"}, {"A": "decrement X 1; decrement X 2", "B": "remove X ^0"}], "X:2"),
    "decrement to nothing is remove: no debt for what is added at once":
        ([{"G": "add X 3"}, {"A": "decrement X 3", "B": "decrement X 1; add X 2"}], "X:2"),
    "decrement vanishes with a set that a later set hides":
        ([{"G": "add X 3"}, {"A": "set X 5 @1; decrement X 1", "B": "set X 9 @2"}], "X:9"),
    "decrement counts against the set that counts, be it the older dot":
        ([{"A": "set X 9 @2", "B": "set X 5 @1"}, {"C": "decrement X 3"}], "X:6"),
    "decrement leaves a hidden set alone": ([{"G": "add X 3"}, {"A": "set X 5 @1", "B": "set X 9 @2"},
                                             {"C": "decrement X 3", "B": "remove X ^1"}], "X:5"),
    "decrement goes along when saved": ([{"G": "add X 3"}, {"A": "save X", "B": "decrement X 1"}], "X~2"),
    "decrement in saved": ([{"G": "add X 3; save X; add X 1"}, {"A": "decrement X~ 1"}], "X:1 X~2"),
    "an add to a line that shows 0 takes its debt away":
        ([{"G": "add X 3"}, {"A": "decrement X 2", "B": "decrement X 2"}, {"A": "add X 2"}, {"B": "add X 1"}], "X:3"),
    "a line moved to where a debt is shows all of it":
        ([{"G": "add X 2; save X"}, {"G": "add X 3"}, {"A": "decrement X 2", "B": "decrement X 2"}, {"A": "unsave X~"}], "X:2"),
    "a move of nothing takes no debt away":
        ([{"G": "add X 3"}, {"A": "decrement X 2", "B": "decrement X 2"}, {"A": "unsave X~"}, {"B": "add X 1"}], "X:1"),
    "add to a shown line removes nothing": ([{"G": "add X 3"}, {"A": "add X 1"}, {"B": "remove X ^1"}], "X:1"),
    "set to 0 is remove": ([{"G": "add X 3"}, {"A": "set X 0 @9", "B": "set X 2 @1"}], "X:2"),
    "set in saved": ([{"G": "add X 1; save X; add X 2"}, {"A": "set X~ 5"}], "X:2 X~5"),
    "set in the cart is born there, so any move is later": ([{"A": "set X 5 @9"}, {"B": "save X @2"}], "X~5"),
    "set in saved, moved back later": ([{"A": "set X~ 5 @3"}, {"B": "unsave X~ @4"}], "X:5"),
    "clear leaves coupons and note": ([{"G": "add X 1; coupon C; note a"}, {"A": "clear"}], "+C 'a'"),
    "coupon removed": ([{"G": "coupon C; coupon D"}, {"A": "uncoupon C"}], "+D"),
    "note, equal times": ([{"A": "note c @1", "B": "note b @1"}], "'b'"),
    "a batch sees itself": ([{"A": "add X 1 #7 alone; remove X #7 alone"}], ""),
    "alone, a device sees nothing of its own": ([{"A": "add X 1 alone; remove X alone"}], "X:1"),

    # Sets that never competed: docs/adr/0007.
    "two sets moved to one place add up": ([{"A": "set X 5; save X; set X 3; save X"}], "X~8"),
    "back in the cart too": ([{"A": "set X 5; save X; set X 3; unsave X"}], "X:8"),
    "a third set in the cart replaces what is there":
        ([{"A": "set X 5; save X; set X 3; save X; set X 2; unsave X; set X 1"}], "X:1"),
}


class Rules(unittest.TestCase):
    def test_scenarios(self):
        for title, (rounds, then) in SCENARIOS.items():
            with self.subTest(title):
                self.assertEqual(shown(history(*rounds)), then)

    def test_the_order_of_commits_plays_no_part(self):
        for title, (rounds, then) in SCENARIOS.items():
            if "^" in str(rounds):
                continue                                        # these name a commit
            for order in product(*(permutations(r.items()) for r in rounds)):
                for commit_each in (True, False):
                    with self.subTest(title, order=order, commit_each=commit_each):
                        self.assertEqual(shown(history(*map(dict, order), commit_each=commit_each)), then)

    def test_the_order_of_the_list_plays_no_part_but_within_a_device(self):
        for title, (rounds, then) in SCENARIOS.items():
            for sign in (1, -1):
                with self.subTest(title, sign=sign):
                    events = sorted(history(*rounds), key=lambda e: sign * e["device"])
                    self.assertEqual(shown(events), then)

    def test_what_was_seen_may_be_listed(self):
        for title, (rounds, then) in SCENARIOS.items():
            events = history(*rounds)
            listed = [e | {"upto": 0, "saw": [at for at, f in enumerate(events) if f["seq"] <= e["upto"]]} for e in events]
            with self.subTest(title):
                self.assertEqual(shown(listed), then)
        # In two places at once: each commit is the first of its replica, and none sees the other's.
        apart = [e | {"saw": [], "seq": 1, "upto": 1} for e in history({"A": "add X 1"}, {"B": "remove X"})]
        self.assertEqual(shown(apart), "X:1")
        apart[1]["saw"] = [0]
        self.assertEqual(shown(apart), "")

    def test_what_never_became_durable_is_not_shown_but_was_seen(self):
        events = history({"A": "add X 1"}, {"A": "add X 2; remove X"})
        events[1] |= {"seq": None, "acknowledged": False}
        self.assertEqual(shown(events), "")
        events[2] |= {"seq": None, "acknowledged": False}
        self.assertEqual(shown(events), "X:1")
        events = history({"A": "add X 3; decrement X 1"})
        events[1] |= {"seq": None, "acknowledged": False}
        self.assertEqual(shown(events), "X:3")


class Violations(unittest.TestCase):
    EVENTS = history({"G": "add X 3; add Y 1; remove Y; coupon C; note a"})
    RIGHT = "X:3 +C 'a'"

    def kinds(self, *baskets):
        totals = judged(*baskets)
        return {kind: totals[kind] for kind in account.VIOLATIONS if totals[kind]}

    def test_none(self):
        totals = judged(basket(self.EVENTS, self.RIGHT), basket([]))
        self.assertEqual(totals, {
            "baskets": 2, "edits": 5, "acknowledged": 5, "unacknowledged": 0, "views": 0, "lost": 0, "doubled": 0,
            "resurrected": 0, "other": 0, "views_wrong": 0, "refusals_wrong": 0, "refusals_unjudged": 0, "refused_by_code": {},
            "edits_by_kind": {"add": 2, "coupon": 1, "note": 1, "remove": 1}, "mismatches": []})

    def test_each_difference(self):
        for final, kinds in {"X:2 +C 'a'": {"lost": 1}, "+C 'a'": {"lost": 1}, "X:-1 +C 'a'": {"lost": 1},
                             "X:4 +C 'a'": {"doubled": 1}, "X:3 Y:1 +C 'a'": {"resurrected": 1},
                             "X:3 Q:1 +C 'a'": {"resurrected": 1}, "X~3 +C 'a'": {"lost": 1, "resurrected": 1},
                             "X:3 'a'": {"other": 1}, "X:3 +C +D 'a'": {"other": 1}, "X:3 +C +C 'a'": {"other": 1},
                             "X:3 +C": {"other": 1}, "X:3 +C 'b'": {"other": 1}, "": {"lost": 1, "other": 2}}.items():
            with self.subTest(final):
                self.assertEqual(self.kinds(basket(self.EVENTS, final)), kinds)

    def test_a_mismatch_tells_what_and_where(self):
        self.assertEqual(judged(basket(self.EVENTS, "X:4 +C 'a'"))["mismatches"], [
            {"basket": "b", "key": "X", "where": "cart", "expected": 3, "shown": 4, "kind": "doubled"}])

    def test_views_on_the_way(self):
        def view(seq, shown):
            return {**basket([], shown)["final"], "seq": seq}

        events = history({"G": "add X 3; add Y 1; remove Y; coupon C; note a"})
        right = [view(0, ""), view(1, "X:3"), view(2, "X:3 Y:1"), view(3, "X:3"), view(5, self.RIGHT)]
        del right[1]["line_count_by_key"]
        totals = judged(basket(events, self.RIGHT, views=right))
        self.assertEqual((totals["views"], totals["views_wrong"]), (5, 0))
        for seq, shown in [(1, ""), (1, "X:3 Y:1"), (2, "X:3"), (3, "X:3 Y:1"), (4, "X:3"), (5, "X:3 +C"), (0, "X:9 'b'")]:
            with self.subTest(seq=seq, shown=shown):
                views = [*right, view(seq, shown)]
                self.assertEqual(self.kinds(basket(events, self.RIGHT, views=views)), {"views_wrong": 1})
        for wrong in ({}, [1], [{}], [basket([])["final"]]):
            with self.subTest(wrong), self.assertRaises(Malformed):
                judged(basket(events, self.RIGHT, views=wrong))

    def test_views_and_refusals_that_list_what_was_seen(self):
        events = history({"G": "add X 3; add Y 1"})
        view = {**basket([], "Y:1")["final"], "seq": 0}
        refused = {"device": 0, "op": "remove", "key": "X", "code": "line_not_found", "upto": 0, "dirty": False}
        for saw, kinds in [([1], {}), ([0], {"views_wrong": 1, "refusals_wrong": 1}), ([], {"views_wrong": 1})]:
            with self.subTest(saw=saw):
                wrong = basket(events, "X:3 Y:1", views=[view | {"saw": saw}], refused=[refused | {"saw": saw}])
                self.assertEqual(self.kinds(wrong), kinds)
        with self.assertRaises(Malformed):
            judged(basket(events, "X:3 Y:1", views=[view | {"saw": [-1]}]))

    def test_two_lines_of_one_key(self):
        b = basket(self.EVENTS, self.RIGHT)
        b["final"]["line_count_by_key"] = {"X": 1}
        self.assertEqual(self.kinds(b), {})
        b["final"]["line_count_by_key"] = {"X": 2}
        self.assertEqual(self.kinds(b), {"doubled": 1})

    def test_acknowledged_but_never_durable(self):
        events = history({"G": "add X 3"})
        events[0]["seq"] = None
        self.assertEqual(self.kinds(basket(events)), {"lost": 1})
        events[0]["acknowledged"] = False
        self.assertEqual(self.kinds(basket(events)), {})
        self.assertEqual(self.kinds(basket(events, "X:3")), {"resurrected": 1})
        self.assertEqual(judged(basket(events))["unacknowledged"], 1)

    def test_refusals(self):
        events = history({"G": "add X 3"}, {"G": "save X"}, {"G": "remove X~"})
        right = {"device": 0, "op": "remove", "key": "X", "code": "line_not_found", "upto": 0, "dirty": False}
        for change, kinds in [({}, {}), ({"upto": 1}, {"refusals_wrong": 1}), ({"upto": 1, "in": SAVED}, {}),
                              ({"upto": 2}, {}), ({"upto": 2, "in": SAVED}, {"refusals_wrong": 1}),
                              ({"upto": 2, "op": "unsave"}, {"refusals_wrong": 1}), ({"upto": 3, "in": SAVED}, {}),
                              ({"upto": 1, "dirty": True}, {}), ({"upto": 1, "code": "cart_busy"}, {}),
                              ({"upto": 3, "key": "never"}, {})]:
            with self.subTest(change):
                self.assertEqual(self.kinds(basket(events, refused=[right | change])), kinds)
        totals = judged(basket(events, refused=[right, right | {"dirty": True}, right | {"code": "cart_busy"}]))
        self.assertEqual(totals["refused_by_code"], {"cart_busy": 1, "line_not_found": 2})
        self.assertEqual(totals["refusals_unjudged"], 1)

    def test_refusals_at_the_limit(self):
        events = history({"G": "add X 9990"}, {"G": "coupon C"}, {"G": "uncoupon C"})
        limit = {"device": 0, "op": "add", "key": "X", "n": 10, "code": "quantity_limit", "upto": 1, "dirty": False}
        coupon = {"device": 0, "op": "uncoupon", "coupon": "C", "code": "coupon_not_found", "upto": 1, "dirty": False}
        for refusal, kinds in [(limit, {}), (limit | {"n": 9}, {"refusals_wrong": 1}),
                               (limit | {"upto": 0}, {"refusals_wrong": 1}), (limit | {"n": 9, "dirty": True}, {}),
                               (limit | {"op": "save"}, {"refusals_wrong": 1}),
                               (coupon, {}), (coupon | {"upto": 2}, {"refusals_wrong": 1}), (coupon | {"upto": 3}, {}),
                               (coupon | {"coupon": "D", "upto": 2}, {})]:
            with self.subTest(refusal):
                self.assertEqual(self.kinds(basket(events, "X:9990", refused=[refusal])), kinds)
        for refusal in (limit, coupon):
            for field in ("n", "coupon"):
                short = {name: value for name, value in refusal.items() if name != field}
                if short != refusal:
                    with self.subTest(short), self.assertRaises(Malformed):
                        judged(basket(events, refused=[short]))
                    judged(basket(events, refused=[short | {"dirty": True}]))

    def test_an_edit_is_later_than_what_it_saw(self):
        for edits, final, kinds in [
                ([{"A": "note a @5"}, {"B": "note b @4"}], "'a'", {"lost": 1}),
                ([{"A": "note a @5"}, {"B": "note b @5"}], "'b'", {}),
                ([{"A": "note a @5", "B": "note b @4"}], "'a'", {}),
                ([{"G": "add X 2"}, {"A": "save X @5"}, {"B": "unsave X @4"}], "X~2", {"lost": 1}),
                ([{"G": "add X 2"}, {"A": "save X @5"}, {"B": "unsave X @6"}], "X:2", {}),
                ([{"G": "add X 2"}, {"A": "save X @5", "B": "save X @4"}], "X~2", {}),
                ([{"G": "add X 2"}, {"A": "save X @5"}, {"B": "add Y 1; save Y @4"}], "X~2 Y~1", {})]:
            with self.subTest(edits):
                self.assertEqual(self.kinds(basket(history(*edits), final)), kinds)

    def test_fifty_mismatches_are_listed_and_all_counted(self):
        totals = judged(*[basket(self.EVENTS, "X:4 +C 'a'")] * 60)
        self.assertEqual((totals["doubled"], len(totals["mismatches"])), (60, 50))


class Input(unittest.TestCase):
    def test_cycles(self):
        for first, second in ((1, 0), (2, 1)):
            events = history({"A": "add X 1", "B": "add Y 1"})
            events[0]["upto"], events[1]["upto"] = first, second
            with self.subTest(upto=(first, second)):
                with self.assertRaisesRegex(Malformed, "a cycle: event 1@a.* was seen by "):
                    shown(events)

    def test_malformed(self):
        events = history({"A": "add X 1; set X~ 2; save X; coupon C; note a"})
        shown(events)
        for position, changes in {
                0: [{"id": None}, {"id": [1]}, {"id": [True, "a" * 16]}, {"id": [1, "A" * 16]}, {"id": [1, "ab"]},
                    {"id": [2, "a" * 16]}, {"device": "0"}, {"op": "buy"}, {"op": []}, {"op": None}, {"key": 7},
                    {"key": None}, {"n": 0}, {"n": -1}, {"n": 1.0}, {"n": True}, {"n": "1"}, {"in": SAVED},
                    {"in": "attic"}, {"seq": "1"}, {"seq": True}, {"upto": None}, {"own": 1}, {"own": None},
                    {"batch": "7"}, {"scope": 1}, {"acknowledged": None}, {"acknowledged": "yes"}],
                1: [{"time": None}, {"time": 5}, {"time": [5]}, {"time": [5, -1]}, {"time": [5, 1.5]}, {"n": -1}],
                2: [{"in": SAVED}, {"time": None}],
                3: [{"code": None}],
                4: [{"text": 1}, {"time": None}]}.items():
            for change in changes:
                wrong = [e | change if i == position else e for i, e in enumerate(events)]
                with self.subTest(position=position, change=change), self.assertRaises(Malformed):
                    shown(wrong)
        for change in ({"basket": 1}, {"scope": None}, {"events": {}}, {"events": [1]}, {"refused": None},
                       {"refused": [{}]}, {"final": None}, {"final": {}}):
            with self.subTest(change), self.assertRaises(Malformed):
                judged(basket(events) | change)
        for change in ({"lines": {"X": "1"}}, {"lines": [1]}, {"saved": {"X": None}}, {"coupons": "A"},
                       {"coupons": [1]}, {"note": 1}, {"line_count_by_key": {"X": 1.5}}):
            b = basket(events)
            b["final"] |= change
            with self.subTest(change), self.assertRaises(Malformed):
                judged(b)
        for line in ("", "{", "[]", "7", "null", '{"basket": "b"}', "[" * 100_000):
            with self.subTest(line[:20]), self.assertRaises(Malformed):
                account.basket_of(line)

    def test_absent_and_null_mean_the_default(self):
        events = [e | {"in": None, "scope": None, "batch": None} for e in history({"A": "add X 2; save X"})]
        self.assertEqual(shown(events), "X~2")


class CommandLine(unittest.TestCase):
    GOOD, BAD = basket(history({"A": "add X 1"}), "X:1"), basket(history({"A": "add X 1"}), "X:2")

    def run_on(self, text, *options):
        with tempfile.TemporaryDirectory() as folder:
            path, out = os.path.join(folder, "baskets.jsonl"), os.path.join(folder, "out.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            done = subprocess.run([sys.executable, os.path.join(HERE, "account.py"), path]
                                  + [out if option == "OUT" else option for option in options],
                                  capture_output=True, text=True, check=False)
            if os.path.exists(out):
                with open(out, encoding="utf-8") as file:
                    return done.returncode, file.read(), done.stderr
            return done.returncode, done.stdout, done.stderr

    def test_exit_codes(self):
        good, bad = json.dumps(self.GOOD) + "\n", json.dumps(self.BAD) + "\n"
        for options in ((), ("--out", "OUT")):
            code, out, err = self.run_on(good + "\n" + good, *options)
            self.assertEqual((code, json.loads(out)["baskets"], err), (0, 2, ""))
            code, out, err = self.run_on(good + bad, *options)
            self.assertEqual((code, json.loads(out)["doubled"], err), (1, 1, ""))
            self.assertEqual(self.run_on(bad + "{}\n" + bad, *options),
                             (2, "", "account.py: line 2: the basket has no 'basket'\n"))
        self.assertEqual(self.run_on(""), (2, "", "account.py: line 1: there is no basket\n"))

    def test_a_file_that_is_not_there(self):
        with contextlib.redirect_stderr(io.StringIO()) as err:
            self.assertEqual(account.main([os.path.join(HERE, "absent.jsonl")]), 2)
        self.assertIn("absent.jsonl", err.getvalue())


class SimpleCart:
    """A cart that one device after the other edits: nothing is concurrent, so it is a table of quantities."""

    def __init__(self):
        self.lines = {CART: {}, SAVED: {}}
        self.coupons, self.note = set(), None

    def edit(self, op, key=None, n=None, where=CART, code=None, text=None):
        here, other = self.lines[where], self.lines[SAVED if where == CART else CART]
        if op == "add":
            here[key] = here.get(key, 0) + n
        elif op == "set":
            here[key] = n
        elif op == "decrement":
            here[key] = max(0, here.get(key, 0) - n)
        elif op == "remove":
            here[key] = 0
        elif op == "clear":
            here.clear()
        elif op in ("save", "unsave"):
            other[key] = other.get(key, 0) + here.pop(key, 0)
        elif op == "coupon":
            self.coupons.add(code)
        elif op == "uncoupon":
            self.coupons.discard(code)
        elif op == "note":
            self.note = text

    def shown(self):
        words = [f"{key}{mark}{n}" for where, mark in ((CART, ":"), (SAVED, "~"))
                 for key, n in sorted(self.lines[where].items()) if n]
        return " ".join(words + [f"+{code}" for code in sorted(self.coupons)]
                        + ([] if self.note is None else [f"'{self.note}'"]))


class Sequential(unittest.TestCase):
    """Every event saw all before it: then a cart is two tables of quantities and no more."""

    def test_random_histories(self):
        for seed in range(400):
            rng, cart, events = random.Random(seed), SimpleCart(), []
            while len(events) < 40:
                op = rng.choice(list(account.FORMS))
                carries, places = account.FORMS[op]
                edit = {"key": rng.choice("XYZ"), "n": rng.randint(op != "set", 4), "code": rng.choice("CD"),
                        "text": rng.choice("abc"), "time": [len(events) + 1, 0]}
                edit, where = {name: edit[name] for name in carries}, rng.choice(places)
                cart.edit(op, where=where, **{name: value for name, value in edit.items() if name != "time"})
                seq, device = len(events) + 1, rng.choice("GABC")
                events.append({"id": [seq, ACTORS[device]], "device": ord(device), "op": op, "in": where, "seq": seq,
                               "upto": seq - 1, "own": rng.random() < 0.5, "batch": rng.choice([None, 1, 2]),
                               "scope": rng.choice(["user", "guest"]), "acknowledged": True} | edit)
                if seq % 10 == 0:
                    with self.subTest(seed=seed, seq=seq):
                        self.assertEqual(shown(events), cart.shown())


if __name__ == "__main__":
    unittest.main()
