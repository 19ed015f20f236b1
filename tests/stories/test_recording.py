"""The recipes of docs/recording.md, run as they stand there, and what they wrote audited by the command line."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "recording.md"
PATTERN = ("--pattern", "{arm}-seed{seed}", "--baseline", "plain")
CLASSES, IMAGES = 3, 90


def recipe(title):
    """What the recipe of this title defines."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    code = re.search(r"```python\n(.*?)```", section, re.S)
    assert code is not None
    names = {}
    exec(compile(code[1], f"{PAGE} ({title})", "exec"), names)
    return names


def images():
    rng = np.random.default_rng(0)
    label = np.arange(IMAGES) % CLASSES
    return (np.eye(CLASSES)[label] + 0.5 * rng.normal(size=(IMAGES, CLASSES))).astype(np.float32), label


def runs(folder):
    (folder / "preds").mkdir()
    return [(folder / "preds" / f"{arm}-seed{seed}.npz", seed) for arm in ("plain", "mixup") for seed in (0, 1)]


def audited(barnspider, folder):
    done = barnspider("audit", "preds", *PATTERN)
    assert f"Change of accuracy from 'plain' (2 runs): {CLASSES} classes, {IMAGES} images" in done.stdout
    for file in (folder / "preds").iterdir():
        barnspider("audit", file, "--baseline", file.stem, check=2)  # one arm alone is no comparison


def small(torch, seed):
    torch.manual_seed(seed)
    net = torch.nn.Linear(CLASSES, CLASSES)
    with torch.no_grad():
        net.weight += torch.eye(CLASSES)
    return net


def test_plain_torch(barnspider, tmp_path):
    torch = pytest.importorskip("torch")
    x, y = images()
    data = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    record = recipe("Plain torch")["record"]
    for path, seed in runs(tmp_path):
        record(small(torch, seed), torch.utils.data.DataLoader(data, batch_size=32), path)
    audited(barnspider, tmp_path)


def test_a_model_that_diverged_is_not_recorded(tmp_path):
    torch = pytest.importorskip("torch")
    x, y = images()
    net = small(torch, 0)
    net.bias.data[0] = float("nan")
    loader = [(torch.from_numpy(x), torch.from_numpy(y))]
    with pytest.raises(AssertionError, match="diverged"):
        recipe("Plain torch")["record"](net, loader, tmp_path / "a.npz")
    assert not list(tmp_path.iterdir())


def test_scikit_learn(barnspider, tmp_path):
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y = images()
    names = np.array(["cat", "dog", "owl"])[y]
    record = recipe("scikit-learn")["record"]
    for path, seed in runs(tmp_path):
        rows = np.random.default_rng(seed).permutation(IMAGES)[:60]
        record(linear_model.LogisticRegression().fit(x[rows], names[rows]), x, names, path)
    audited(barnspider, tmp_path)
    assert "cat" in barnspider("audit", "preds", *PATTERN).stdout


@pytest.mark.filterwarnings("ignore")
def test_lightning(barnspider, tmp_path):
    lightning = pytest.importorskip("lightning")
    torch = pytest.importorskip("torch")
    names = recipe("Lightning")

    class Module(names["Recorded"]):
        def __init__(self, seed):
            super().__init__()
            self.net = small(torch, seed)

        def forward(self, x):
            return self.net(x)

    x, y = images()
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=32
    )
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    for path, seed in runs(tmp_path):
        names["record"](lightning.Trainer(devices=1, **quiet), Module(seed), loader, path)
    audited(barnspider, tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_hugging_face_trainer(barnspider, tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    torch = pytest.importorskip("torch")

    class Model(transformers.PreTrainedModel):
        config_class = transformers.PretrainedConfig

        def __init__(self, config, seed):
            super().__init__(config)
            self.net = small(torch, seed)

        def forward(self, pixel_values, labels=None):
            return {"loss": torch.tensor(0.0), "logits": self.net(pixel_values)}

    x, y = images()
    rows = [{"pixel_values": torch.from_numpy(a), "labels": int(b)} for a, b in zip(x, y, strict=True)]
    config = transformers.PretrainedConfig(id2label={0: "cat", 1: "dog", 2: "owl"})
    plain = transformers.TrainingArguments(tmp_path / "hf", report_to=[], use_cpu=True, disable_tqdm=True)
    record = recipe("Hugging Face Trainer")["record"]
    for path, seed in runs(tmp_path):
        record(transformers.Trainer(Model(config, seed), plain), rows, path)
    audited(barnspider, tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_keras(barnspider, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    x, y = images()
    record = recipe("Keras")["record"]
    for path, seed in runs(tmp_path):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([keras.Input((CLASSES,)), keras.layers.Dense(CLASSES, activation="softmax")])
        record(model, x, y, path)
    audited(barnspider, tmp_path)
