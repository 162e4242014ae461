#!/usr/bin/env python3
"""The tools that test the rest: what answers at a port is not taken for another, the browser's parts are asked for one by
one, each part of a bank has its turn, and what `verify` has passed is not done again, unless the tree is another."""

import contextlib
import http.server
import importlib.machinery
import importlib.util
import io
import os
import stat
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def load(name):
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / "tools" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


class Served(unittest.TestCase):
    def test_what_answers_at_its_port_is_not_taken_for_the_worker(self):
        class Other(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response_only(204)
                self.end_headers()

        with http.server.HTTPServer(("127.0.0.1", 0), Other) as other:
            threading.Thread(target=other.serve_forever, daemon=True).start()
            script = f"set -e; source tools/served; serve {other.server_port}; echo served"
            with tempfile.TemporaryDirectory() as folder:
                # Where it goes on it has nothing to build with.
                run = subprocess.run(["bash", "-c", script], cwd=ROOT, env=os.environ | {"XDG_CACHE_HOME": folder},
                                     capture_output=True, text=True, stdin=subprocess.DEVNULL)
            other.shutdown()
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("answers on port", run.stderr)


class Browser(unittest.TestCase):
    def asked_for(self, **programs):
        """What apt-get is asked to install where these are there, and what the script says in the end."""
        with tempfile.TemporaryDirectory() as folder:
            asked = Path(folder, "asked")
            self.program(folder, "apt-get", f'echo "$*" >>{asked}')
            self.program(folder, "sudo", '"$@"')
            self.program(folder, "dpkg", "exit 1")
            self.program(folder, "chromium", "exit 0")
            # Where it goes on it has nothing to build with.
            env = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "XDG_CACHE_HOME": folder} | programs
            run = subprocess.run(["tools/test_browser", "none"], cwd=ROOT, env=env, capture_output=True, text=True,
                                 stdin=subprocess.DEVNULL)
            self.assertNotEqual(run.returncode, 0)
            return asked.read_text() if asked.exists() else "", run.stdout + run.stderr

    @staticmethod
    def program(folder, name, text):
        file = Path(folder, name)
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def test_a_browser_without_its_driver_is_not_both(self):
        asked, said = self.asked_for(CHROMIUM="chromium", CHROMEDRIVER="no-such-driver")
        self.assertIn("chromium-driver", asked)
        self.assertIn("no-such-driver is not there", said)

    def test_a_driver_without_its_browser_is_not_both(self):
        asked, said = self.asked_for(CHROMIUM="no-such-browser", CHROMEDRIVER="chromium")
        self.assertIn("chromium", asked)
        self.assertIn("no-such-browser is not there", said)

    def test_where_both_are_there_nothing_is_installed(self):
        asked, _ = self.asked_for(CHROMIUM="chromium", CHROMEDRIVER="chromium")
        self.assertEqual(asked, "")


class Turns(unittest.TestCase):
    def turn(self, commit, parts):
        script = f'source tools/suites; git() {{ echo {commit}; }}; turn {parts}'
        return subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    def test_each_part_has_its_turn_by_the_commit(self):
        commits = [f"{number * 2654435761 % 2**28:07x}" for number in range(40)]
        turns = [self.turn(commit, 3) for commit in commits]
        self.assertEqual(set(turns), {"0/3", "1/3", "2/3"})
        self.assertEqual(turns[:5], [self.turn(commit, 3) for commit in commits[:5]])

    def test_a_commit_that_looks_like_an_octal_or_a_decimal_number_has_one_too(self):
        for commit in ("0800000", "0000009", "1234567"):
            self.assertRegex(self.turn(commit, 8), r"^[0-7]/8$")


