#!/usr/bin/env python3
"""A run file of `qassay conform --level exhaustive` in, a document out: what was gone
through whole, by which kernels, what came of it, and how long it took.

Usage: document.py RUN.jsonl

Beside the run file may lie RUN.jsonl.seconds: a line for each part of a run that was
ended and gone on with.
"""

import collections
import json
import os
import pathlib
import re
import sys

# What makes a run fail, worst first; then what does not.
WORST = ["crashed", "timed-out", "wrote-outside", "leaked", "differs", "vacuous"]


def grouped(number):
    return f"{number:,}".replace(",", " ")


def domain(case):
    """The case without the number of its block; `None` where it is none of many."""
    found = re.fullmatch(r"(.*)/block\d+(/seed\d+)?", case)
    return found and found[1]


def described(case):
    """A domain in words."""
    suite = case.split("/")[0]
    codes = "s8" if "/s8/" in case else "u8"
    multiplier = re.search(r"scale:r([^/]+)", case)
    if suite == "quantize":
        return f"every f32, to {codes}"
    if suite == "requantize":
        by = f"times {float(multiplier[1]):.9g}" if multiplier else "times an ordinary multiplier"
        return f"every s32 {by}, to {codes}"
    return "every sum of two products u8·s8"


class Tally:
    """What came of some pairs of case and backend."""

    def __init__(self):
        self.cases, self.backends = set(), set()
        self.values = self.judged = 0
        self.verdicts = collections.Counter()

    def add(self, record):
        self.cases.add(record["case"])
        self.values += record["values"]
        self.verdicts[record["verdict"]] += 1
        if record["values"]:
            self.judged += 1
            self.backends.add(record["backend"])

    def verdict(self):
        for word in WORST:
            if self.verdicts[word]:
                return f"**{word}** {grouped(self.verdicts[word])}"
        return "conforms" if self.verdicts["conforms"] else "–"

    def refused(self):
        refused = self.verdicts["unsupported"] + self.verdicts["precondition-not-met"]
        return grouped(refused) if refused else "–"


def table(head, rows):
    widths = range(len(head))
    lines = [head, ["---" if at == 0 else "---:" for at in widths], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def duration(seconds):
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def print_domains(domains):
    print("\n## Domains gone through whole\n")
    print("2^32 inputs or sums each, in 256 cases of 2^24.\n")
    print(
        table(
            ["domain", "cases", "backends", "values", "refused", "verdict"],
            [
                [
                    f"{described(name)}<br>`{name}/block…`",
                    grouped(len(tally.cases)),
                    grouped(len(tally.backends)),
                    grouped(tally.values),
                    tally.refused(),
                    tally.verdict(),
                ]
                for name, tally in domains.items()
            ],
        )
    )
    print(
        "\nA refusal is a multiplier that the backend's arithmetic does not hold. What a profile leaves "
        "open (NaN, conversions that overflow) is not compared. Besides, `every` asks all 256 · 256 "
        "products at each of eight depths (`linear`) and every code with every zero point "
        "(`dequantize`)."
    )


def main(path):
    header, summary = {}, {}
    suites, backends, domains = {}, {}, {}
    profiles = {}
    with path.open() as lines:
        for line in lines:
            entry = json.loads(line)
            kind = entry["type"]
            if kind == "header":
                header = entry
            elif kind == "summary":
                summary = entry
            elif kind == "record":
                suites.setdefault(entry["suite"], Tally()).add(entry)
                backends.setdefault(entry["backend"], Tally()).add(entry)
                profiles[entry["backend"]] = entry["profile"]
                if whole := domain(entry["case"]):
                    domains.setdefault(whole, Tally()).add(entry)
    if not summary:
        sys.exit(f"{path}: the run is not through")
    cpu = header["cpu"]
    parts = []
    beside = path.with_name(path.name + ".seconds")
    if beside.exists():
        parts = [int(line) for line in beside.read_text().split()]
    seconds = sum(parts) or summary["seconds"]
    print("# Every input there is\n")
    print(
        f"Made by `scripts/exhaustive.sh` on {cpu['model_name']} ({cpu['architecture']}, family "
        f"{cpu['family']} model {cpu['model']}, {os.cpu_count()} cores), seed {header['seed']}, "
        f"{header['toolchain']}. Every kernel that this CPU runs natively is asked all cases of level "
        f"exhaustive{' of some suites' if '--suite' in header['command'] else ''}: four times those of standard, and the domains below whole. Every output bit is "
        "held to the profile that the backend declares."
    )
    print(f"\n```\n{' '.join(header['command'])}\n```\n")
    in_parts = f", in {len(parts)} parts" if len(parts) > 1 else ""
    print(
        f"{grouped(summary['cases'])} cases, {grouped(summary['judged'])} judged on "
        f"{len(backends)} backends, {grouped(summary['values'])} output values compared bit for bit in "
        f"{duration(seconds)}{in_parts}."
    )
    wrong = sum(summary["verdicts"].get(word, 0) for word in WORST)
    print(f"**{'Conforms.' if not wrong else f'{grouped(wrong)} pairs of case and backend fail.'}**")

    if domains:
        print_domains(domains)

    print("\n## Suites\n")
    print(
        table(
            ["suite", "cases", "judged", "values", "verdict"],
            [
                [
                    name,
                    grouped(len(tally.cases)),
                    grouped(tally.judged),
                    grouped(tally.values),
                    tally.verdict(),
                ]
                for name, tally in suites.items()
            ],
        )
    )
    print("\n## Backends\n")
    print(
        table(
            ["backend", "profile", "judged", "values", "verdict"],
            [
                [
                    name,
                    profiles[name],
                    grouped(tally.judged),
                    grouped(tally.values),
                    tally.verdict(),
                ]
                for name, tally in backends.items()
            ],
        )
    )
    stages = summary.get("stages", {})
    if stages and len(parts) <= 1:
        whole = sum(stages.values())
        shares = ", ".join(f"{name} {100 * time / whole:.0f} %" for name, time in stages.items())
        print(f"\nWhere the workers' time went: {shares}.")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
