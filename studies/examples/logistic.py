"""Logistic regression on scikit-learn's handwritten digits: somebody's training script. It knows nothing of barnspider.

It leaves one row for each test image: sample, label, prediction, p_label.
"""

import argparse
import csv

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("-C", type=float, default=1.0, help="inverse strength of the L2 penalty")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", required=True)
args = parser.parse_args()

digits = load_digits()
images, labels = digits.data / 16, digits.target
train, test = train_test_split(
    np.arange(len(labels)), test_size=0.5, stratify=labels, random_state=0
)  # always the same

# What the seed decides: which of the training images this run happens to see.
drawn = np.random.default_rng(args.seed).choice(train, size=300)
model = LogisticRegression(C=args.C, max_iter=1000).fit(images[drawn], labels[drawn])
chances = model.predict_proba(images[test])
print(f"accuracy {np.mean(chances.argmax(axis=1) == labels[test]):.3f}")

with open(f"{args.out}.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["sample", "label", "prediction", "p_label"])
    for number, row in zip(test, chances, strict=True):
        rows.writerow([number, labels[number], row.argmax(), row[labels[number]]])
