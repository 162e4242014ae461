#!/usr/bin/env python3
"""Makes queries.tsv, the judged queries, from the catalog and the baskets: always the same bytes.

    crates/catalog/tests/search/queries.py > crates/catalog/tests/search/queries.tsv

A line is class, query, the product types that it means (grade 3), and for sizes the package. What only shares a category
with one of these types has grade 1. Words are those of the types that are bought most; a type is of one class only, so
that no class is a copy of another. Only the synonyms are written by hand, since no source has what people say.
"""

import collections
import csv
import gzip
import random
import re
from pathlib import Path

DATA = Path(__file__).resolve().parents[4] / "data"
COUNTS = {"exact": 40, "plural": 30, "brand": 30, "size": 35, "typo": 35, "synonym": 30}
# Words that say how a type is sorted, and that nobody types.
SORTING = set("ALL AND OF OR THE OTHER OTHERS MISC MISCELLANEOUS BULK BAG PKG FULL SIZE ECONOMY PREMIUM TRADITIONAL "
              "MAINSTREAM VALUE SUPER REGULAR ENHANCED BLENDS SEASONAL EVERYDAY GENERAL BRANDS FRESH SERVICE".split())
# Types that name a quality, a lot or a part of a shelf, and no thing.
NO_THING = re.compile(r"^(PRIMAL|LEAN|CHOICE|SELECT|NATURAL|SMOKED|ENTREES|PATTIES|VALUE|PREMIUM|ECONOMY|STICKS|DRESSINGS|"
                      r"PIZZA|SNACKS|POULTRY|LUNCH|SANDWICH SAUCE|BASIC|CARDS|PARTY|CHILDREN|DIPS|TRAY|REFRIGERATED$|"
                      r"GARDEN|REGULAR|MEAT|ROLLS|JUICE|GASOLINE|NEWSPAPER|INSIDE|VEGETABLES ALL|RIBS|LINKS|SOUP/|MISC)")
