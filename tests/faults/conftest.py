"""The process that tries faults, and a study to damage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Return the function that has an experiment made and returns what was not as it should be.

    It is made in a process of its own, which forks: this one has threads.
    """
    folder = tmp_path_factory.mktemp("laboratory")
    command = [sys.executable, "-m", "tests.faults.experiments", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(  # noqa: S603  (this very interpreter)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:

        def asked(**experiment: Any) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(experiment) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield asked
        process.communicate()
