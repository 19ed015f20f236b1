"""A user brings predictions in another tool's own files: one command, the right table, or one clear error."""

import json

import numpy as np
import pytest

N, CLASSES = 60, ("goldfish", "hen", "tench")


@pytest.fixture
def truth():
    rng = np.random.default_rng(3)
    label = np.arange(N) % 3
    answers = {}
    for arm, right in (("plain", 0.9), ("mixup", 0.6)):
        for seed in (0, 1):
            answers[arm, seed] = np.where(rng.random(N) < right, label, (label + 1) % 3)
    return label, answers


def rows_of(answers, label):
    return [(f"img_{i:02d}.JPEG", CLASSES[y], CLASSES[a]) for i, (y, a) in enumerate(zip(label, answers, strict=True))]


def write(folder, label, answers, header, row, ending="csv"):
    folder.mkdir()
    for (arm, seed), guess in answers.items():
        lines = [row(*cells) for cells in rows_of(guess, label)]
        (folder / f"{arm}-seed{seed}.{ending}").write_text(header + "".join(f"{line}\n" for line in lines))


def labels(folder, label, header):
    (folder / "labels.csv").write_text(
        header + "".join(f"img_{i:02d}.JPEG,{CLASSES[y]}\n" for i, y in enumerate(label))
    )


def as_json(sample, label, prediction):
    return json.dumps({"sample": sample, "label": label, "prediction": prediction})


SEEDED = ("--pattern", "{arm}-seed{seed}", "--baseline", "plain")


def test_every_door_shows_the_same_table(barnspider, tmp_path, truth):
    label, answers = truth
    long = "arm,seed,sample,label,prediction\n"
    lines = [f"{arm},{s},{','.join(row)}\n" for (arm, s), guess in answers.items() for row in rows_of(guess, label)]
    (tmp_path / "long.csv").write_text(long + "".join(lines))
    expected = barnspider("audit", "long.csv", "--baseline", "plain", "--json")
    assert json.loads(expected.stdout)["arms"][0]["runs"] == 2

    write(
        tmp_path / "x",
        label,
        answers,
        "file_name,predicted_class,predicted_probability\n",
        lambda s, y, a: f"{s},{a},0.5",
    )
    labels(tmp_path / "x", label, "file_name,label\n")
    write(tmp_path / "timm", label, answers, "filename,label,prob\n", lambda s, y, a: f"{s},{a},0.5")
    labels(tmp_path / "timm", label, "sample,label\n")
    write(tmp_path / "json", label, answers, "", as_json, "jsonl")
    (tmp_path / "npz").mkdir()
    for (arm, seed), guess in answers.items():
        ids = [f"img_{i:02d}.JPEG" for i in range(N)]
        arrays = {"label": label, "logits": np.eye(3)[guess], "classes": np.array(CLASSES), "sample": ids}
        np.savez(tmp_path / "npz" / f"{arm}-seed{seed}.npz", **arrays)
    for folder, said in {
        "x": "note: x: read as imagenet-x; labels from 'x/labels.csv'; 4 files\n",
        "timm": "note: timm: read as timm; labels from 'timm/labels.csv'; 4 files\n",
        "json": "note: json: 4 files\n",
        "npz": "note: npz: 4 files\n",
    }.items():
        done = barnspider("audit", folder, *SEEDED, "--json")
        found, known = json.loads(done.stdout), json.loads(expected.stdout)
        ordered = [sorted(x["arms"][0].pop("classes"), key=lambda c: c["class"]) for x in (found, known)]
        assert (ordered[0], found) == (ordered[1], known), folder
        assert done.stderr == said


def test_a_glob_a_mapping_and_columns(barnspider, tmp_path, truth):
    label, answers = truth
    write(tmp_path / "p", label, answers, "image,target,pred\n", lambda *cells: ",".join(cells))
    runs = "".join(f"p/{arm}-seed{seed}.csv,{arm},{seed},{0 if arm == 'plain' else 0.2}\n" for arm, seed in answers)
    (tmp_path / "runs.csv").write_text("file,arm,seed,dose\n" + runs)
    columns = ("--columns", "sample=image,label=target", "--columns", "prediction=pred")
    done = barnspider("audit", "p/*.csv", "--mapping", "runs.csv", *columns)
    assert "Change of accuracy from 'plain' (2 runs): 3 classes, 60 images" in done.stdout
    assert "3 classes" in barnspider("report", "p", "--mapping", "runs.csv", *columns, check=None).stdout + done.stdout
    assert "4: mixup-seed0.csv" in (tmp_path / "report.html").read_text()
    assert "cannot be" not in barnspider("doses", "p", "--mapping", "runs.csv", *columns).stderr
    wrong = barnspider("audit", "p", "--columns", "sample", check=2)
    assert "columns='sample'; expected our name and theirs" in wrong.stderr


