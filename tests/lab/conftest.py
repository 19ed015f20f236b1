"""Lets the tests of the laboratory import `conformance` from the folder above."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
