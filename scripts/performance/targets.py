#!/usr/bin/env python3
"""Run files of `qassay bench` in, a document out: each target, what was reached, and
what is to be said where it was missed.

Usage: targets.py RUN.jsonl… [--notes NOTES.md]

A run file's name says what it is: all-DATA, avx2-DATA (as on a CPU without VNNI),
threads-N. Notes are sections `## key` of a Markdown file, printed where a target with
that key was missed. Of ours, only what gives the right bits counts; a peer is held to
the arithmetic that it declares, and counts also where it is wrong, which is said.
"""

import argparse
import json
import math
import pathlib
import sys

LARGE = 256**3


def read(path):
    header, rows = {}, []
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if entry["type"] == "header":
            header = entry
        elif entry["type"] == "measurement":
            rows.append(entry)
    return header, rows


def ours(row):
    return not row["backend"].startswith(("plugin:", "exec:"))


def named(row):
    """A plugin by its file."""
    return row["backend"].rsplit("/libqassay_")[-1].removesuffix(".so") if not ours(row) else row["backend"]


def exact(row):
    return row.get("inexact") in (0, None)


def speed(row):
    """GOP/s, or GB/s where nothing is multiplied."""
    work, median = row["work"], row["time"]["median_ns"]
    if work["macs"]:
        return 2 * work["macs"] / median
    return (work["bytes_in"] + work["bytes_out"]) / median


def shown(row):
    median = row["time"]["median_ns"]
    mark = " (unstable)" if row["time"]["unstable"] else ""
    if 0 < row["work"]["macs"] < 10_000:
        return f"{median:.0f} ns{mark}"
    unit = "GOP/s" if row["work"]["macs"] else "GB/s"
    return f"{speed(row):.1f} {unit}{mark}"


def by_case(rows):
    cases = {}
    for row in rows:
        cases.setdefault(row["case"], []).append(row)
    return cases


def label(row):
    place = row.get("place")
    return f"{row['suite']} {place['name']}" if place else row["case"].split("/in:")[0]


def best(rows):
    timed = [row for row in rows if row.get("time")]
    return max(timed, key=speed, default=None)


class Table:
    """One kind of target: a row a case."""

    def __init__(self, title, key):
        self.title, self.key, self.lines, self.missed, self.met = title, key, [], 0, 0

    def add(self, name, own, peer, target, also=lambda own: True):
        if own is None:
            return
        share = own["time"].get("share")
        share = f"{100 * share['share']:.0f} % of {share['limit']}" if share else "–"
        cells = [name, own["backend"], shown(own), share]
        if peer is None:
            self.lines.append(cells + ["–", "–", f"≥ {target}", "no peer"])
            return
        ratio = speed(own) / speed(peer)
        met = ratio >= target and also(own)
        self.met, self.missed = self.met + met, self.missed + (not met)
        wrong = peer.get("inexact")
        peer_name = named(peer) + (f", {100 * wrong / max(peer['values'], 1):.0f} % inexact" if wrong else "")
        if peer["verdict"] != "conforms":
            peer_name += f", {peer['verdict']}"
        self.lines.append(
            cells + [f"{peer_name}: {shown(peer)}", f"{ratio:.2f}", f"≥ {target}", "met" if met else "**missed**"]
        )

    def print(self, notes):
        if not self.lines:
            return
        print(f"## {self.title}\n")
        print(f"{self.met} met, {self.missed} missed.\n")
        print("| case | ours | speed | share of what this CPU allows | fastest peer | ours ÷ peer | target | |")
        print("|---|---|---|---|---|---|---|---|")
        for cells in self.lines:
            print("| " + " | ".join(cells) + " |")
        print()
        if self.missed and self.key in notes:
            print(notes[self.key] + "\n")


def notes_of(path):
    notes, key = {}, None
    if path and pathlib.Path(path).exists():
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith("## "):
                key = line[3:].strip()
                notes[key] = ""
            elif key:
                notes[key] += line + "\n"
    return {key: text.strip() for key, text in notes.items()}


