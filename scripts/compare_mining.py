#!/usr/bin/env python3
"""Compares `promobandit mine` with mlxtend, rule by rule and second by second.

    python3 -m venv venv && venv/bin/pip install mlxtend==0.25.0
    venv/bin/python scripts/compare_mining.py --promobandit target/release/promobandit BASKETS.csv

For each pair of thresholds both find the rules of the same baskets. The script
prints how many itemsets and rules each has and the largest absolute difference
in any measure, and fails when a rule is missing on either side or a difference
is above 1e-12. With --repeat N both are also timed N times in turn, and the
median of each is printed: for promobandit the whole process, reading the file
and writing the rules included; for mlxtend its fpgrowth and association_rules
alone, on a table that is ready in memory.
"""

import argparse
import csv
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from mlxtend.frequent_patterns import association_rules, fpgrowth
from mlxtend.preprocessing import TransactionEncoder

MEASURES = ["support", "confidence", "lift", "leverage", "conviction", "zhangs_metric"]
THRESHOLDS = "0.01,0.2 0.001,0.25 0.005,0.1 0.02,0 0.0015,0.6"


def read_baskets(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = [[name.strip() for name in row] for row in csv.reader(file)]
    return [[name for name in row if name] for row in rows if any(row)]


def one_hot(baskets):
    encoder = TransactionEncoder()
    return pd.DataFrame(encoder.fit(baskets).transform(baskets), columns=encoder.columns_)


def mlxtend_rules(table, support, confidence):
    start = time.perf_counter()
    itemsets = fpgrowth(table, min_support=support, use_colnames=True)
    rules = association_rules(itemsets, metric="confidence", min_threshold=confidence)
    seconds = time.perf_counter() - start
    found = {}
    for row in rules.itertuples(index=False):
        key = (";".join(sorted(row.antecedents)), ";".join(sorted(row.consequents)))
        found[key] = [float(getattr(row, measure)) for measure in MEASURES]
    return len(itemsets), found, seconds


def promobandit_rules(program, baskets, support, confidence):
    with tempfile.TemporaryDirectory() as directory:
        rules = Path(directory) / "rules.csv"
        command = [
            program, "mine", baskets, "--output", "json", "--rules-out", rules,
            "--min-support", str(support), "--min-confidence", str(confidence),
        ]
        start = time.perf_counter()
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        seconds = time.perf_counter() - start
        with rules.open(encoding="utf-8", newline="") as file:
            found = {
                (row["antecedents"], row["consequents"]): [float(row[name]) for name in MEASURES]
                for row in csv.DictReader(file)
            }
    counts = json.loads(answer)
    if counts["rules"] != len(found):
        sys.exit(f"the answer counts {counts['rules']} rules, the file has {len(found)}")
    return counts["itemsets"], found, seconds


def difference(ours, theirs):
    if ours == theirs:  # two infinities too
        return 0.0
    apart = abs(ours - theirs)
    return math.inf if math.isnan(apart) else apart


def compare(program, path, table, support, confidence, repeat):
    our_itemsets, ours, our_seconds = promobandit_rules(program, path, support, confidence)
    their_itemsets, theirs, their_seconds = mlxtend_rules(table, support, confidence)
    missing, extra = theirs.keys() - ours.keys(), ours.keys() - theirs.keys()
    worst = max(
        (difference(*pair) for key in ours.keys() & theirs.keys()
         for pair in zip(ours[key], theirs[key])),
        default=0.0,
    )
    print(f"support {support}, confidence {confidence}: itemsets {our_itemsets} and "
          f"{their_itemsets}, rules {len(ours)} and {len(theirs)}, {len(missing)} missing, "
          f"{len(extra)} extra, largest difference {worst:g}")
    if repeat:
        our_times, their_times = [our_seconds], [their_seconds]
        for _ in range(repeat - 1):
            our_times.append(promobandit_rules(program, path, support, confidence)[2])
            their_times.append(mlxtend_rules(table, support, confidence)[2])
        mine, peer = statistics.median(our_times), statistics.median(their_times)
        print(f"  promobandit {mine:.3f} s, mlxtend {peer:.3f} s: {peer / mine:.1f} x "
              f"(medians of {repeat}, in turn)")
    return not missing and not extra and worst <= 1e-12 and our_itemsets == their_itemsets


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("baskets", help="one basket a line, comma-separated")
    parser.add_argument("--promobandit", required=True, help="the program")
    parser.add_argument("--thresholds", default=THRESHOLDS,
                        help="support,confidence pairs, separated by spaces")
    parser.add_argument("--repeat", type=int, default=0, help="time both so many times")
    options = parser.parse_args()
    table = one_hot(read_baskets(options.baskets))
    print(f"{table.shape[0]} baskets of {table.shape[1]} items")
    equal = True
    for pair in options.thresholds.split():
        support, confidence = map(float, pair.split(","))
        equal &= compare(options.promobandit, options.baskets, table, support, confidence,
                         options.repeat)
    sys.exit(0 if equal else "the rules differ")


if __name__ == "__main__":
    main()