class Beside(unittest.TestCase):
    def run_suites(self, script):
        script = f"set -euo pipefail; source tools/step; source tools/suites; {script}"
        return subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True)

    def test_what_runs_beside_others_is_waited_for_and_its_failure_counts(self):
        fine = self.run_suites('begin one echo said; suite two true; end one; say_times')
        self.assertEqual(fine.returncode, 0, fine.stderr)
        self.assertIn("said", fine.stdout)
        self.assertRegex(fine.stdout, r"\d+ s +one \(beside others\)")
        self.assertRegex(fine.stdout, r"\d+ s +two")
        bad = self.run_suites('begin one false; suite two true; end one; echo passed')
        self.assertNotEqual(bad.returncode, 0)
        self.assertNotIn("passed", bad.stdout)

    def test_suites_side_by_side_are_shown_one_by_one_and_a_failure_begins_no_more(self):
        fine = self.run_suites("side_by_side 2 'suite NAME' echo said NAME < <(printf '%s\\n' a b c); say_times")
        self.assertEqual(fine.returncode, 0, fine.stderr)
        for name in "abc":
            self.assertIn(f"suite {name} ..\nsaid {name}\nsuite {name}: done in", fine.stdout)
            self.assertRegex(fine.stdout, rf"\d+ s +suite {name}\n")
        bad = self.run_suites("side_by_side 1 'suite NAME' test NAME != b < <(printf '%s\\n' a b c); echo passed")
        self.assertNotEqual(bad.returncode, 0)
        self.assertIn("suite b ..", bad.stdout)
        self.assertNotIn("suite c", bad.stdout)
        self.assertNotIn("passed", bad.stdout)

    def test_a_failure_ends_what_runs_beside_it(self):
        with tempfile.NamedTemporaryFile() as pid:
            run = self.run_suites(f"begin one bash -c 'echo $$ >{pid.name}; sleep 600'; "
                                  f"until [ -s {pid.name} ]; do sleep 0.1; done; suite two false")
            self.assertNotEqual(run.returncode, 0)
            number = Path(pid.name).read_text().strip()
            done = subprocess.run(["bash", "-c", f"for _ in $(seq 600); do kill -0 {number} 2>/dev/null || exit 0; sleep 0.1; done; exit 1"])
            self.assertEqual(done.returncode, 0, "it goes on")


class Verify(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.marks = Path(self.folder.name, "marks")
        self.verify = load("verify")
        self.verify.LEDGER = Path(self.folder.name, "ledger")
        self.verify.DOCUMENT = Path(self.folder.name, "verification.md")
        self.tree = "aaaa"
        self.verify.tree_of = lambda: self.tree
        self.verify.PARTS = [(name, f"shows {name}", f"echo {name} >>{self.marks}; echo found {name}", "^found")
                             for name in ("one", "two")]

    def run_parts(self, *names):
        with contextlib.redirect_stdout(io.StringIO()):
            self.verify.main(list(names))
        return self.marks.read_text().split()

    def test_what_has_passed_is_not_done_again_until_the_tree_is_another(self):
        self.assertEqual(self.run_parts("one"), ["one"])
        self.assertEqual(self.run_parts(), ["one", "two"])
        document = self.verify.DOCUMENT.read_text()
        self.assertIn("2 of 2 parts", document)
        self.assertIn("commit aaaa", document)
        self.assertIn("found two", document)
        self.tree = "bbbb"
        self.assertEqual(self.run_parts("two"), ["one", "two", "two"])
        self.assertIn("1 of 2 parts", self.verify.DOCUMENT.read_text())

    def test_what_fails_is_done_again_and_is_not_in_the_ledger(self):
        self.verify.PARTS.append(("three", "shows three", f"echo three >>{self.marks}; echo found nothing; false", "^found"))
        self.verify.PARTS.append(("four", "shows four", f"echo four >>{self.marks}", "^found"))
        for _ in range(2):
            with self.assertRaises(SystemExit) as ended:
                self.run_parts()
            self.assertIn("three, four", str(ended.exception))
        self.assertEqual(self.marks.read_text().split(), ["one", "two", "three", "four", "three", "four"])
        self.assertNotIn("three", self.verify.DOCUMENT.read_text())

    def test_a_tree_that_changes_meanwhile_is_not_the_one_that_passed(self):
        trees = iter(["aaaa", "cccc"])
        self.verify.tree_of = lambda: next(trees)
        with self.assertRaises(SystemExit):
            self.run_parts("one")
        self.assertFalse(self.verify.DOCUMENT.exists())

    def test_an_unknown_part_is_an_error(self):
        with self.assertRaises(SystemExit):
            self.run_parts("worlds")


if __name__ == "__main__":
    unittest.main()
