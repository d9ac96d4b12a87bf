"""Writes a large choice log in Parquet, to measure what a pass over one costs.

    python make_large_log.py OUT.parquet --rows 100000000 --actions 10

Each row has one of 1,000 segments; a segment has its own logging distribution with a floor of
0.02 and its own reward rates. The same arguments write the same rows. Needs numpy and pyarrow.
"""

import argparse

import numpy
import pyarrow
import pyarrow.parquet

SEGMENTS = 1_000
GROUP_ROWS = 262_144


def dictionary(values, words):
    return pyarrow.DictionaryArray.from_arrays(
        pyarrow.array(values, pyarrow.int32()), pyarrow.array(words)
    )


def batch(rng, rows, logging, rates, names, segment_names):
    actions = len(names)
    segment = rng.integers(SEGMENTS, size=rows)
    probabilities = logging[segment]
    uniform = rng.random(rows)
    chosen = (probabilities.cumsum(axis=1) < uniform[:, None]).sum(axis=1).clip(max=actions - 1)
    reward = (rng.random(rows) < rates[segment, chosen]).astype(float)
    offsets = pyarrow.array(numpy.arange(rows + 1, dtype=numpy.int32) * actions)
    offered = dictionary(numpy.tile(numpy.arange(actions), rows), names)
    every = numpy.arange(rows)
    return pyarrow.table({
        "segment": dictionary(segment, segment_names),
        "actions": pyarrow.ListArray.from_arrays(offsets, offered),
        "probabilities": pyarrow.ListArray.from_arrays(offsets, probabilities.ravel()),
        "action": dictionary(chosen, names),
        "propensity": probabilities[every, chosen],
        "reward": reward,
    })


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--actions", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = numpy.random.default_rng(args.seed)
    floor = 0.02
    free = rng.dirichlet(numpy.ones(args.actions), size=SEGMENTS)
    logging = floor + (1 - args.actions * floor) * free
    rates = rng.uniform(0.01, 0.1, size=(SEGMENTS, args.actions))
    names = [f"offer-{number}" for number in range(args.actions)]
    segment_names = [f"segment-{number}" for number in range(SEGMENTS)]
    writer = None
    left = args.rows
    while left > 0:
        rows = min(left, GROUP_ROWS)
        table = batch(rng, rows, logging, rates, names, segment_names)
        if writer is None:
            writer = pyarrow.parquet.ParquetWriter(args.out, table.schema, compression="zstd")
        writer.write_table(table)
        left -= rows
    writer.close()


if __name__ == "__main__":
    main()