# A till's words that are misspelt or run together: nobody types them, other than as a typo that was not made here.
ODD = re.compile(r"BEERALE|IWS|SAUCESSALSA|SPECILATY|CHOCOCLATE|INSTORE|GOODS|PREPACK|SEMI|RTS|NAPKINS|PINTS|ENROBED|CHUB")
# What a thing is like, and no thing, where a query's last word is put into its other number.
LIKE = set("canned dry sweet white red yellow green ripe microwave dried frozen liquid whole instant boneless flu".split())
BRANDS = [
    ("cheez its", "CHEESE CRACKERS (CHEEZ-ITS/GOL"), ("ritz", "BUTTER SPRAY CRACKER (RITZ/CLU"),
    ("ritz crackers", "BUTTER SPRAY CRACKER (RITZ/CLU"), ("9 lives", "CANNED CAT FOOD (9 LIVES/FRISK"),
    ("9 lives cat food", "CANNED CAT FOOD (9 LIVES/FRISK"), ("alpo", "DRY DOG FOOD PREMIUM (ALPO/PUR"),
    ("alpo dog food", "DRY DOG FOOD PREMIUM (ALPO/PUR"), ("cat chow", "DRY CAT FOOD (CAT CHOW/FRISKIE"),
    ("skippy", "CAN DOG FOOD (SKIPPY/PEDIGREE/"), ("pedigree", "CAN DOG FOOD (SKIPPY/PEDIGREE/"),
    ("pedigree dog food", "CAN DOG FOOD (SKIPPY/PEDIGREE/"), ("pet pride", "DRY DOG VALUE (PET PRIDE/KLR/G"),
    ("cost cutter dog", "DRY DOG ECONOMY (COST CUTTER/F"), ("trix dog food", "CAN DOG FOOD RATION (TRIX/VETS"),
    ("saltine crackers", "SOUP CRACKERS (SALTINE/OYSTER)"), ("covergirl", "COVERGIRL"), ("cover girl", "COVERGIRL"),
    ("leggs", "LEGGS"), ("leggs hosiery", "LEGGS"), ("maybelline", "MAYBELLINE"), ("maybelline makeup", "MAYBELLINE"),
    ("sally hansen", "SALLY HANSEN"), ("loreal", "LOREAL COSMETICS"), ("revlon", "REVLON"),
    ("revlon makeup", "REVLON"), ("hanes", "HANES PANTIES"), ("wet n wild", "WET N WILD"), ("almay", "ALMAY"),
    ("bonne bell", "BONNE BELL"), ("max factor", "MAX FACTOR"),
]
SYNONYMS = [
    ("toilet paper", ["TOILET TISSUE"]),
    ("kleenex", ["FACIAL TISSUE & PAPER HANDKE"]),
    ("ketchup", ["CATSUP"]),
    ("coke", ["SOFT DRINKS 12/18&15PK CAN CAR", "SFT DRNK 2 LITER BTL CARB INCL", "SFT DRNK SNGL SRV BTL CARB (EX",
              "SOFT DRINKS 20PK&24PK CAN CARB", "SFT DRNK MLT-PK BTL CARB (EXCP", "SOFT DRINKS 6PK/4PK CAN CARB (",
              "SOFT DRINK POWDER POUCHES", "SOFT DRINK BOTTLE NON-CARB (EX", "SOFT DRINK CANISTERS"]),
    ("soda", ["SOFT DRINKS 12/18&15PK CAN CAR", "SFT DRNK 2 LITER BTL CARB INCL", "SFT DRNK SNGL SRV BTL CARB (EX",
              "SOFT DRINKS 20PK&24PK CAN CARB", "SFT DRNK MLT-PK BTL CARB (EXCP", "SOFT DRINKS 6PK/4PK CAN CARB (",
              "SOFT DRINK POWDER POUCHES", "SOFT DRINK BOTTLE NON-CARB (EX", "SOFT DRINK CANISTERS"]),
    ("mac and cheese", ["MACARONI & CHEESE DNRS"]),
    ("crisps", ["POTATO CHIPS"]),
    ("fries", ["FRZN FRENCH FRIES"]),
    ("mayonnaise", ["SEMI-SOLID SALAD DRESSING MAY"]),
    ("jello", ["GELATIN"]),
    ("nappies", ["BABY DIAPERS"]),
    ("deodorant", ["SOLID/STK DEODORANTS", "ROLL-ON DEODORANTS", "AEROSOL DEODORANTS", "ANTIPERSPIRANTS ONLY (ALL OTHE"]),
    ("painkiller", ["ADULT ANALGESICS"]),
    ("gatorade", ["ISOTONIC DRINKS SINGLE SERVE", "ISOTONIC DRINKS MULTI-SERVE"]),
    ("trash bags", ["GARBAGE KITCHEN COMPACTOR BA", "PLASTIC TRASH BAGS"]),
    ("dish soap", ["LIQUID DISH DETERGENT"]),
    ("dryer sheets", ["FABRIC SOFTENER SHEETS"]),
    ("tin foil", ["ALUMINUM FOIL"]),
    ("pop tarts", ["TOASTER PASTRIES"]),
    ("porridge", ["INSTANT OATMEAL", "STANDARD OATMEAL"]),
    ("icing", ["FROSTING"]),
    ("doughnuts", ["SW GDS:DONUTS"]),
    ("courgette", ["SQUASH ZUCCHINI"]),
    ("smokes", ["CIGARETTES"]),
    ("petrol", ["GASOLINE-REG UNLEADED"]),
    ("hair dye", ["HAIR COLOR AND DEVELOPERS"]),
    ("mouth rinse", ["MOUTHWASH RINSES AND SPRAYS"]),
    ("chocolate bar", ["CANDY BARS (SINGLES)(INCLUDING", "CANDY BARS (MULTI PACK)"]),
    ("popsicle", ["WATER ICE"]),
    ("paper serviettes", ["PAPER NAPKINS"]),
]


