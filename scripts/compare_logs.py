"""Round trips of a ledger through other programs.

    python compare_logs.py --promobandit PATH --data-dir DIR --placement ID

- ledger -> dsjson -> Vowpal Wabbit: every line is read as an example without a warning, and what a
  learner makes of the first half earns more on the second half than choosing at random would.
- ledger -> npz -> Open Bandit Pipeline: its inverse propensity estimate of the uniform policy is
  ours to 1e-12.

DIR is the data directory of a service that is stopped, with closed decisions at a placement whose
objective is conversion. Needs vowpalwabbit 9 and obp 0.5.7; obp imports torch, which none of what
is used here needs, so a stand-in takes its place.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest.mock

import numpy


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def through_vowpal_wabbit(args, folder):
    import vowpalwabbit

    log = folder / "log.dsjson"
    run(args.promobandit, "ledger", "export", "--data-dir", args.data_dir, "--format", "dsjson",
        "--placement", args.placement, "--output", str(log))
    lines = log.read_text().splitlines()
    half = len(lines) // 2
    (folder / "first").write_text("\n".join(lines[:half]) + "\n")
    (folder / "second").write_text("\n".join(lines[half:]) + "\n")
    model = folder / "model"
    options = "--dsjson --cb_explore_adf --epsilon 0.05 -q SA --power_t 0 -l 0.05"
    told = []
    for extra in (
        f"-d {folder / 'first'} -f {model}",
        f"-d {folder / 'second'} -t -i {model} -p {folder / 'predictions'}",
    ):
        words = extra if "-i" in extra else f"{options} {extra}"
        if "-i" in extra:
            words = f"--dsjson {extra}"
        learner = vowpalwabbit.Workspace(words, enable_logging=True)
        learner.finish()
        told.append("\n".join(learner.get_log()))
    warnings = [line for text in told for line in text.splitlines()
                if "warn" in line.lower() or "error" in line.lower()]
    examples = [int(line.split("=")[1]) for text in told for line in text.splitlines()
                if line.startswith("number of examples")]
    # Each line of a prediction is action:probability, the first the likeliest.
    predictions = []
    for block in (folder / "predictions").read_text().split("\n\n"):
        pairs = [pair.split(":") for pair in block.strip().split(",") if ":" in pair]
        if pairs:
            predictions.append({int(action): float(share) for action, share in pairs})
    gained = at_random = 0.0
    for line, predicted in zip(lines[half:], predictions):
        row = json.loads(line)
        weighed = -row["_label_cost"] / row["_label_probability"]
        at_random += weighed / len(row["a"])
        gained += weighed * predicted[row["_labelIndex"]]
    rows = len(predictions)
    print(f"Vowpal Wabbit: {sum(examples)} examples of {len(lines)} lines, "
          f"{len(warnings)} warnings; on the second half ({rows} decisions) its policy earns "
          f"{gained / rows:.4f} by inverse propensity, choosing at random {at_random / rows:.4f}")
    assert not warnings, warnings
    assert rows == len(lines) - half and sum(examples) >= len(lines)
    assert gained > at_random, "it learnt nothing"


def stand_in_for_torch():
    class Anything(unittest.mock.MagicMock):
        class Module:
            pass

        class Dataset:
            pass

    for name in ("", ".nn", ".nn.functional", ".optim", ".utils", ".utils.data"):
        sys.modules.setdefault(f"torch{name}", Anything())


def through_the_pipeline(args, folder):
    stand_in_for_torch()
    from obp.ope import InverseProbabilityWeighting

    log = folder / "log.npz"
    run(args.promobandit, "ledger", "export", "--data-dir", args.data_dir, "--format", "obp",
        "--placement", args.placement, "--output", str(log))
    feedback = dict(numpy.load(log))
    rows, actions = int(feedback["n_rounds"]), int(feedback["n_actions"])
    positions = feedback["pi_b"].shape[2]
    uniform = numpy.full((rows, actions, positions), 1.0 / actions)
    theirs = InverseProbabilityWeighting().estimate_policy_value(
        reward=feedback["reward"], action=feedback["action"], pscore=feedback["pscore"],
        action_dist=uniform, position=feedback["position"],
    )
    ours = json.loads(run(
        args.promobandit, "evaluate", "--log", f"obp:{log}", "--target", "uniform",
        "--estimators", "ips", "--bootstrap", "0", "--force", "--output", "json",
    ))["estimates"][0]["value"]
    print(f"Open Bandit Pipeline: {rows} rows of {actions} actions, IPS of the uniform policy "
          f"{theirs!r}, ours {ours!r}, apart by {abs(theirs - ours):.1e}")
    assert abs(theirs - ours) <= 1e-12


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--promobandit", default="target/release/promobandit")
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--placement", required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        through_vowpal_wabbit(args, pathlib.Path(folder))
        through_the_pipeline(args, pathlib.Path(folder))


if __name__ == "__main__":
    main()
