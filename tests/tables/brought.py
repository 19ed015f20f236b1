"""The same answers as every tool would write them, for the tests of the doors."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from barnspider import Predictions


def known(preds):
    """All that is known, whatever the order: {(arm, seed, sample, label, answer)}."""
    return {
        (arm, seed, str(sample), preds.classes[preds.label[i]], preds.classes[preds.guess[r, i]])
        for r, (arm, seed) in enumerate(zip(preds.arm, preds.seed, strict=True))
        for i, sample in enumerate(preds.sample)
    }


def example(classes=("cat", "dog", "owl"), arms=("mixup", "plain"), seeds=2, samples=5) -> Predictions:
    rng = np.random.default_rng(7)
    runs = [(arm, seed) for arm in arms for seed in range(seeds)]
    return Predictions(
        guess=rng.integers(len(classes), size=(len(runs), samples)).astype(np.int16),
        label=(np.arange(samples) % len(classes)).astype(np.int16),
        arm=tuple(arm for arm, _ in runs),
        seed=tuple(seed for _, seed in runs),
        dose=(None,) * len(runs),
        classes=tuple(classes),
        sample=np.array([f"val_{i:03d}.JPEG" for i in range(samples)]),
    )


def frames(preds, sample="sample", prediction="prediction", label=None):
    """One table for each run: {(arm, seed): pandas frame}."""
    names = np.array(preds.classes, dtype=object)
    return {
        (arm, seed): pd.DataFrame(
            {sample: preds.sample, prediction: names[preds.guess[run]]}
            | ({} if label is None else {label: names[preds.label]})
        )
        for run, (arm, seed) in enumerate(zip(preds.arm, preds.seed, strict=True))
    }


def write_labels(preds, folder: Path, sample="sample"):
    names = pl.Series(preds.classes, dtype=pl.String)
    frame = pl.DataFrame({sample: preds.sample.tolist(), "label": names.gather(preds.label)})
    frame.write_csv(folder / "labels.csv")
    return folder / "labels.csv"


def imagenet_x(preds, folder: Path):
    """As ImageNet-X wants them: one CSV for each model, with the columns of its own model_predictions."""
    for (arm, seed), frame in frames(preds, "file_name", "predicted_class").items():
        frame.assign(predicted_probability=0.5).to_csv(folder / f"{arm}-seed{seed}.csv", index=False)
    write_labels(preds, folder, "file_name")


def timm(preds, folder: Path, kind="csv"):
    """As timm's inference.py writes results, in all its formats, with --label-type name."""
    for (arm, seed), frame in frames(preds, "filename", "label").items():
        save_timm(frame.assign(prob=0.5), folder / f"{arm}-seed{seed}", kind)
    write_labels(preds, folder)


def save_timm(frame, path: Path, kind):
    if kind == "csv":
        frame.to_csv(f"{path}.csv", index=False)
    elif kind == "parquet":
        frame.set_index("filename").to_parquet(f"{path}.parquet")
    elif kind == "json":
        frame.set_index("filename").to_json(f"{path}.json", indent=4, orient="index")
    elif kind == "json-records":
        frame.to_json(f"{path}.json", lines=True, orient="records")
    else:
        frame.to_json(f"{path}.json", indent=4, orient="split", index=False)


def jsonl(preds, folder: Path):
    for (arm, seed), frame in frames(preds, label="label").items():
        rows = (json.dumps({"arm": arm, "seed": seed, **row}) for row in frame.to_dict("records"))
        (folder / f"{arm}-{seed}.jsonl").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def csv_gz(preds, folder: Path):
    for (arm, seed), frame in frames(preds, label="label").items():
        data = pl.DataFrame({name: frame[name].tolist() for name in frame.columns}).write_csv().encode()
        (folder / f"{arm}-seed{seed}.csv.gz").write_bytes(gzip.compress(data, mtime=0))


def npz(preds, folder: Path):
    for arm in preds.arms:
        rows = preds.rows(arm)
        arrays = {"label": preds.label, "guess": preds.guess[rows], "seed": [preds.seed[r] for r in rows]}
        np.savez(folder / f"{arm}.npz", classes=np.array(preds.classes), sample=preds.sample, **arrays)


def logits(preds, folder: Path):
    for arm in preds.arms:
        scores = np.eye(len(preds.classes), dtype=np.float32)[preds.guess[preds.rows(arm)]] * 3 - 1
        np.savez(
            folder / f"{arm}.npz",
            label=preds.label,
            logits=scores,
            classes=np.array(preds.classes),
            sample=preds.sample,
        )
