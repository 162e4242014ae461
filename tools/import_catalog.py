#!/usr/bin/env python3
"""Makes the local D1 databases, by way of wrangler: the demo catalog (data/products.csv.gz) and the
stores of the regions, which begin empty.

They are kept in the cache folder under a hash of all that went into it, so that a
fresh --persist-to folder is a matter of copying files. A folder that has databases already keeps
them: there the migrations that are missing are applied, and the tables are filled anew.

Nothing else may be running on the folder meanwhile.
"""

import argparse
import csv
import gzip
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CATALOG = ROOT / "data" / "products.csv.gz"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evercart"
D1_FILES = Path("v3/d1/miniflare-D1DatabaseObject")  # below --persist-to
DATABASE = "CATALOG"  # the binding in wrangler.toml
STAMP = ".catalog-stamp"
# D1 refuses a statement over 100 KB; 300 rows take at most 45.
INSERT_ROWS_MAX = 300


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--persist-to", type=Path, default=ROOT / ".wrangler" / "state", metavar="DIR",
                        help="wrangler's state folder (default: .wrangler/state)")
    parser.add_argument("--sql", action="store_true",
                        help="only print the SQL, for `wrangler d1 execute CATALOG --remote --file`")
    args = parser.parse_args()
    if args.sql:
        print("\n".join(statements(products())))
    else:
        import_into(args.persist_to.resolve())


def import_into(state):
    began = time.monotonic()
    want = fingerprint()
    stamp = state / STAMP
    if stamp.is_file() and stamp.read_text() == want and database_files(state):
        print(f"catalog: up to date in {shown(state)}")
        return
    if database_files(state):
        fill(state)
    else:
        shutil.copytree(cached(want) / D1_FILES, state / D1_FILES, dirs_exist_ok=True)
    stamp.write_text(want)
    print(f"catalog: imported into {shown(state)} in {time.monotonic() - began:.1f} s")


def cached(want):
    """The state folder in the cache that has just the catalog; made when it is not there yet."""
    kept = CACHE / f"catalog-{want[:16]}"
    if not kept.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="catalog-partial-") as partial:
            state = Path(partial) / "state"
            fill(state)
            try:
                state.rename(kept)
            except OSError:  # Another run was faster: its result is the same.
                if not kept.is_dir():
                    raise
    return kept


def fill(state):
    progress(0, "reading the catalog")
    rows = products()
    with tempfile.NamedTemporaryFile("w", suffix=".sql", encoding="utf-8") as sql:
        sql.write("\n".join(statements(rows)))
        sql.flush()
        progress(1, "making the databases")
        # One after another: two runtimes that start in one folder lock each other out.
        for name in databases():
            wrangler("migrations", "apply", name, "--persist-to", str(state))
        progress(2, f"importing {len(rows):,} products")
        wrangler("execute", DATABASE, "--persist-to", str(state), "--file", sql.name)
    progress(3, "reading it back")
    answer = wrangler("execute", DATABASE, "--persist-to", str(state), "--json",
                      "--command", "SELECT count(*) AS products FROM products")
    found = json.loads(answer)[0]["results"][0]["products"]
    if found != len(rows):
        fail(f"wrangler reads {found:,} products of {len(rows):,}")
    settle(state)
    progress(4, f"{found:,} products")


def settle(state):
    """Moves what is in write-ahead logs into the databases, so that each is one file to copy."""
    for file in database_files(state):
        db = sqlite3.connect(file, timeout=10)
        try:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            db.close()


# The rows

COLUMNS = ("sku", "title", "department", "brand", "manufacturer_id", "category", "product_type",
           "package_size", "price_minor")


def products():
    with gzip.open(CATALOG, "rt", encoding="utf-8", newline="") as lines:
        return [
            (
                row["product_id"],
                title(row),
                row["department"],
                row["brand"],
                int(row["manufacturer_id"]),
                row["product_category"] or None,
                row["product_type"] or None,
                row["package_size"] or None,
                int(row["price_cents"]) if row["price_cents"] else None,
            )
            for row in csv.DictReader(lines)
        ]


# The till's abbreviations, where they are common enough to be worth a word.
WORDS = {
    "beeralemalt": "beer, ale and malt", "bev": "beverages", "blubblkrasp": "blueberries", "bn": "bean", "btl": "bottle",
    "catfd": "cat food", "chix": "chicken", "cnd": "canned", "coff": "coffee", "dinr": "dinner", "dl": "deli",
    "dogfd": "dog food", "drnk": "drink", "drnks": "drinks", "fd": "food", "fem": "feminine", "flvrd": "flavored",
    "frd": "fried", "fre": "fresh", "frz": "frozen", "frzn": "frozen", "gds": "goods", "hygn": "hygiene",
    "imprtd": "imported", "jce": "juice", "liq": "liquid", "misc": "miscellaneous", "mlt": "multi", "mxs": "mixes",
    "pk": "pack", "pkg": "package", "pkgd": "packaged", "pnt": "peanut", "prep": "prepared", "refrgratd": "refrigerated",
    "refrig": "refrigerated", "sal": "salads", "seafd": "seafood", "sft": "soft", "sngl": "single", "srv": "serve",
    "svry": "savory", "sw": "sweet", "swt": "sweet", "vac": "vacuum", "veg": "vegetable", "w": "with", "wo": "without",
    "xmas": "Christmas",
}
CAPITALS = {"bbq", "cd", "dvd", "dvds", "dxm", "iqf", "pse", "rtd", "tv", "usa", "vhs"}
SMALL = {"and", "for", "in", "of", "on", "or", "the", "to", "with", "without"}


