"""The house keeps its laws: imports point down, no cycles, torch only in the laboratory, public names as listed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import barnspider

SRC = Path(barnspider.__file__).parent
ROOMS = {
    ".".join(path.relative_to(SRC.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SRC.rglob("*.py")
}

# A room may import from its own floor and the floors below it, without cycles.
FLOORS = [
    {"stats", "errors", "words", "names", "as_json", "dose_axis"},
    {"files", "convert", "progress", "class_list", "finding", "prescription", "tried"},
    {"predictions"},
    {"joining"},
    {
        "store",
        "examples",
        "csv_rows",
        "long_table",
        "arrays_file",
        "tables",
        "simulate",
        "design",
        "effects",
        "evidence",
        "sentences",
        "overview",
        "document",
        "outcome",
        "readings",
        "grouping",
    },
    {
        "sources",
        "validation",
        "gate",
        "prescribe",
        "story",
        "markdown",
        "latex",
        "figures",
        "doses",
        "preservation",
        "flows",
        "power",
        "inequality",
        "needs",
        "receivers",
        "confusion",
        "kinds",
        "net_flows",
        "checkup",
        "transfer",
        "theory",
        "agreement",
        "environments",
        "trials",
    },
    {"report", "lab", "testing"},
    {"demo", "status", "refine", "heal", "gallery", "repeat", "remaking", "verifying"},
    {"cli", "__main__"},
]
LAB_MAY_USE = {
    "errors",
    "finding",
    "names",
    "files",
    "convert",
    "joining",
    "predictions",
    "tables",
    "store",
    "examples",
    "progress",
    "words",
    "dose_axis",
    "prescription",
    "lab",
}
TORCH_ROOMS = {
    "augment",
    "averages",
    "averaging",
    "checkpoint",
    "counter",
    "drawn",
    "drops",
    "evaluation",
    "features",
    "fitting",
    "logistic",
    "machine",
    "material",
    "memory",
    "nets",
    "playback",
    "pretrained",
    "seen",
    "seen_by",
    "strength",
    "train",
    "weighing",
    "weights",
}


def imports(module: str) -> set[str]:
    """Every module that a file names in an import, also inside functions and under TYPE_CHECKING."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(ROOMS[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{module}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in ROOMS else node.module)
    return found


def ours(module: str) -> set[str]:
    return {name for name in imports(module) if name in ROOMS and name not in {module, "barnspider"}}


def room(module: str) -> str:
    return module.removeprefix("barnspider").strip(".").split(".")[0]


def floor(name: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if name in rooms)


@pytest.mark.parametrize("module", sorted(ROOMS.keys() - {"barnspider"}))
def test_every_room_has_a_floor(module):
    assert any(room(module) in rooms for rooms in FLOORS), f"{module}: say in FLOORS where it belongs"


def level_names(module: str) -> str:
    return f"{room(module)} (floor {floor(room(module))})"


@pytest.mark.parametrize("module", sorted(ROOMS.keys() - {"barnspider"}))
def test_imports_point_down(module):
    for used in ours(module):
        assert floor(room(used)) <= floor(room(module)), f"{level_names(module)} imports {level_names(used)}"


def test_there_are_no_cycles():
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path, module])
        if module not in done:
            for used in ours(module):
                visit(used, (*path, module))
            done.add(module)

    for module in ROOMS:
        if module != "barnspider":
            visit(module, ())


@pytest.mark.parametrize("module", sorted(m for m in ROOMS if room(m) == "stats"))
def test_statistics_know_nothing_of_ours(module):
    assert {room(used) for used in ours(module)} <= {"stats"}
    outside = {name.split(".")[0] for name in imports(module)} - set(sys.stdlib_module_names)
    assert outside <= {"numpy", "scipy", "barnspider"}


@pytest.mark.parametrize("module", sorted(m for m in ROOMS if room(m) == "lab"))
def test_the_laboratory_uses_little_of_the_left_wing(module):
    assert {room(used) for used in ours(module)} <= LAB_MAY_USE


@pytest.mark.parametrize("module", sorted(ROOMS))
def test_only_some_rooms_of_the_laboratory_import_torch(module):
    uses = any(name.split(".")[0] == "torch" for name in imports(module))
    assert not uses or set(module.split(".")) & TORCH_ROOMS


@pytest.mark.parametrize("module", sorted(ROOMS))
def test_rooms_have_good_names(module):
    assert not set(module.split(".")) & {"utils", "common", "helpers", "base", "manager"}


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_is_light():
    loaded = modules_after("import barnspider")
    assert not loaded & {"torch", "altair", "vl_convert", "jinja2", "typer", "scipy.stats", "pandas"}


def test_the_laboratory_plans_without_torch():
    plans = "import barnspider.lab, barnspider.lab.run, barnspider.lab.study, barnspider.lab.derived"
    assert "torch" not in modules_after(plans)


def test_public_names_are_there_and_documented():
    for name in barnspider.__all__:
        assert getattr(barnspider, name).__doc__, name


def test_no_command_has_an_option_twice():
    from typer.main import get_command

    from barnspider.cli import app

    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        options = [option for parameter in command.params for option in parameter.opts]
        assert len(options) == len(set(options)), (name, options)