def main():
    products = list(csv.DictReader(gzip.open(DATA / "products.csv.gz", "rt")))
    sold = collections.Counter(row["product_id"] for row in csv.DictReader(gzip.open(DATA / "baskets.csv.gz", "rt")))
    types = collections.Counter()
    for row in products:
        types[row["product_type"]] += sold[row["product_id"]]
    ranked = [name for name, _ in sorted(types.items(), key=lambda item: (-item[1], item[0])) if name]
    vocabulary = {word for row in products for word in re.findall(r"[a-z]+", " ".join(row.values()).lower())}
    plain = [name for name in ranked if words(name)]
    shelf = collections.defaultdict(collections.Counter)
    for row in products:
        shelf[row["product_type"]][row["product_category"]] += 1
    shelf = {name: max(found, key=lambda category: (found[category], category)) for name, found in shelf.items()}
    taken = set()
    lines = [("brand", query, [meant], "") for query, meant in BRANDS]
    lines += [("synonym", query, meant, "") for query, meant in SYNONYMS]
    for _, _, meant, _ in lines:
        assert all(name in types for name in meant), [name for name in meant if name not in types]
        taken.update(meant)
    # In turn, so that each class has some of the most bought.
    makers = [("exact", exact), ("size", size), ("plural", plural), ("typo", typo)]
    for name in plain:
        if name in taken:
            continue
        for at, (kind, make) in enumerate(makers):
            made = make(name, products, sold, vocabulary) if count(lines, kind) < COUNTS[kind] else None
            if made:
                # `onions` are those of any colour.
                alike = [other for other in ranked if len(words(name)) == 1 and shelf[other] == shelf[name]
                         and re.match(rf"{words(name)[0]}\b", other.lower())]
                lines.append((kind, made[0], alike or [name], made[1]))
                taken.update(alike or [name])
                makers = makers[at + 1:] + makers[:at + 1]
                break
    order = list(COUNTS)
    lines.sort(key=lambda line: order.index(line[0]))
    assert collections.Counter(line[0] for line in lines) == COUNTS, collections.Counter(line[0] for line in lines)
    for kind, query, meant, package in lines:
        print(kind, query, "|".join(meant), package, sep="\t")


def count(lines, kind):
    return sum(line[0] == kind for line in lines)


def words(name):
    """One to three words that somebody would type, or nothing."""
    if NO_THING.match(name) or ODD.search(name) or re.search(r"[0-9/(.]", name.replace("(BULK&BAG)", "")):
        return []
    found = [word for word in re.findall(r"[A-Z]+", name.replace("(BULK&BAG)", "")) if word not in SORTING]
    whole = all(len(word) >= 3 and re.search(r"[AEIOUY]", word) for word in found)
    return [word.lower() for word in found] if whole and 1 <= len(found) <= 3 and len(name) < 29 else []


def exact(name, *_):
    return " ".join(words(name)), ""


def size(name, products, sold, _):
    """With the package that most of the type are sold in."""
    packages = collections.Counter()
    for row in products:
        if row["product_type"] == name and re.fullmatch(r"[0-9.]+ (OZ|LB|CT|GAL|LTR|PK|ROLL)", row["package_size"]):
            packages[row["package_size"]] += sold[row["product_id"]] + 1
    if not packages:
        return None
    package = max(packages, key=lambda package: (packages[package], package)).lower()
    return " ".join(words(name)) + " " + package, package


def plural(name, *_):
    """The last word in its other number."""
    *first, last = words(name)
    if last in LIKE or last.removesuffix("s") in LIKE:
        return None
    if last.endswith("ies"):
        last = last[:-3] + "y"
    elif last.endswith(("ches", "shes", "xes", "oes")):
        last = last[:-2]
    elif last.endswith("s"):
        last = last[:-1]
    elif last.endswith("y"):
        last = last[:-1] + "ies"
    else:
        last += "es" if last.endswith(("ch", "sh", "x", "o")) else "s"
    return " ".join([*first, last]), ""


def typo(name, _products, _sold, vocabulary):
    """The longest word with one letter left out, doubled, replaced or swapped with the next one."""
    chance = random.Random(name)
    found = words(name)
    at = max(range(len(found)), key=lambda at: len(found[at]))
    word = found[at]
    if len(word) < 5:
        return None
    for _ in range(20):
        where = chance.randrange(1, len(word) - 1)
        typed = chance.choice([
            word[:where] + word[where + 1:],
            word[:where] + word[where] + word[where:],
            word[:where] + chance.choice("aeiourstln") + word[where + 1:],
            word[:where] + word[where + 1] + word[where] + word[where + 2:],
        ])
        if typed not in vocabulary and typed != word:
            found[at] = typed
            return " ".join(found), ""
    return None


if __name__ == "__main__":
    main()
