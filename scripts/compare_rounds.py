#!/usr/bin/env python3
"""Times rounds of promobandit's simulator beside Open Bandit Pipeline and Vowpal Wabbit.

    pip install numpy==1.26.4 scikit-learn==1.3.2 pandas==2.1.4 scipy tqdm pyyaml matplotlib seaborn vowpalwabbit
    pip install --no-deps --no-binary obp --ignore-requires-python obp==0.5.7
    cargo build --release
    python scripts/compare_rounds.py --promobandit target/release/promobandit

Ten offers, every reward learnt before the next decision, one thread, the
programs in turn, best of several runs. promobandit's rounds hold everything: the
world's draws, exact propensities, the draw, regret and learning. A peer's rounds
hold its choice and its learning alone; rewards and contexts were drawn before.
Vowpal Wabbit reads a text file, as its own driver does. Start-up is taken off
promobandit's time by a run of one round.

obp imports torch for its learners of policies, which are not used here: a stub
stands in for it.
"""

import os

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"]:
    os.environ[name] = "1"

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from compare_evaluation import stub_torch

OFFERS = 10
DIMENSION = 10
RATES = np.linspace(0.02, 0.065, OFFERS)


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Ours:
    """Rounds of one policy by `promobandit simulate`."""

    def __init__(self, program, directory, environment, policy, rounds):
        self.program = program
        self.rounds = rounds
        self.scenario = directory / f"{policy[0]}.toml"
        keys = "\n".join(policy[1:])
        self.scenario.write_text(
            f'name = "{policy[0]}"\nrounds = 1\nseeds = "0..0"\n\n[environment]\n{environment}\n\n'
            f'[[policies]]\nkind = "{policy[0]}"\n{keys}\n'
        )

    def run(self, rounds):
        command = [self.program, "simulate", str(self.scenario), "--set", f"rounds={rounds}", "--output", "json"]
        return seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def rate(self):
        return self.rounds / max(self.run(self.rounds) - self.run(1), 1e-9)


class ContextFree:
    def __init__(self, policy, rounds):
        self.policy = policy
        self.luck = np.random.default_rng(1).random(rounds)

    def rate(self):
        policy = self.policy()

        def play():
            for luck in self.luck:
                action = policy.select_action()[0]
                policy.update_params(action, float(luck < RATES[action]))

        return len(self.luck) / seconds(play)


class Contextual:
    def __init__(self, policy, rounds):
        random = np.random.default_rng(1)
        self.policy = policy
        self.contexts = random.standard_normal((rounds, 1, DIMENSION))
        weights = random.standard_normal((DIMENSION, OFFERS)) / np.sqrt(DIMENSION)
        self.rewards = self.contexts[:, 0, :] @ weights + random.standard_normal((rounds, 1))

    def rate(self):
        policy = self.policy()

        def play():
            for context, rewards in zip(self.contexts, self.rewards):
                action = policy.select_action(context)[0]
                policy.update_params(action, rewards[action], context)

        return len(self.contexts) / seconds(play)


class VowpalWabbit:
    """Its driver on a text file of logged rounds."""

    def __init__(self, directory, rounds):
        random = np.random.default_rng(1)
        self.rounds = rounds
        self.file = directory / "rounds.vw"
        features = random.standard_normal((rounds, DIMENSION))
        actions = random.integers(1, OFFERS + 1, rounds)
        costs = -(random.random(rounds) < 0.05).astype(int)
        with open(self.file, "w") as file:
            for row, action, cost in zip(features, actions, costs):
                entries = " ".join(f"f{place}:{value:.4f}" for place, value in enumerate(row))
                file.write(f"{action}:{cost}:0.1 | {entries}\n")

    def rate(self):
        arguments = f"-d {self.file} --cb_explore {OFFERS} --squarecb --quiet"
        code = f"import vowpalwabbit as vw; w = vw.Workspace({arguments!r}); w.finish()"
        start = seconds(lambda: subprocess.run([sys.executable, "-c", "import vowpalwabbit"], check=True))
        whole = seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))
        return self.rounds / (whole - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promobandit", default="target/release/promobandit", help="the program")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, in turn; the best counts (default 5)")
    arguments = parser.parse_args()
    stub_torch()
    from obp.policy import BernoulliTS, EpsilonGreedy, LinTS, LinUCB

    directory = Path(tempfile.mkdtemp())
    bernoulli = f'kind = "bernoulli"\nrates = [{", ".join(f"{rate:.6f}" for rate in RATES)}]'
    linear = f'kind = "linear"\noffers = {OFFERS}\ndimension = {DIMENSION}'
    logistic = f'kind = "logistic"\noffers = {OFFERS}\ndimension = {DIMENSION}'
    one_prior = "model = { prior_variance = 1.0 }"

    def ours(environment, policy, rounds):
        return Ours(arguments.promobandit, directory, environment, policy, rounds)

    rows = [
        (
            "epsilon-greedy",
            100,
            ours(bernoulli, ["epsilon_greedy", "epsilon = 0.1"], 20_000_000),
            "obp EpsilonGreedy",
            ContextFree(lambda: EpsilonGreedy(n_actions=OFFERS, epsilon=0.1, random_state=1), 50_000),
        ),
        (
            "Thompson, exact propensities",
            60,
            ours(bernoulli, ["thompson_beta"], 5_000_000),
            "obp BernoulliTS, none",
            ContextFree(lambda: BernoulliTS(n_actions=OFFERS, random_state=1), 30_000),
        ),
        (
            "LinUCB, dimension 10",
            50,
            ours(linear, ["lin_ucb", one_prior], 500_000),
            "obp LinUCB",
            Contextual(lambda: LinUCB(dim=DIMENSION, n_actions=OFFERS, epsilon=1.0, random_state=1), 10_000),
        ),
        (
            "linear Thompson, propensities",
            60,
            ours(linear, ["linear_thompson", one_prior], 200_000),
            "obp LinTS, none",
            Contextual(lambda: LinTS(dim=DIMENSION, n_actions=OFFERS, random_state=1), 3_000),
        ),
        (
            "SquareCB",
            10,
            ours(logistic, ["square_cb", 'regression = "ridge"', one_prior], 500_000),
            "Vowpal Wabbit, text file",
            VowpalWabbit(directory, 100_000),
        ),
    ]
    rates = {name: ([], []) for name, *_ in rows}
    for _ in range(arguments.runs):
        for name, _, ours_run, _, peer in rows:
            rates[name][0].append(ours_run.rate())
            rates[name][1].append(peer.rate())
    print(f"{'policy':<32}{'rounds/s':>14}  {'peer':<26}{'rounds/s':>12}{'ratio':>9}{'asked':>8}")
    for name, asked, _, peer_name, _ in rows:
        own, peer = (max(values) for values in rates[name])
        print(f"{name:<32}{own:>14,.0f}  {peer_name:<26}{peer:>12,.0f}{own / peer:>9.1f}{asked:>8}")


if __name__ == "__main__":
    main()
