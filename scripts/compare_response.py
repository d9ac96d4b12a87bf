#!/usr/bin/env python3
"""Compares `promobandit fit response` with scikit-learn on the same tables.

    python3 -m venv venv && venv/bin/pip install scikit-learn pandas pyarrow
    venv/bin/python scripts/compare_response.py --promobandit target/release/promobandit \\
        [TABLE.csv|TABLE.parquet]...

Each table has a column `label` of 0 and 1 and numbers as features; without one the
breast cancer data that scikit-learn carries is taken, once as it is and once with
repeated rows and missing entries. On each table three things are compared:

- the whole table fitted with C = 0.1, 1 and 10 (--no-split): coefficients and
  intercept against LogisticRegression, once with solver="newton-cholesky", which
  goes to the optimum, and once with solver="lbfgs", tol=1e-10, max_iter=10000,
  which ends where its loss hardly falls and is then itself some 1e-6 away;
- rows dropped, split (train_test_split, random_state=42), scaled, grid search
  over 5 folds (GridSearchCV): the same rows held out, the same C, and the folds'
  mean accuracies;
- accuracy, precision, recall, F1 and AUC on the rows held out.

Fails when a coefficient is more than 1e-6 away from the optimum, or from lbfgs by
more than 1e-6 beyond lbfgs's own distance from it; when a row or the C is another;
or when a measure is off by more than 1e-9.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score, f1_score, precision_score, recall_score, roc_auc_score,
)
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import StandardScaler

GRID = [0.1, 1.0, 10.0]


def own_tables(directory):
    """The breast cancer data, and the same with repeated rows and gaps."""
    data = load_breast_cancer()
    table = pd.DataFrame(data.data, columns=[name.replace(" ", "_") for name in data.feature_names])
    table["label"] = data.target
    plain = directory / "breast_cancer.csv"
    table.to_csv(plain, index=False)
    draw = np.random.default_rng(7)
    worse = pd.concat([table, table.sample(60, random_state=1)]).sample(frac=1, random_state=2)
    worse = worse.mask(draw.random(worse.shape) < 0.002)
    with_gaps = directory / "breast_cancer_with_gaps.csv"
    worse.to_csv(with_gaps, index=False)
    return [plain, with_gaps]


def read(path):
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    return table.dropna().drop_duplicates()


def ours(program, path, *options):
    command = [program, "fit", "response", path, "--output", "json", *options]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def logistic(c, solver="lbfgs", tol=1e-10):
    return LogisticRegression(C=c, solver=solver, tol=tol, max_iter=10_000)


def weights(fitted):
    return np.array([*fitted.intercept_, *fitted.coef_[0]])


def our_weights(model):
    return np.array([model["intercept"], *(it["coefficient"] for it in model["features"])])


def apart(left, right):
    return float(np.max(np.abs(left - right)))


def compare_whole(program, path, features, label, faults):
    scaled = StandardScaler().fit_transform(features)
    for c in GRID:
        mine = our_weights(ours(program, path, "--no-split", "--c", str(c))["model"])
        optimum = weights(logistic(c, "newton-cholesky", 1e-14).fit(scaled, label))
        lbfgs = weights(logistic(c).fit(scaled, label))
        print(f"  all rows, C = {c}: a coefficient is at most {apart(mine, optimum):.2e} from the "
              f"optimum, {apart(mine, lbfgs):.2e} from lbfgs, which is "
              f"{apart(lbfgs, optimum):.2e} from the optimum")
        if apart(mine, optimum) > 1e-6 or apart(mine, lbfgs) > apart(lbfgs, optimum) + 1e-6:
            faults.append(f"{path}: C = {c} is off by {apart(mine, optimum)}")


def compare_search(program, path, table, features, label, faults):
    with tempfile.TemporaryDirectory() as directory:
        rows_out = Path(directory) / "rows.csv"
        answer = ours(program, path, "--rows-out", rows_out)
        rows = pd.read_csv(rows_out)
    places = np.arange(len(table))
    training, held_out = train_test_split(places, test_size=0.2, random_state=42)
    mine = set(rows[rows.part == "held_out"].row - 1)
    same_rows = mine == set(table.index[held_out])
    scaler = StandardScaler().fit(features[training])
    search = GridSearchCV(logistic(1.0), {"C": GRID}, cv=5)
    search.fit(scaler.transform(features[training]), label[training])
    c, means = search.best_params_["C"], search.cv_results_["mean_test_score"]
    scores = max(abs(tried["mean"] - mean) for tried, mean in zip(answer["grid"], means))
    print(f"  {len(mine)} rows held out, the same: {same_rows}; C = {answer['model']['c']} and {c}; "
          f"largest difference of a mean accuracy {scores:.2e}, of a coefficient "
          f"{apart(our_weights(answer['model']), weights(search.best_estimator_)):.2e}")
    if not same_rows or answer["model"]["c"] != c or scores > 1e-9:
        faults.append(f"{path}: the search differs")
    compare_measures(path, answer, search, scaler.transform(features[held_out]), label[held_out],
                     faults)


def compare_measures(path, answer, search, features, label, faults):
    foreseen = search.predict(features)
    theirs = {
        "accuracy": accuracy_score(label, foreseen),
        "precision": precision_score(label, foreseen),
        "recall": recall_score(label, foreseen),
        "f1": f1_score(label, foreseen),
        "auc": roc_auc_score(label, search.decision_function(features)),
    }
    for name, value in theirs.items():
        mine = answer["held_out"][name]
        print(f"  held out, {name}: {mine:.9f} and {value:.9f}")
        if abs(mine - value) > 1e-9:
            faults.append(f"{path}: {name} is {mine}, scikit-learn's is {value}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", type=Path)
    parser.add_argument("--promobandit", default="target/release/promobandit")
    arguments = parser.parse_args()
    faults = []
    with tempfile.TemporaryDirectory() as directory:
        for path in arguments.tables or own_tables(Path(directory)):
            table = read(path)
            features = table.drop(columns="label").to_numpy(float)
            label = table["label"].to_numpy(int)
            print(f"{path.name}: {len(table)} rows, {features.shape[1]} features")
            compare_whole(arguments.promobandit, path, features, label, faults)
            compare_search(arguments.promobandit, path, table, features, label, faults)
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
