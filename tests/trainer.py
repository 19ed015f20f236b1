"""A trainer that is somebody else's, for tests: quick, without any library; and the study file that starts it."""

SCRIPT = """
import argparse, csv, pathlib, random, sys, time

parser = argparse.ArgumentParser()
parser.add_argument("--noise", type=float)
parser.add_argument("--seed", type=int)
parser.add_argument("--out")
parser.add_argument("--seconds", type=float, default=0.0)
args = parser.parse_args()
chance = random.Random(args.seed)
print("training with noise", args.noise, flush=True)
time.sleep(args.seconds)
rows = []
for sample in range(60):
    label = ("cat", "dog", "cow")[sample % 3]
    wrong = chance.random() < 0.1 + args.noise * (label == "cow")
    rows.append([f"{sample}.png", label, "dog" if wrong else label, 0.25 if wrong else 0.75])
with open(args.out + ".csv", "w", newline="") as file:
    csv.writer(file).writerows([["sample", "label", "prediction", "p_label"], *rows])
"""

STUDY = """
name = "pets"
command = "{python} train.py --noise {dose} --seed {seed} --out {out}"
[sweep]
vary = "noise"
doses = [0, 0.5]
seeds = 3
"""


def lay_out(folder, script: str = SCRIPT, study: str = STUDY):
    """Write the script and the study into a folder; return the study's path."""
    (folder / "train.py").write_text(script)
    path = folder / "pets.toml"
    path.write_text(study)
    return path
