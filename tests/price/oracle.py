#!/usr/bin/env python3
"""What carts cost, calculated in Python's decimal from the rules of docs/prices.md, and compared with what is read from the
standard input as lines of JSON: a shop, then its carts, each with the answer that it was given.

    oracle.py carts     {"world": ..}, {"case": .., "answer": ..}, ..
    oracle.py zones     {"zone": .., "local": .., "moments": [first, second], "at": .., "shown": ..}, ..
    oracle.py rates     {"day": .., "from": .., "to": .., "converted": [[amount, converted], ..]}, ..

It shares no code with what it judges. It ends with an error at the first difference, and prints the cart.
"""

import csv
import datetime
import decimal
import json
import sys
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

decimal.getcontext().prec = 90
ROUNDINGS = {"half_up": decimal.ROUND_HALF_UP, "half_even": decimal.ROUND_HALF_EVEN, "half_down": decimal.ROUND_HALF_DOWN}
ONE = Decimal(1)
MILLION = Decimal(1_000_000)
MOST = 2**63 - 1
# ISO 4217: what has not two digits, of what is met here.
DIGITS = {"JPY": 0, "KRW": 0, "ISK": 0, "KWD": 3}
UTC = datetime.timezone.utc


class Overflow(Exception):
    """An amount does not fit into 64 bits."""


class Reason(Exception):
    """Why a promotion takes nothing off."""

    def __init__(self, reason, **more):
        super().__init__(reason)
        self.answer = {"outcome": "not_applied", "reason": reason, **more}


def fits(amount):
    if not 0 <= amount <= MOST:
        raise Overflow
    return amount


def near(value, rounding):
    return fits(int(value.quantize(ONE, rounding=rounding)))


def total(amounts):
    return fits(sum(amounts))


def spread(amount, weights, caps):
    """PR4: the exact quota of each rounded down, the rest to the largest remainders; again for what was capped."""
    taken = [0] * len(weights)
    left = min(amount, sum(caps))
    while left:
        open_ones = [i for i, cap in enumerate(caps) if taken[i] < cap]
        weigh = {i: weights[i] for i in open_ones}
        if not any(weigh.values()):
            weigh = {i: 1 for i in open_ones}
        of = sum(weigh.values())
        quota = {i: divmod(left * w, of) for i, w in weigh.items()}
        spare = left - sum(whole for whole, _ in quota.values())
        for i in sorted(quota, key=lambda i: (-quota[i][1], i))[:spare]:
            quota[i] = (quota[i][0] + 1, 0)
        for i, (whole, _) in quota.items():
            part = min(whole, caps[i] - taken[i])
            taken[i] += part
            left -= part
    return taken


# Rates and lists.