def products(title, key, rows, target, sets=("gemm", "gemm-sums"), at_least=0):
    table = Table(title, key)
    for rows in by_case([r for r in rows if (r.get("place") or {}).get("set") in sets]).values():
        if rows[0]["work"]["macs"] < at_least:
            continue
        own = best([r for r in rows if ours(r) and exact(r) and r["verdict"] == "conforms"])
        name = f"{label(rows[0])} {'→ s32' if '.s32/' in rows[0]['case'] else '→ u8'}"
        goal = target(rows[0])
        table.add(name, own, best([r for r in rows if not ours(r)]), goal)
    return table


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("runs", nargs="+", type=pathlib.Path)
    arguments.add_argument("--notes")
    given = arguments.parse_args()
    runs = {path.stem: read(path) for path in given.runs}
    if not runs:
        sys.exit("targets.py: no run files")
    notes = notes_of(given.notes)
    header = next(iter(runs.values()))[0]
    cpu = header["cpu"]
    print("# How fast: targets and what was reached\n")
    print("Written by `scripts/performance.sh`.\n")
    print(
        f"{cpu['model_name']} (family {cpu['family']} model {cpu['model']} stepping {cpu['stepping']}), "
        f"{header.get('toolchain', '')}, {header.get('level', '')} samples. Every output bit was compared before "
        "and after every sample; what is wrong has no time. Backends and peers were sampled in turn within a case. "
        "A peer is held to the arithmetic that it declares; *inexact* says how many of its outputs exact sums "
        "would have given otherwise. How it is measured: suites/METHODOLOGY.md.\n"
    )
    if notes.get("run"):
        print(notes["run"] + "\n")
    peers = sorted({named(r) for _, rows in runs.values() for r in rows if not ours(r)})
    print(f"Peers in these runs: {', '.join(peers) or 'none'}.\n")

    def rows(name):
        return runs.get(name, ({}, []))[1]

    def usual(row):
        return 1.10 if "/m1.n1024.k1024/" in row["case"] else 1.0

    tables = [
        products("Products on full-range data, exact bits", "products", rows("all-full-range"), usual),
        products("Products, Gaussian weights and 7-bit activations", "gaussian", rows("all-gaussian"),
                 lambda _: 1.30, at_least=128**3),
        products("As on a CPU without VNNI: full-range data", "avx2", rows("avx2-full-range"), usual),
        products("As on a CPU without VNNI: Gaussian weights and 7-bit activations", "avx2-gaussian",
                 rows("avx2-gaussian"), lambda _: 1.30, at_least=128**3),
        products("Convolutions", "conv", rows("all-full-range"),
                 lambda row: 1.5 if row["suite"] == "depthwise" else 1.2 if ".k7x7." in row["case"] else 1.0,
                 sets=("conv",)),
        products("Quantize, dequantize, requantize", "elements", rows("all-uniform"),
                 lambda row: 1.2 if row["work"]["elements"] < 1 << 20 else 1.0, sets=("elements",)),
    ]
    for table in tables:
        table.print(notes)

    one, two = rows("threads-1"), rows("threads-2")
    if one and two:
        print("## Two threads\n\n1024³; target: 1.9 times as fast.\n")
        print("| case | backend | one thread | two threads | times as fast | |\n|---|---|---|---|---|---|")
        missed = False
        for row in two:
            same = [r for r in one if (r["case"], r["backend"]) == (row["case"], row["backend"]) and r.get("time")]
            if not same or not row.get("time"):
                continue
            ratio = same[0]["time"]["median_ns"] / row["time"]["median_ns"]
            missed |= ratio < 1.9
            print(f"| {label(row)} | {row['backend']} | {shown(same[0])} | {shown(row)} | {ratio:.2f} | "
                  f"{'met' if ratio >= 1.9 else '**missed**'} |")
        print()
        if missed and "threads" in notes:
            print(notes["threads"] + "\n")

    gaussian = [r for r in rows("avx2-gaussian") if "proved" in r.get("chosen", "")]
    if gaussian:
        print("## Blocks of weights that are proved\n\nHow many vpmaddubsw results of 16 k may be summed in i16, for "
              "the highest code that the backend allows.\n")
        print("| case | backend | chosen |\n|---|---|---|")
        for row in gaussian:
            print(f"| {label(row)} | {row['backend']} | {row['chosen']} |")
        print()
    ratios = []
    for table in tables:
        ratios += [float(cells[5]) for cells in table.lines if cells[5] != "–"]
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"Geometric mean of all {len(ratios)} ratios: {mean:.2f}.")


if __name__ == "__main__":
    main()
