"""Build a gallery, or check that what is there is what would be built: `scripts/gallery [FOLDER] [--check]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from barnspider.errors import BarnspiderError
from barnspider.files import write_whole
from barnspider.gallery.build import files
from barnspider.gallery.manifest import Manifest, read_manifest


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 done or nothing differs, 1 something differs, 2 bad input."""
    parser = argparse.ArgumentParser(prog="scripts/gallery", description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("gallery"), help="the packed files and gallery.toml"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where a file is not what it should be"
    )
    asked = parser.parse_args(arguments)
    try:
        manifest = read_manifest(asked.folder)
        made = files(manifest)
        return _check(manifest, made) if asked.check else _write(manifest, made)
    except BarnspiderError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _write(manifest: Manifest, made: dict[Path, bytes]) -> int:
    changed = [path for path, data in made.items() if not path.is_file() or path.read_bytes() != data]
    for path in changed:
        write_whole(path, lambda file, data=made[path]: file.write(data))  # pyright: ignore[reportUnknownLambdaType]
    for path in _left_over(manifest, made):
        path.unlink()
    print(f"{len(made)} files, of which {len(changed)} have changed", file=sys.stderr)
    return 0


def _check(manifest: Manifest, made: dict[Path, bytes]) -> int:
    wrong = [f"{path} is not there" for path in made if not path.is_file()]
    wrong += [f"{path} is not what is built" for path, x in made.items() if path.is_file() and path.read_bytes() != x]
    wrong += [f"{path} is of no study" for path in _left_over(manifest, made)]
    for line in wrong:
        print(line)
    if wrong:
        print("build the gallery anew: scripts/gallery", file=sys.stderr)
    return 1 if wrong else 0


def _left_over(manifest: Manifest, made: dict[Path, bytes]) -> list[Path]:
    """Return figures that nothing asks for any more."""
    return sorted(path for path in manifest.figures.glob("*.svg") if path not in made)


if __name__ == "__main__":
    sys.exit(main())
