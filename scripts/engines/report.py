#!/usr/bin/env python3
"""Judges every real engine that is set up, on all suites, and writes reports/engines.md.

Usage: report.py [--level smoke|standard] [--suite S,S] [--out FILE] [--keep FOLDER] [SYSTEM ENGINE]

Runs target/debug/qassay (build it first: `cargo build`), or what QASSAY names. `--keep` keeps each engine's
run as JSON, and takes what is there instead of running again.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

import engine

ROOT = pathlib.Path(__file__).resolve().parents[2]
QASSAY = os.environ.get("QASSAY", "target/debug/qassay")
FAILURES = ("differs", "leaked", "wrote-outside", "crashed", "timed-out", "vacuous")


def backend_of(words: list[str]) -> str:
    library = engine.plugin(*words)
    return f"plugin:{library.relative_to(ROOT)}" if library else f"exec:scripts/engines/engine.py {' '.join(words)}"


def engines() -> dict[tuple[str, str], str]:
    """Every engine that is set up, system by system, with what it is."""
    found = {}
    for system in [*engine.SYSTEMS, *(name for name in engine.PLUGINS if name not in engine.SYSTEMS)]:
        environment, programs = engine.SYSTEMS.get(system, (None, {}))
        if environment and (engine.UPSTREAM / ".venv" / environment).is_dir():
            found |= {(system, name): what for name, what in programs.items()}
        elif environment:
            print(f"{system}: not set up, left out (setup.sh {system})", file=sys.stderr)
        for name, (_, what) in engine.PLUGINS.get(system, {}).items():
            if engine.plugin(system, name).exists():
                found[system, name] = what
            else:
                print(f"{system} {name}: not set up, left out (setup.sh {system})", file=sys.stderr)
    return found


def judge(words: list[str], args, kept: pathlib.Path | None) -> dict | None:
    """One engine's run; None where it took longer than it may."""
    if kept is not None and kept.exists():
        return json.loads(kept.read_text())
    backend = backend_of(words)
    command = [QASSAY, "conform", "--backend", backend, "--level", args.level, "--format", "json"]
    command += ["--suite", args.suite] if args.suite else []
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=args.most_seconds)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode not in (0, 1):
        sys.exit(f"report.py: {' '.join(words)}: {done.stderr.strip()}")
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(done.stdout)
    return json.loads(done.stdout)


class Suite:
    """What came of one suite on one engine."""

    def __init__(self, name: str, records: list[dict], explanation: dict | None):
        self.name, self.records, self.explanation = name, records, explanation
        self.count = collections.Counter(record["verdict"] for record in records)
        self.judged = self.count["conforms"] + self.count["differs"]
        self.failed = [record for record in records if record["verdict"] in FAILURES]

    def verdict(self) -> str:
        if not self.failed:
            return "conforms"
        parts = [f"{word} {self.count[word]}" for word in FAILURES if self.count[word]]
        return ", ".join(parts)

    def profile(self) -> str:
        if not self.failed:
            return self.records[0]["profile"]
        found = (self.explanation or {}).get("identified")
        return f"{found}, not {self.records[0]['profile']}" if found else f"none (held to {self.records[0]['profile']})"


def read(run: dict) -> list[Suite]:
    suites = {}
    for record in run["records"]:
        suites.setdefault(record["suite"], []).append(record)
    explained = {found["suite"]: found for found in run["explanations"]}
    asked = ((name, records) for name, records in suites.items())
    return [Suite(name, records, explained.get(name)) for name, records in asked]


def reasons(records: list[dict]) -> list[tuple[str, int]]:
    """Why cases were not judged, the most frequent first."""
    why = collections.Counter(
        record["detail"] for record in records if record["verdict"] in ("unsupported", "precondition-not-met")
    )
    return [(text, count) for text, count in why.most_common() if not text.endswith("is not declared")]


def cell(text: str) -> str:
    """As it stands in a table: one line, files named from the repository on."""
    return re.sub(r"/[^\s:]*?/(?=scripts/)", "", text).replace("|", "\\|")


