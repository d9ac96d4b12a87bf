#!/usr/bin/env python3
"""Holds the regret of simulated Thompson sampling beside Open Bandit Pipeline's.

    pip install numpy==1.26.4 scikit-learn==1.3.2 pandas==2.1.4 scipy tqdm pyyaml matplotlib seaborn
    pip install --no-deps --no-binary obp --ignore-requires-python obp==0.5.7
    cargo build --release
    python scripts/compare_simulation.py --promobandit target/release/promobandit

The world is that of simulations/bernoulli_ten_arms.toml: ten offers that convert
at 2 to 6.5 %, one segment. obp's BernoulliTS chooses and learns every round, as
its own simulator has it (`run_bandit_simulation` does the same, round by round,
on rewards drawn beforehand); its regret is counted as ours is, against means.
Both play 200 seeds. The script fails when the mean regrets are further apart
than two standard errors of their difference.

obp imports torch for its learners of policies, which are not used here: a stub
stands in for it.
"""

import argparse
import json
import math
import subprocess
import sys

import numpy as np

from compare_evaluation import stub_torch

RATES = [0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05, 0.055, 0.06, 0.065]
SCENARIO = "simulations/bernoulli_ten_arms.toml"


def regret_of_obp(seed, rounds):
    from obp.policy import BernoulliTS

    policy = BernoulliTS(n_actions=len(RATES), len_list=1, batch_size=1, random_state=seed)
    luck = np.random.default_rng(seed).random(rounds)
    regret = 0.0
    for round_luck in luck:
        action = int(policy.select_action()[0])
        policy.update_params(action=action, reward=float(round_luck < RATES[action]))
        regret += max(RATES) - RATES[action]
    return regret


def regret_of_promobandit(program, seeds, rounds):
    command = [program, "simulate", SCENARIO, "--output", "json"]
    for value in [f"seeds=0..{seeds - 1}", f"rounds={rounds}", f"environment.rates={RATES}"]:
        command += ["--set", value]
    summary = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    thompson = next(policy for policy in summary["policies"] if policy["name"] == "thompson")
    return thompson["regret_mean"], thompson["regret_se"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--promobandit", default="target/release/promobandit", help="the program (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=200, help="replications of each (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=10_000, help="decisions in each (default: %(default)s)")
    options = parser.parse_args()
    stub_torch()
    our_mean, our_error = regret_of_promobandit(options.promobandit, options.seeds, options.rounds)
    theirs = np.array([regret_of_obp(seed, options.rounds) for seed in range(options.seeds)])
    their_mean, their_error = theirs.mean(), theirs.std(ddof=1) / math.sqrt(len(theirs))
    apart = abs(our_mean - their_mean) / math.hypot(our_error, their_error)
    print(f"{options.seeds} seeds of {options.rounds} decisions, regret by the end")
    print(f"  promobandit thompson  {our_mean:8.3f} ± {our_error:.3f}")
    print(f"  obp BernoulliTS       {their_mean:8.3f} ± {their_error:.3f}")
    print(f"  apart by {apart:.2f} standard errors of the difference")
    if apart > 2.0:
        sys.exit("they are further apart than two standard errors")


if __name__ == "__main__":
    main()
