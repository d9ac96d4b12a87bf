#!/usr/bin/env python3
"""Compares `promobandit segment fit` with scikit-learn's k-means.

    python3 -m venv venv && venv/bin/pip install scikit-learn pandas
    venv/bin/python scripts/compare_segments.py --promobandit target/release/promobandit

Makes tables of shoppers from a seed, 100,000 of them unless --shoppers says
otherwise: days since the last order, orders and money spent, of four kinds of
shoppers that overlap, with long tails. For each number of clusters and each seed
both look for the best of 10 starts on standardised columns; the script prints both
inertias and their ratio, and fails where ours is more than 0.1 % above.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

# Share, mean days since the last order, mean orders, median basket.
KINDS = [(0.08, 12, 24, 90), (0.27, 35, 9, 60), (0.40, 120, 2.5, 45), (0.25, 400, 1.2, 30)]


def shoppers(count, seed):
    draw = np.random.default_rng(seed)
    kind = draw.choice(len(KINDS), size=count, p=[share for share, *_ in KINDS])
    _, recency, orders, basket = (column[kind] for column in np.array(KINDS).T)
    bought = 1 + draw.poisson(orders * draw.gamma(4, 0.25, count))
    spent = bought * basket * draw.lognormal(0, 0.5, count)
    return pd.DataFrame({
        "recency_days": np.minimum(draw.exponential(recency), 1500).round(1),
        "orders": bought,
        "spend": spent.round(2),
    })


def ours(program, path, *options):
    command = [program, "segment", "fit", path, "--output", "json", *options]
    start = time.perf_counter()
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(answer), time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promobandit", default="target/release/promobandit")
    parser.add_argument("--shoppers", type=int, default=100_000)
    parser.add_argument("--clusters", type=int, nargs="+", default=[3, 4, 5, 8])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "shoppers.csv"
        for seed in arguments.seeds:
            table = shoppers(arguments.shoppers, seed)
            table.to_csv(path, index=False)
            scaled = StandardScaler().fit_transform(table)
            for clusters in arguments.clusters:
                options = ["--clusters", str(clusters), "--seed", str(seed)]
                answer, seconds = ours(arguments.promobandit, path, *options)
                start = time.perf_counter()
                theirs = KMeans(clusters, n_init=10, random_state=seed).fit(scaled)
                their_seconds = time.perf_counter() - start
                ratio = answer["inertia"] / theirs.inertia_
                worst = max(worst, ratio)
                print(f"seed {seed}, {clusters} clusters: inertia {answer['inertia']:.3f} and "
                      f"{theirs.inertia_:.3f}, ratio {ratio:.6f}; {seconds:.2f} s with reading "
                      f"and describing, {their_seconds:.2f} s")
        answer, seconds = ours(arguments.promobandit, path)
        by_number = {it["clusters"]: it["mean_silhouette"] for it in answer["silhouettes"]}
        sample = np.random.default_rng(0).choice(len(scaled), min(4_000, len(scaled)), False)
        for clusters, mean in by_number.items():
            labels = KMeans(clusters, n_init=10, random_state=1).fit_predict(scaled[sample])
            print(f"{clusters} clusters: mean silhouette {mean:.4f} and "
                  f"{silhouette_score(scaled[sample], labels):.4f}, each on a sample of its own")
        print(f"{answer['clusters']} clusters chosen, {seconds:.2f} s in all")
    if worst > 1.001:
        sys.exit(f"an inertia is {worst:.6f} times scikit-learn's")


if __name__ == "__main__":
    main()