def section(words: list[str], what: str, run: dict) -> list[str]:
    suites = [suite for suite in read(run) if suite.judged or suite.failed]
    declared = run["records"][0]
    lines = [f"## {' '.join(words)}", "", f"{what[0].upper()}{what[1:]}. Declares `{declared['profile']}` on {declared['isa']}.", ""]
    lines += [f"`--backend '{backend_of(words)}'`", ""]
    lines += ["| suite | verdict | judged | not judged | profile of its bits |", "|---|---|--:|--:|---|"]
    for suite in suites:
        rest = len(suite.records) - suite.judged - sum(suite.count[word] for word in FAILURES if word != "differs")
        lines.append(f"| {suite.name} | {suite.verdict()} | {suite.judged} | {rest} | {suite.profile()} |")
    lines.append("")
    for suite in suites:
        if suite.failed:
            lines += counterexample(suite)
    for note in engine.NOTES.get(tuple(words), []):
        lines += [note, ""]
    why = reasons(run["records"])
    if why:
        shown = ", ".join(f"{text} ({count})" for text, count in why[:8])
        lines += [f"Not judged: {shown}{', and other reasons' if len(why) > 8 else ''}.", ""]
    return lines


def counterexample(suite: Suite) -> list[str]:
    found, first = suite.explanation, suite.failed[0]
    if found is None:
        return [f"**{suite.name}**: {first['verdict']}: {cell(first['detail'])}", "", "```", first["case"], "```", ""]
    lines = [f"**{suite.name}**: {found['sentence']}.", "", "```", f"{found['repro']}"]
    wrong = found.get("first") or first.get("first")
    if wrong:
        at = ", ".join(map(str, wrong["index"]))
        scaled = "" if wrong["scaled"] is None else f"  scaled {wrong['scaled']:g}"
        lines.append(f"output[{at}]{scaled}  expected {wrong['expected']}  got {wrong['got']}")
    return [*lines, "```", ""]


def table(runs: dict) -> list[str]:
    """One row for each engine: its suites, and those that differ."""
    lines = ["| engine | declares | conforms in | differs in | values compared |", "|---|---|---|---|--:|"]
    for words, run in runs.items():
        suites = [suite for suite in read(run) if suite.judged or suite.failed]
        good = ", ".join(suite.name for suite in suites if not suite.failed) or "–"
        bad = ", ".join(f"{suite.name} ({len(suite.failed)} of {suite.judged or len(suite.records)})" for suite in suites if suite.failed) or "–"
        values = f"{run['summary']['values']:,}".replace(",", " ")
        lines.append(f"| {words} | {run['records'][0]['profile']} | {good} | {bad} | {values} |")
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--level", default="standard", choices=("smoke", "standard"))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "reports" / "engines.md")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--suite", help="only these suites, separated by commas")
    parser.add_argument("--most-seconds", type=float, help="leave out an engine that takes longer")
    parser.add_argument("only", nargs="*", metavar="SYSTEM ENGINE")
    args = parser.parse_args()
    runs, what, header, unfinished = {}, {}, None, []
    for (system, name), text in engines().items():
        if args.only and args.only != [system, name]:
            continue
        kept = args.keep and args.keep / f"{system}-{name}.json"
        print(f"{system} {name}", file=sys.stderr)
        run = judge([system, name], args, kept)
        if run is None:
            unfinished.append(f"{system} {name}")
            continue
        runs[f"{system} {name}"], what[f"{system} {name}"], header = run, text, run["header"]
    if not runs:
        sys.exit("report.py: no engine is set up; scripts/engines/setup.sh makes their environments")
    cpu = header["cpu"]
    lines = [
        "# Real engines under the suites",
        "",
        f"Made by `scripts/engines/report.py` at level {args.level} on {cpu['model_name']} ({cpu['architecture']}, family "
        f"{cpu['family']} model {cpu['model']}), seed {header['seed']}. Each engine is a program behind the worker "
        "protocol ([PROTOCOL.md](../backends/PROTOCOL.md)) or a plugin ([qassay.h](../backends/include/qassay.h)), held to the profile that it should have on this CPU. What an "
        "engine lacks is not judged; the reasons stand below each table.",
        "",
        *table(runs),
    ]
    if args.suite:
        lines += [f"Suites asked: {args.suite.replace(',', ', ')}.", ""]
    if unfinished:
        lines += [f"Not through in time, and not judged here: {', '.join(unfinished)}.", ""]
    for words, run in runs.items():
        lines += section(words.split(), what[words], run)
    part = args.out.with_name(args.out.name + ".part")
    part.write_text("\n".join(lines).rstrip() + "\n")
    part.replace(args.out)
    print(args.out)


if __name__ == "__main__":
    main()