def test_several_files_as_a_shell_gives_them(barnspider, tmp_path, truth):
    label, answers = truth
    write(tmp_path / "p", label, answers, "file_name,predicted_class\n", lambda s, y, a: f"{s},{a}")
    labels(tmp_path / "p", label, "file_name,label\n")
    files = sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "p").iterdir())
    expected = barnspider("audit", "p/*.csv", *SEEDED, "--json").stdout
    assert barnspider("audit", *files, *SEEDED, "--json").stdout == expected
    below = ("--pattern", "p/{arm}-seed{seed}", "--baseline", "plain")
    assert barnspider("audit", *(tmp_path / name for name in files), *below, "--json").stdout == expected
    assert "and 2 more: 4 runs in 2 arms" in barnspider("doctor", *files, *SEEDED[:2], check=None).stdout
    assert "'p' is a folder, and was given with others" in barnspider("audit", "p", *files, check=2).stderr
    assert "names no file, or one twice" in barnspider("audit", files[0], files[0], check=2).stderr
    assert "'p/labels.csv' is a file that is read" in barnspider("report", *files, "-o", files[0], check=2).stderr


def test_two_folders_at_the_gate(barnspider, tmp_path, truth):
    label, answers = truth
    for arm, folder in (("plain", "base"), ("mixup", "candidate")):
        runs = {("seed", seed): guess for (name, seed), guess in answers.items() if name == arm}
        write(tmp_path / folder, label, runs, "sample,label,prediction\n", lambda *cells: ",".join(cells))
    done = barnspider("gate", "base", "candidate", "--pattern", "seed-seed{seed}", "--max-drop", "0.02", check=None)
    assert done.returncode in (1, 3)
    assert "candidate, " in done.stdout
    single = barnspider("gate", "base/seed-seed0.csv", "base/seed-seed1.csv", "--max-drop", "0.9", check=None)
    assert single.returncode in (0, 3)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("audit", "preds"), "'preds' is no store (there is no barnspider.json), and holds no file of predictions"),
        (("audit", "none/*.csv"), "'none/*.csv' matches no file"),
        (("audit", "x.csv"), "no column 'label' (files of imagenet-x say only what was predicted)"),
        (("audit", "x.csv", "--labels", "no.csv"), "labels='no.csv' does not exist"),
        (
            ("audit", "x.csv", "--labels", "y.csv"),
            "'x.csv', line 3: sample 'b' has no label in 'y.csv', which knows 1 samples",
        ),
        (("audit", "x.csv", "--format", "timm", "--labels", "y.csv"), "no column 'filename', so it is no timm file"),
        (("audit", "x.csv", "--pattern", "{run}.csv"), "pattern='{run}.csv'; expected a file's name with {arm}"),
        (("audit", "x.csv", "--pattern", "{seed}.csv"), "'x.csv' does not fit pattern='{seed}.csv'"),
        (("audit", "x.csv", "--mapping", "no.csv"), "'no.csv' cannot be opened"),
        (("audit", "x.csv", "--mapping", "m.csv", "--pattern", "{arm}"), "were both given"),
        (("audit", "validate.csv"), "is what timm's validate.py writes"),
        (("audit", "a.jsonl"), "'a.jsonl', line 2 cannot be read: Expecting value"),
        (("audit", "a.npz"), "'a.npz': logits, run 0, sample 1 (from 0) has a score that is not finite"),
        (("audit", "p.pkl"), "'p.pkl' has no known ending"),
        (("gate", "x.csv", "absent.csv", "--labels", "y.csv"), "'absent.csv' does not exist"),
    ],
)
def test_mistakes_in_what_is_brought(barnspider, tmp_path, args, message):
    (tmp_path / "preds").mkdir()
    (tmp_path / "p.pkl").write_bytes(b"\x80\x04")
    (tmp_path / "x.csv").write_text("file_name,predicted_class\na,0\nb,1\n")
    (tmp_path / "y.csv").write_text("sample,label\na,0\n")
    (tmp_path / "m.csv").write_text("file,arm\nx.csv,p\n")
    (tmp_path / "validate.csv").write_text("model,top1,top5\nresnet50,80,95\n")
    (tmp_path / "a.jsonl").write_text('{"sample": 1, "label": 0, "prediction": 0}\n{"sample": , "label": 0}\n')
    np.savez(tmp_path / "a.npz", label=[0, 1], logits=[[0.5, 0.2], [np.nan, 1]])
    done = barnspider(*args, check=2)
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.count("error: ") == 1