def title(row):
    """`ICE - CRUSHED/CUBED` of `22 LB` is Ice - Crushed/Cubed, 22 lb."""
    name = next((words(text) for text in (row["product_type"], row["product_category"], row["department"])
                 if text.strip()), f"Product {row['product_id']}")
    size = package(row["package_size"])
    return f"{name}, {size}" if size else name


def words(text):
    # The source cuts types off at 30 characters: an open bracket has lost its end.
    text = re.sub(r"\s*\([^)]*$", "", text) or text
    text = re.sub(r"\s*\(BULK&(BAG|PKG)?\)", "", text)
    text = re.sub(r"\s*:\s*", ": ", text).replace("&", " & ")
    text = re.sub(r"\bW/\s*O\b", "WO", text)
    text = re.sub(r"\bW/", "W ", text)
    text = re.sub(r"\b([A-Z]+) S\b", r"\1'S", text)  # MEN S, CHILDREN S
    text = re.sub(r"[A-Z']+", lambda word: cased(word.group()), text)
    text = " ".join(text.split()).strip(" -")
    return text[:1].upper() + text[1:]


def cased(word):
    word = word.lower()
    if word in CAPITALS:
        return word.upper()
    if word in SMALL or WORDS.get(word) in SMALL:
        return WORDS.get(word, word)
    return " ".join(part if part in SMALL else part[:1].upper() + part[1:] for part in WORDS.get(word, word).split())


def package(text):
    # `A B D  8 OZ`: the letters before the size are the shops' that carry it.
    text = re.sub(r"^(ALL|\([A-Z]\)|[A-Z]{1,4}( [A-Z])*)\s+(?=[\d.])", "", " ".join(text.split()))
    text = re.sub(r"(?<![\d.])\.(?=\d)", "0.", text)
    if not re.search(r"\d", text) or re.search(r"\d{5}", text):
        return ""  # No number, or one that is some code.
    return text.lower()


# SQL and files

def statements(rows):
    yield "DELETE FROM products;"
    for start in range(0, len(rows), INSERT_ROWS_MAX):
        values = ",\n".join("(" + ", ".join(map(literal, row)) + ")" for row in rows[start:start + INSERT_ROWS_MAX])
        yield f"INSERT INTO products ({', '.join(COLUMNS)}) VALUES\n{values};"
    yield "DELETE FROM departments;"
    yield "INSERT INTO departments SELECT department, count(*) FROM products GROUP BY department;"


def literal(value):
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def fingerprint():
    digest = hashlib.sha256()
    for part in (CATALOG, Path(__file__), *sorted((ROOT / "migrations").rglob("*.sql"))):
        digest.update(part.name.encode() + part.read_bytes())
    # These decide what wrangler calls the file, and how it writes it.
    for file, line in (("wrangler.toml", r"database_id.*"), ("package.json", r'"wrangler".*')):
        digest.update(repr(re.findall(line, (ROOT / file).read_text())).encode())
    return digest.hexdigest()


def databases():
    """The bindings of all databases in wrangler.toml."""
    found = re.findall(r'^\[\[d1_databases\]\]\nbinding = "(.*)"', (ROOT / "wrangler.toml").read_text(), re.MULTILINE)
    assert DATABASE in found, f"wrangler.toml has no {DATABASE}"
    return found


def database_files(state):
    return sorted((state / D1_FILES).glob("*.sqlite"))


def wrangler(*arguments):
    command = ["bash", "-c", 'source tools/env && exec wrangler d1 "$@" --local', "wrangler", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, "CI": "true", "NO_COLOR": "1"})
    if done.returncode != 0:
        fail(f"wrangler d1 {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def progress(done, doing):
    if sys.stdout.isatty():
        bar = "#" * (6 * done)
        print(f"\r\033[Kcatalog: [{bar:<24}] {doing}", end="" if done < 4 else "\n", flush=True)
    else:
        print(f"catalog: {doing}", flush=True)


def shown(path):
    return os.path.relpath(path)


def fail(message):
    sys.exit(f"catalog: {message}")


if __name__ == "__main__":
    main()