def frankfurt_due(day):
    day = datetime.date.fromisoformat(day)
    while True:
        day += datetime.timedelta(days=1)
        if day.weekday() < 5 and (day.month, day.day) not in ((1, 1), (5, 1), (12, 25), (12, 26)) and not near_easter(day):
            break
    return datetime.datetime(day.year, day.month, day.day, 16, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()


# Good Friday and Easter Monday, as the calendar has them.
EASTER = {2025: (4, 20), 2026: (4, 5), 2027: (3, 28)}


def near_easter(day):
    sunday = datetime.date(day.year, *EASTER[day.year])
    return (day - sunday).days in (-2, 1)


ORDER = ["current", "pinned", "stale", "refused"]


def freshness(rates, of, to, now):
    worst = "current"
    for currency in (of, to):
        if of == to or currency == "EUR":
            continue
        rate = rates["per_euro"].get(currency)
        if rate is None:
            state = "refused"
        elif rates["pinned"]:
            state = "pinned"
        else:
            late = now - rate["due"]
            state = "refused" if late > 7 * 86400 else "stale" if late > 36 * 3600 else "current"
        worst = max(worst, state, key=ORDER.index)
    return worst


def per_euro(rates, currency):
    if currency == "EUR":
        return ONE
    rate = rates["per_euro"].get(currency)
    return None if rate is None else Decimal(rate["per_euro"])


def digits(currency):
    return DIGITS.get(currency, 2)


def convert(world, money, to, multiplier):
    of = money["currency"]
    from_rate, to_rate = per_euro(world["rates"], of), per_euro(world["rates"], to)
    if from_rate is None or to_rate is None:
        return None
    ending = world["lists"]["endings"].get(to, {"of": 1, "at": 0})
    step, at = Decimal(ending["of"]), ending["at"]
    # As one fraction: what is divided is exact.
    numerator = money["amount_minor"] * multiplier * to_rate * Decimal(10) ** digits(to)
    denominator = MILLION * from_rate * Decimal(10) ** digits(of)
    if numerator == 0:
        return 0
    if of == to:
        numerator, denominator = money["amount_minor"] * multiplier * ONE, MILLION
    above = numerator - at * denominator
    steps = near(above / (denominator * step), world["rounding"]) if above > 0 else 0
    return fits(steps * ending["of"] + at or ending["of"])


def list_price(world, case, sku, variant, base, places):
    currency = case["currency"]
    for is_for in (lambda group: group in case["customer"]["groups"] if group else False, lambda group: not group):
        found = []
        for entry in world["lists"]["lists"]:
            if entry["currency"] == currency and is_for(entry["group"]):
                price = entry["prices"].get(f"{sku}/{variant}") if variant else None
                price = entry["prices"].get(sku) if price is None else price
                if price is not None:
                    found.append((price, entry["id"]))
        if found:
            price, name = min(found)
            return price, {"list": {"id": name}}
    if base is None:
        return None
    multiplier = next((world["lists"]["multipliers"][p] for p in places if p in world["lists"]["multipliers"]), 1_000_000)
    if base["currency"] == currency and multiplier == 1_000_000:
        return base["amount_minor"], "base"
    price = convert(world, base, currency, multiplier)
    if price is None:
        return None
    how = {"from": base, "multiplier": multiplier}
    if base["currency"] != currency:
        known = [world["rates"]["per_euro"][c]["day"] for c in (base["currency"], currency) if c != "EUR"]
        how["rate"] = min(known)
    return price, {"converted": how}


def of_quantity(world, unit, product, quantity):
    return near(Decimal(unit * quantity).scaleb(-product["measure"]["scale"]), world["rounding"])


# Promotions.

def plain(code):
    return "".join(code.split()).upper()


def selects(selector, goods):
    if "skus" in selector and goods["sku"] not in selector["skus"]:
        return False
    if "categories" in selector and not any(c in selector["categories"] for c in goods["product"]["categories"]):
        return False
    if "brands" in selector and goods["product"]["brand"] not in selector["brands"]:
        return False
    return goods["sku"] not in selector.get("except", ())


def instant(zone, text, last):
    """When a clock shows a time: of two the first or the last, of none the moment it was set."""
    local = datetime.datetime.fromisoformat(text)
    zone = ZoneInfo(zone)
    both = [local.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1)]
    if both[0] <= both[1]:
        return both[1 if last else 0]
    # Skipped: between the two lies the moment at which the offset changes.
    low, high = int(both[1]), int(both[0])
    before = datetime.datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.datetime.fromtimestamp(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def ineligible(promotion, case, places):
    wanted = promotion["conditions"]
    if case["now_s"] >= promotion["until_s"]:
        return "expired"
    if case["now_s"] < promotion["from_s"]:
        return "not_yet"
    if "currencies" in wanted and case["currency"] not in wanted["currencies"]:
        return "wrong_currency"
    customer = case["customer"]
    unfit = (
        "groups" in wanted and not set(wanted["groups"]) & set(customer["groups"])
        or "places" in wanted and not set(wanted["places"]) & set(places)
        or wanted["first_order"] and not customer["first_order"]
        or promotion["per_customer"] and not customer["known"]
    )
    return "not_eligible" if unfit else None


def together(a, b):
    def lets(a, b):
        return a["allows"] == "all" or a["allows"] != "none" and b["id"] in a["allows"]["only"]
    return lets(a, b) and lets(b, a)


class Cart:
    """What is left of goods and shipping, and which promotions hold them."""

    def __init__(self, world, case, goods, shipping):
        self.world, self.case, self.goods, self.shipping = world, case, goods, shipping
        self.rounding, self.currency = world["rounding"], case["currency"]
        self.gifts = []

    def barrier(self, thing, promotion):
        return next((holder for holder, _ in thing["held"] if not together(holder, promotion)), None)

    def behind(self, holder, promotion):
        return Reason("beaten_by" if holder["target"] == promotion["target"] else "conflicts", id=holder["id"])

    def in_currency(self, amounts):
        if self.currency not in amounts:
            raise Reason("wrong_currency")
        return amounts[self.currency]

    def lump(self, promotion, left, worth):
        """What is taken off of an amount as a whole."""
        kind = promotion["kind"]
        if kind == "free_shipping":
            return left
        (name, value), = kind.items()
        if name == "threshold":
            steps = [(step["from"][self.currency], step["off"]) for step in value if self.currency in step["from"]]
            if not steps:
                raise Reason("wrong_currency")
            reached = [step for step in steps if step[0] <= worth]
            if not reached:
                raise Reason("threshold", missing_minor=min(start for start, _ in steps) - worth)
            highest = max(start for start, _ in reached)
            # Of two that begin at once the later in the list.
            (name, value), = [off for start, off in reached if start == highest][-1].items()
        if name == "percentage":
            return near(left * Decimal(value) / MILLION, self.rounding)
        if name == "amount":
            return min(self.in_currency(value), left)
        return max(left - self.in_currency(value), 0)

    def single(self, promotion, goods):
        """What is taken off of one line by itself."""
        (name, value), = promotion["kind"].items()
        if name == "amount":
            return min(of_quantity(self.world, self.in_currency(value), goods["product"], goods["quantity"]), goods["left"])
        if name == "fixed_price":
            return max(goods["left"] - of_quantity(self.world, self.in_currency(value), goods["product"], goods["quantity"]), 0)
        return near(goods["left"] * Decimal(value) / MILLION, self.rounding)

    def nothing(self, promotion, things):
        if sum(thing["left"] for thing in things) == 0:
            for thing in things:
                for holder, amount in thing["held"]:
                    if amount:
                        return self.behind(holder, promotion)
        return Reason("not_eligible")

    def off(self, promotion, matched):
        """(thing, amount) pairs; a thing with nothing taken off only had a part in it."""
        worth = total(goods["left"] for goods in matched)
        minimum = promotion["conditions"]["minimum"]
        if minimum is not None:
            if worth < self.in_currency(minimum):
                raise Reason("threshold", missing_minor=self.in_currency(minimum) - worth)
        if not matched:
            raise Reason("not_eligible")
        kind = promotion["kind"]
        if "gift" in kind:
            return []
        if promotion["target"] == "shipping":
            if self.shipping is None:
                raise Reason("not_eligible")
            if holder := self.barrier(self.shipping, promotion):
                raise self.behind(holder, promotion)
            pairs = [(self.shipping, self.lump(promotion, self.shipping["left"], worth))]
            if pairs[0][1] == 0:
                raise self.nothing(promotion, [self.shipping])
            return pairs
        if "buy_get" in kind:
            return self.buy_get(promotion, kind["buy_get"], matched)
        free = [goods for goods in matched if not self.barrier(goods, promotion)]
        if not free:
            raise self.behind(self.barrier(matched[0], promotion), promotion)
        if promotion["spread"] == "each":
            parts = [self.single(promotion, goods) for goods in free]
        else:
            amount = self.lump(promotion, total(goods["left"] for goods in free), worth)
            weights = [1 if promotion["spread"] == "evenly" else goods["left"] for goods in free]
            parts = spread(amount, weights, [goods["left"] for goods in free])
        pairs = [(goods, part) for goods, part in zip(free, parts) if part]
        if not pairs:
            raise self.nothing(promotion, free)
        return pairs

    def buy_get(self, promotion, rule, matched):
        selector = rule["of"] if rule["of"] is not None else promotion["products"]
        both = [goods for goods in self.goods if goods in matched or selects(selector, goods)]
        # A unit each: (price, identity), the cheapest first.
        units = []
        for at, goods in enumerate(both):
            if goods["product"]["measure"]["scale"] == 0 and not self.barrier(goods, promotion):
                one = (goods["unit"], at, goods in matched, selects(selector, goods))
                units += [one] * goods["quantity"]
        units.sort(key=lambda unit: unit[:2])
        only_bought = sum(bought and not given for *_, bought, given in units)
        either = sum(bought and given for *_, bought, given in units)
        only_given = sum(given and not bought for *_, bought, given in units)
        times = 0
        while rule["times_max"] is None or times < rule["times_max"]:
            short = max((times + 1) * rule["buy"] - only_bought, 0)
            if short > either or either - short + only_given < (times + 1) * rule["get"]:
                break
            times += 1
        can_spare = either - max(times * rule["buy"] - only_bought, 0)
        given, rest = {}, []
        wanted = times * rule["get"]
        for unit in units:
            _, at, is_bought, is_given = unit
            if wanted and is_given and (not is_bought or can_spare):
                wanted -= 1
                can_spare -= is_bought
                given[at] = given.get(at, 0) + 1
            elif is_bought:
                rest.append(at)
        bought = set(rest[len(rest) - times * rule["buy"]:])
        pairs = []
        for at, goods in enumerate(both):
            part = 0
            if at in given:
                part = near(goods["left"] * given[at] * rule["off"] / (goods["quantity"] * MILLION), self.rounding)
            if part or at in bought:
                pairs.append((goods, part))
        if not any(part for _, part in pairs):
            holder = next((h for goods in both if (h := self.barrier(goods, promotion))), None)
            raise self.behind(holder, promotion) if holder else Reason("not_eligible")
        # Those it takes off of come first: so they are held in that order.
        return sorted(pairs, key=lambda pair: pair[1] == 0)

    def promote(self):
        world, case = self.world, self.case
        places = case["places"]
        outcomes, runs, acts_by = {}, [], {}
        for promotion in world["promotions"]:
            if promotion["codes"]:
                continue
            matched = [goods for goods in self.goods if selects(promotion["products"], goods)]
            if matched and not ineligible(promotion, case, places):
                runs.append((promotion, matched))
        limits = case["limits"]
        codes = sorted({plain(code) for code in case["coupons"]})
        gone = {code for code in codes if limits["uses"].get(code) == 0 or limits["customer_uses"].get(code) == 0}
        for promotion in world["promotions"]:
            mine = [code for code in codes if code in map(plain, promotion["codes"])]
            if not mine:
                continue
            why = ineligible(promotion, case, places)
            alive = [code for code in mine if code not in gone]
            if why or not alive:
                outcomes[promotion["id"]] = Reason(why or "used_up").answer
            else:
                acts_by[promotion["id"]] = alive[0]
                runs.append((promotion, [goods for goods in self.goods if selects(promotion["products"], goods)]))
        for target in ("lines", "order", "shipping"):
            for priority in sorted({p["priority"] for p, _ in runs if p["target"] == target}):
                turn = []
                for promotion, matched in runs:
                    if (promotion["target"], promotion["priority"]) == (target, priority):
                        try:
                            benefit = total(part for _, part in self.off(promotion, matched))
                            turn.append((-benefit, promotion["id"], promotion, matched))
                        except Reason as reason:
                            outcomes[promotion["id"]] = reason.answer
                for _, name, promotion, matched in sorted(turn, key=lambda entry: entry[:2]):
                    try:
                        outcomes[name] = self.act(promotion, self.off(promotion, matched))
                    except Reason as reason:
                        outcomes[name] = reason.answer
        return outcomes, [self.coupon(code, outcomes, acts_by, gone) for code in case["coupons"]]

    def act(self, promotion, pairs):
        amount = total(part for _, part in pairs)
        budget = self.case["limits"]["budgets_minor"].get(promotion["id"])
        if budget is not None and budget < amount:
            raise Reason("used_up")
        for thing, part in pairs:
            thing["left"] -= part
            assert thing["left"] >= 0
            thing["held"].append((promotion, part))
        if "gift" in promotion["kind"]:
            self.gifts.append(promotion)
        return {"outcome": "applied", "amount_minor": amount}

    def coupon(self, code, outcomes, acts_by, gone):
        mine = [p for p in self.world["promotions"] if plain(code) in map(plain, p["codes"])]
        if not mine:
            return {"code": code, **Reason("unknown").answer}
        candidates = []
        for promotion in mine:
            outcome = outcomes[promotion["id"]]
            by = acts_by.get(promotion["id"])
            if by is not None and by != plain(code):
                if plain(code) in gone:
                    outcome = Reason("used_up").answer
                elif outcome["outcome"] == "applied":
                    outcome = Reason("beaten_by", id=promotion["id"]).answer
            late = outcome.get("reason") in ("expired", "not_yet")
            rank = 0 if outcome["outcome"] == "applied" else 2 if late else 1
            candidates.append((rank, promotion["id"], outcome))
        _, name, outcome = min(candidates, key=lambda entry: entry[:2])
        return {"code": code, "promotion": name, **outcome}


# Taxes.

def taxes_of(area, rates, amount, rounding):
    ppm = [rate["rate"] for rate in rates]
    if not area["included"]:
        return [near(amount * Decimal(rate) / MILLION, rounding) for rate in ppm]
    of = MILLION + sum(ppm)
    if area["aim"] == "net":
        tax = amount - near(amount * MILLION / of, rounding)
    else:
        tax = near(Decimal(amount * sum(ppm)) / of, rounding)
    return spread(tax, ppm, [MOST] * len(ppm))


def share_tax(area, tax, weights, room):
    parts = spread(tax, weights, room if area["included"] else [MOST] * len(room))
    if area["included"]:
        room[:] = [a - b for a, b in zip(room, parts)]
    return parts


def taxed(area, items, rounding):
    """[(rates, amount)] to the taxes of each."""
    if area["per"] == "line":
        return [taxes_of(area, rates, amount, rounding) for rates, amount in items]
    out = [[0] * len(rates) for rates, _ in items]
    kinds = []
    for rates, _ in items:
        if rates not in kinds:
            kinds.append(rates)
    for kind in kinds:
        members = [i for i, (rates, _) in enumerate(items) if rates == kind]
        amounts = [items[i][1] for i in members]
        room = list(amounts)
        for at, tax in enumerate(taxes_of(area, kind, total(amounts), rounding)):
            for i, part in zip(members, share_tax(area, tax, amounts, room)):
                out[i][at] = part
    return out


# Gift cards.

def card_code(text):
    letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    text = plain(text).replace("-", "").replace("I", "1").replace("L", "1").replace("O", "0")
    if len(text) != 17 or any(letter not in letters for letter in text):
        return None
    # Horner's rule over GF(32): all seventeen, the check digit last, must come to nothing.
    value = 0
    for letter in text:
        value <<= 1
        if value > 31:
            value ^= 0b100101
        value ^= letters.index(letter)
    return text if value == 0 else None


def pay(left, case):
    paid, seen = [None] * len(case["cards"]), set()
    usable = []
    for at, card in enumerate(case["cards"]):
        code, balance = card_code(card["code"]), card["balance"]
        if code and balance and balance["amount"]["currency"] == case["currency"] and balance["amount"]["amount_minor"] > 0:
            until = balance["until_s"]
            if until is None or case["now_s"] < until:
                usable.append((MOST if until is None else until, code, at, balance["amount"]["amount_minor"]))
    for _, code, at, amount in sorted(usable):
        if code not in seen:
            seen.add(code)
            paid[at] = min(amount, left)
            left -= paid[at]
    codes = [card_code(card["code"]) for card in case["cards"]]
    return [{"ending": code and code[-4:], "paid_minor": part} for code, part in zip(codes, paid)]


# All of it.

def unit_price(world, product, price):
    content = product["content"]
    if not content or not content["amount"]:
        return None
    return {"amount_minor": near(Decimal(price * 1000) / content["amount"], world["rounding"]), "per": content["per"]}


def priced(world, case):
    rounding = world["rounding"]
    address = case["address"] or world["merchant"]["place"]
    places = [place for place in (address["subdivision"], address["country"]) if place]
    case["places"] = places
    area = next((a for place in places for a in world["taxes"]["areas"] if a["place"] == place), None)
    if area is None:
        return {"refusal": "unknown_country"}
    currency, now = case["currency"], case["now_s"]
    fresh = ["current"]

    lines, groups = [], {}
    for line in case["lines"]:
        sku, variant = line["sku"], line["variant"]
        shown = {"id": line["id"], "sku": sku, "quantity": line["quantity"], "list_minor": 0, "discounts": [],
                 "amount_minor": 0, "taxes": [], "total_minor": 0}
        if variant:
            shown["variant"] = variant
        lines.append(shown)
        products = world["catalog"]["products"]
        product = (products.get(f"{sku}/{variant}") if variant else None) or products.get(sku)
        if product is None:
            shown["problem"] = "unknown_product"
            continue
        step = product["measure"]["step"]
        if line["quantity"] < 1 or line["quantity"] % step:
            shown["problem"] = {"off_step": {"step": step}}
            continue
        found = list_price(world, case, sku, variant, product["base"], places)
        if found is None:
            shown["problem"] = "not_for_sale"
            continue
        price, origin = found
        if "converted" in origin:
            fresh.append(freshness(world["rates"], product["base"]["currency"], currency, now))
        shown.update(unit_minor=price, origin=origin)
        if area.get("unit_prices") and (beside := unit_price(world, product, price)):
            shown["unit_price"] = beside
        added = line["added"]
        if added and added["currency"] == currency and added["amount_minor"] != price:
            shown["price_changed"] = {"from_minor": added["amount_minor"], "to_minor": price}
        key = (sku, variant is not None, variant or "", price)
        group = groups.setdefault(key, {"sku": sku, "product": product, "unit": price, "quantity": 0, "lines": [], "held": []})
        group["quantity"] += line["quantity"]
        group["lines"].append(shown)
    goods = [groups[key] for key in sorted(groups)]
    for group in goods:
        group["lines"].sort(key=lambda line: line["id"])
        group["list"] = group["left"] = of_quantity(world, group["unit"], group["product"], group["quantity"])

    sent = [g for g in goods if g["product"]["weight_g"] is not None]
    weight = sum(-(-g["product"]["weight_g"] * g["quantity"] // 10 ** g["product"]["measure"]["scale"]) for g in sent)
    options, shipping, assumed = [], None, False
    for option in world["shipping"]["options"] if sent else ():
        if not set(option["places"]) & set(places):
            continue
        tier = next((t for t in option["tiers"] if t["weight_g_max"] is None or weight <= t["weight_g_max"]), None)
        if tier is None:
            continue
        price = tier["price"]
        minor = price["amount_minor"] if price["currency"] == currency else convert(world, price, currency, 1_000_000)
        if minor is not None:
            fresh.append(freshness(world["rates"], price["currency"], currency, now))
            options.append({"id": option["id"], "title": option["title"], "days": option["days"], "price_minor": minor})
    options.sort(key=lambda option: (option["price_minor"], option["id"]))
    if options:
        chosen = next((option for option in options if option["id"] == case["shipping_option"]), None)
        assumed = chosen is None
        chosen = chosen or options[0]
        shipping = {"left": chosen["price_minor"], "held": []}

    cart = Cart(world, case, goods, shipping)
    outcomes, coupons = cart.promote()

    exempt = case["customer"]["exemption"] is not None

    def rates_of(name):
        return [] if exempt else area["classes"].get(name, area["classes"].get("standard", []))

    items = [(rates_of(g["product"]["tax_class"]), g["left"]) for g in goods]
    if shipping:
        rule = area["shipping"]
        if rule == "none" or exempt:
            rates = []
        elif rule == "highest":
            by_height = sorted((rates for rates, _ in items), key=lambda rates: [(r["name"], r["rate"]) for r in rates])
            rates = max(by_height, key=lambda rates: sum(rate["rate"] for rate in rates), default=[])
        else:
            rates = rates_of(rule["class"])
        items.append((rates, shipping["left"]))
    taxes = taxed(area, items, rounding)

    for group, (rates, _), of_group in zip(goods, items, taxes):
        quantities = [line["quantity"] for line in group["lines"]]
        left = spread(group["list"], quantities, [MOST] * len(quantities))
        for line, part in zip(group["lines"], left):
            line["list_minor"] = part
        for promotion, amount in group["held"]:
            if amount:
                parts = spread(amount, quantities, left)
                left = [a - b for a, b in zip(left, parts)]
                for line, part in zip(group["lines"], parts):
                    line["discounts"].append({"promotion": promotion["id"], "amount_minor": part})
        room = list(left)
        for line, part in zip(group["lines"], left):
            line["amount_minor"] = line["total_minor"] = part
        for rate, tax in zip(rates, of_group):
            for line, part in zip(group["lines"], share_tax(area, tax, left, room)):
                line["taxes"].append({**rate, "amount_minor": part})
                line["total_minor"] += 0 if area["included"] else part

    sums = {}
    for (rates, amount), of_item in zip(items, taxes):
        for rate, tax in zip(rates, of_item):
            entry = sums.setdefault((rate["name"], rate["rate"]), {**rate, "of_minor": 0, "amount_minor": 0})
            entry["of_minor"] += amount
            entry["amount_minor"] += tax

    gifts = []
    for promotion in cart.gifts:
        gift = promotion["kind"]["gift"]
        product = world["catalog"]["products"].get(gift["sku"])
        found = list_price(world, case, gift["sku"], None, product and product["base"], places)
        worth = of_quantity(world, found[0], product, gift["quantity"]) if found and product else None
        gifts.append({"promotion": promotion["id"], **gift, "worth_minor": worth})

    tax = total(part for of_item in taxes for part in of_item)
    left = total(g["left"] for g in goods)
    of_list = total(g["list"] for g in goods)
    of_shipping = shipping["left"] if shipping else 0
    whole = total([left, of_shipping, 0 if area["included"] else tax])
    cards = pay(whole, case)
    by_cards = sum(card["paid_minor"] or 0 for card in cards)
    worst = max(fresh, key=ORDER.index)
    answer = {
        "currency": currency, "place": area["place"], "lines": lines, "gifts": gifts, "shipping_options": options,
        "shipping": None,
        "estimated": [word for word, is_so in (("address", not case["address"] or area.get("approximate", False)),
                                               ("shipping", assumed)) if is_so],
        "promotions": [{"id": name, **outcomes[name]} for name in sorted(outcomes)], "coupons": coupons,
        "tax_included": area["included"], "taxes": [sums[key] for key in sorted(sums)],
        "totals": {"list_minor": of_list, "discount_minor": of_list - left, "shipping_minor": of_shipping, "tax_minor": tax,
                   "total_minor": whole, "cards_minor": by_cards, "to_pay_minor": whole - by_cards},
        "cards": cards, "rates": worst,
        "obstacles": [word for word, is_so in (
            ("lines", any("problem" in line for line in lines)), ("empty", not goods), ("address", not case["address"]),
            ("no_shipping", bool(sent) and not shipping), ("rates", worst == "refused")) if is_so],
    }
    if exempt:
        answer["exemption"] = case["customer"]["exemption"]
    if shipping:
        of_tax = [{**rate, "amount_minor": part} for rate, part in zip(items[-1][0], taxes[-1])]
        added = 0 if area["included"] else sum(taxes[-1])
        answer["shipping"] = {
            "option": chosen["id"], "list_minor": chosen["price_minor"], "amount_minor": shipping["left"], "taxes": of_tax,
            "discounts": [{"promotion": p["id"], "amount_minor": amount} for p, amount in shipping["held"]],
            "total_minor": shipping["left"] + added}
    return answer


def prepare(world):
    world["rounding"] = ROUNDINGS[world["merchant"]["rounding"]]
    for promotion in world["promotions"]:
        zone = world["zone"]
        start, end = promotion["from"], promotion["until"]
        promotion["from_s"] = instant(zone, start, last=False) if start else -MOST
        promotion["until_s"] = instant(zone, end, last=True) if end else MOST
    for rate in world["rates"]["per_euro"].values():
        rate["due"] = frankfurt_due(rate["day"])
    return world


def differences(ours, theirs, path=""):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            yield from differences(ours.get(key), theirs.get(key), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, (a, b) in enumerate(zip(ours, theirs)):
            yield from differences(a, b, f"{path}[{at}]")
    elif ours != theirs:
        yield f"{path}: {ours!r} here, {theirs!r} there"


def carts(lines):
    """Compares carts with their answers, and counts what was met: what is never met is not tested."""
    world, count, met = None, 0, {}
    for text in lines:
        given = json.loads(text)
        if "world" in given:
            world = prepare(given["world"])
            continue
        case, theirs = given["case"], given["answer"]
        try:
            ours = priced(world, case)
        except Overflow:
            ours = {"refusal": "price_overflow"}
        for key in ("digest", "versions"):
            theirs.pop(key, None)
        if ours != theirs:
            print(json.dumps({"world": world["promotions"], "case": case, "ours": ours, "theirs": theirs}, default=str))
            print("\n".join(list(differences(ours, theirs))[:20]), file=sys.stderr)
            sys.exit(f"cart {count + 1} differs")
        count += 1
        for entry in theirs.get("promotions", []) + theirs.get("coupons", []):
            name = entry.get("reason", entry["outcome"])
            met[name] = met.get(name, 0) + 1
    reasons = ["applied", "unknown", "expired", "not_yet", "threshold", "used_up", "not_eligible", "beaten_by", "conflicts",
               "wrong_currency"]
    print(f"{count} carts are equal; " + ", ".join(f"{name} {met.get(name, 0)}" for name in reasons))
    if count >= 10_000 and (missing := [name for name in reasons if name not in met]):
        sys.exit(f"never met: {', '.join(missing)}")


def rates(lines):
    """Compares conversions with the bank's own file."""
    path = Path(__file__).resolve().parent.parent.parent / "data/ecb-rates.csv"
    with path.open() as file:
        days = {row["date"]: row for row in csv.DictReader(file)}
    count, seen = 0, set()
    for text in lines:
        line = json.loads(text)
        row = {**days[line["day"]], "EUR": "1"}
        for amount, theirs in line["converted"]:
            of, to = line["from"], line["to"]
            exact = Decimal(amount).scaleb(digits(to) - digits(of)) * Decimal(row[to]) / Decimal(row[of])
            if of == to:
                exact = Decimal(amount)
            ours = max(near(exact, decimal.ROUND_HALF_UP), 1)
            if ours != theirs:
                sys.exit(f"{line['day']}: {amount} of {of} are {ours} of {to}, not {theirs}")
            count += 1
        seen.add(line["day"])
    if seen != days.keys():
        sys.exit("not all days were compared")
    print(f"{count} conversions on {len(seen)} days are equal")


def zones(lines):
    """Compares moments of local times with the time zone database."""
    count, names = 0, set()
    for text in lines:
        line = json.loads(text)
        ours = [instant(line["zone"], line["local"], last) for last in (False, True)]
        if ours != line["moments"]:
            sys.exit(f"{line['local']} in {line['zone']} is {ours}, not {line['moments']}")
        shown = datetime.datetime.fromtimestamp(line["at"], ZoneInfo(line["zone"])).replace(tzinfo=None).isoformat()
        if shown != line["shown"]:
            sys.exit(f"at {line['at']} {line['zone']} shows {shown}, not {line['shown']}")
        count += 1
        names.add(line["zone"])
    print(f"{count} local times of {len(names)} zones are equal")


if __name__ == "__main__":
    {"carts": carts, "rates": rates, "zones": zones}[sys.argv[1]](sys.stdin)
