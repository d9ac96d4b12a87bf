#!/usr/bin/env python3
"""Times a pass of promobandit beside Open Bandit Pipeline on the same arrays.

    pip install numpy==1.26.4 scikit-learn==1.3.2 pandas==2.1.4 scipy tqdm pyyaml matplotlib seaborn
    pip install --no-deps --no-binary obp --ignore-requires-python obp==0.5.7
    python scripts/compare_evaluation.py --bench "cargo bench --bench evaluation --"

1,000,000 rounds of 10 actions: IPS, SNIPS, DM and DR by obp's estimators, by the
bare numpy kernels that they come down to, and by one pass of promobandit, which
checks the arrays and computes diagnostics as well; beside it the time of merely
summing the arrays. Then 1,000 bootstrap resamples of 100,000 rounds by both.
Everything on one thread, in turn, best of several runs. The script fails when an
estimate differs by more than 1e-9 relative.

obp imports torch for its learners of policies, which are not used here: a stub
stands in for it.
"""

import os

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import argparse
import shlex
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

import numpy as np


class TorchStub(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (object,), {})


def stub_torch():
    names = ["torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils", "torch.utils.data"]
    for name in names:
        sys.modules[name] = TorchStub(name)
    for name in names[1:]:
        parent, child = name.rsplit(".", 1)
        setattr(sys.modules[parent], child, sys.modules[name])


def draw(rounds, actions):
    random = np.random.default_rng(1)

    def rows():
        matrix = 0.1 + random.random((rounds, actions))
        return matrix / matrix.sum(axis=1, keepdims=True)

    logging, target = rows(), rows()
    action = (random.random((rounds, 1)) > np.cumsum(logging, axis=1)).sum(axis=1).clip(max=actions - 1)
    rates = random.random((rounds, actions)) * 0.4
    at = np.arange(rounds)
    return {
        "reward": (random.random(rounds) < rates[at, action]).astype(float),
        "pscore": logging[at, action],
        "action": action,
        "target": target,
        "predictions": np.clip(rates + 0.05 * random.standard_normal((rounds, actions)), 0, 1),
    }


def write(log, directory):
    for name in ["reward", "pscore", "target", "predictions"]:
        log[name].astype("<f8").tofile(directory / f"{name}.f64")
    log["action"].astype("<u4").tofile(directory / "action.u32")
    (directory / "actions.txt").write_text(str(log["target"].shape[1]))


def best(work, runs):
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def by_obp(log):
    from obp.ope import (
        DirectMethod,
        DoublyRobust,
        InverseProbabilityWeighting,
        SelfNormalizedInverseProbabilityWeighting,
    )

    rounds = len(log["reward"])
    given = {
        "reward": log["reward"],
        "action": log["action"],
        "pscore": log["pscore"],
        "position": np.zeros(rounds, dtype=int),
        "action_dist": log["target"][:, :, None],
        "estimated_rewards_by_reg_model": log["predictions"][:, :, None],
    }
    estimators = {
        "ips": InverseProbabilityWeighting(),
        "snips": SelfNormalizedInverseProbabilityWeighting(),
        "dm": DirectMethod(),
        "dr": DoublyRobust(),
    }
    return {name: float(estimator.estimate_policy_value(**given)) for name, estimator in estimators.items()}


def by_numpy(log):
    at = np.arange(len(log["reward"]))
    reward, target, predictions = log["reward"], log["target"], log["predictions"]
    weight = target[at, log["action"]] / log["pscore"]
    weighted = weight * reward
    expected = np.average(predictions, weights=target, axis=1)
    residual = weight * (reward - predictions[at, log["action"]])
    return {
        "ips": weighted.mean(),
        "snips": weighted.mean() / weight.mean(),
        "dm": expected.mean(),
        "dr": (expected + residual).mean(),
    }


def bootstrap_by_obp(log):
    from obp.ope import InverseProbabilityWeighting

    rounds = 100_000
    return InverseProbabilityWeighting().estimate_interval(
        reward=log["reward"][:rounds],
        action=log["action"][:rounds],
        pscore=log["pscore"][:rounds],
        position=np.zeros(rounds, dtype=int),
        action_dist=log["target"][:rounds, :, None],
        n_bootstrap_samples=1_000,
        random_state=1,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, help="the command that runs the benchmark; a directory follows it")
    parser.add_argument("--rounds", type=int, default=1_000_000)
    parser.add_argument("--actions", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    stub_torch()
    log = draw(options.rounds, options.actions)
    obp_seconds, theirs = best(lambda: by_obp(log), options.runs)
    numpy_seconds, _ = best(lambda: by_numpy(log), options.runs)
    obp_bootstrap, _ = best(lambda: bootstrap_by_obp(log), 2)
    with tempfile.TemporaryDirectory() as directory:
        write(log, Path(directory))
        command = [*shlex.split(options.bench), directory]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    ours = dict(line.split() for line in printed.splitlines() if len(line.split()) == 2)
    for name, value in theirs.items():
        if abs(float(ours[name]) / value - 1) > 1e-9:
            sys.exit(f"{name}: {ours[name]} is not {value}")
    ours_seconds, summed = float(ours["pass_ms"]) / 1e3, float(ours["sum_ms"]) / 1e3
    bootstrap = float(ours["bootstrap_ms"]) / 1e3
    print(f"{options.rounds} rounds, {options.actions} actions, one thread; the four estimates agree to 1e-9")
    for name, seconds in [
        ("obp, four estimators", obp_seconds),
        ("numpy, bare kernels", numpy_seconds),
        ("promobandit, one pass", ours_seconds),
        ("summing the arrays", summed),
    ]:
        print(f"{name:<24}{1e3 * seconds:10.1f} ms{seconds / ours_seconds:10.2f} x the pass")
    print(f"{'obp, bootstrap':<24}{1e3 * obp_bootstrap:10.1f} ms{obp_bootstrap / bootstrap:10.2f} x ours")
    print(f"{'promobandit, bootstrap':<24}{1e3 * bootstrap:10.1f} ms")


if __name__ == "__main__":
    main()
