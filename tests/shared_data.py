"""Where the public data sets beside the checkout are; they are read, never copied."""

import os
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parent.parent
# Read when the tests are collected: conftest takes our variables away while they run.
_ROOT = Path(os.environ.get("HOLDFAST_DATA") or _REPOSITORY.parent / "shared" / "data")


def shared_data(name: str) -> Path:
    """The folder or file `name` of the shared data; without it the test is skipped, or fails in CI.

    The data lie in `HOLDFAST_DATA`, or in `shared/data` beside the checkout.
    """
    path = _ROOT / name
    if path.exists():
        return path
    reason = f"the public data set {name} is not in {_ROOT}; set HOLDFAST_DATA to the folder that holds it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
