"""Writes the orders that the shop of simulations/checkout_cross_sell.toml had before anything was
shown beside its carts, one basket a line: what `promobandit mine` learns its affinity from.

    python3 scripts/make_checkout_baskets.py --out simulations/data/checkout_baskets.csv.gz

A shopper is drawn by the shares of the scenario's segments, a cart by its weight, and the order is
kept with the segment's rate of purchase. Whoever buys adds an article unasked with half the
probability with which it is added when it is shown (`adds`); each article by itself.
"""

import argparse
import gzip
import random
import tomllib
from pathlib import Path

UNASKED = 0.5


def baskets(scenario: dict, count: int, seed: int):
    """So many orders, each a list of articles."""
    draw = random.Random(seed)
    segments = scenario["environment"]["segments"]
    while count > 0:
        [segment] = draw.choices(segments, [it["share"] for it in segments])
        carts = segment["baskets"]
        [cart] = draw.choices(carts, [it.get("weight", 1.0) for it in carts])
        buys = draw.random() < segment["purchase_rate"]
        adds = [sku for sku, rate in cart["adds"].items() if draw.random() < UNASKED * rate]
        if buys:
            yield [*cart["lines"], *adds]
            count -= 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--scenario", type=Path, default=Path("simulations/checkout_cross_sell.toml"))
    parser.add_argument("--count", type=int, default=5_000, help="how many orders (default 5000)")
    parser.add_argument("--seed", type=int, default=42, help="of the draws (default 42)")
    parser.add_argument("--out", type=Path, required=True, help="the file, compressed by gzip")
    args = parser.parse_args()
    scenario = tomllib.loads(args.scenario.read_text(encoding="utf-8"))
    rows = baskets(scenario, args.count, args.seed)
    text = "".join(",".join(row) + "\n" for row in rows)
    # Without a name and a time inside, the same orders are the same bytes.
    args.out.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
