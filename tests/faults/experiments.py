"""A process that tries faults: it imports everything once and forks for every experiment.

python -m tests.faults.experiments FOLDER reads one experiment a line (JSON) and answers with one line each.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from registry.errors import UserError
from registry.keeping import history, store
from registry.keeping.keys import read_keys
from registry.keeping.migrate import COPY
from registry.keeping.pseudonyms import person_pseudonym
from registry.keeping.verify import verify
from registry.study import Study, load_study
from tests.faults.steps import Steps
from tests.faults.studies import COMMANDS, ERASED, PLANTED, SECRET, files_with, make, state, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable

DONE, TOLD, RAW = 0, 10, 11
"""How a command ended: as it should, with a message of five parts, or with a traceback."""


def in_child(do: Callable[[], Any], *, seconds: float | None = None) -> tuple[int, Any]:
    """Do something in a forked process; return how it ended (minus a signal's number) and what it returned or said.

    seconds: kill it after so long.
    """
    with tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            status, said = RAW, None
            try:
                said = do()
                status = DONE
            except UserError as error:
                status, said = TOLD, error.text()
            except BaseException:  # noqa: BLE001  (whatever it is, it is told)
                said = traceback.format_exc()
            finally:
                answer.write(pickle.dumps(said))
                answer.flush()
                os._exit(status)
        if seconds is not None:
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
        _, ended = os.waitpid(child, 0)
        answer.seek(0)
        content = answer.read()
        status = -os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else os.WEXITSTATUS(ended)
        return status, pickle.loads(content) if content else None  # noqa: S301  (our own child)


class Laboratory:
    """Where experiments are made: prepared studies, and what is known of the commands."""

    def __init__(self, root: Path) -> None:
        self.root = root
        if not (root / "three").exists():
            self._expect(in_child(lambda: make(root)))
        self._before_and_after: dict[str, tuple[Any, Any, list[str]]] = {}
        self._seconds: dict[str, float] = {}
        self.ended: dict[str, dict[str, int]] = {}
        _one_thread()
        self._keep_checks()

    def _expect(self, answer: tuple[int, Any]) -> Any:
        if answer[0] != DONE:
            raise AssertionError(answer[1])
        return answer[1]

    def _keep_checks(self) -> None:
        """Check each submission once: the rules touch no disk and take most of the time."""
        plain, known = store.check, self.root / "checked"
        known.mkdir(exist_ok=True)

        def check(submission: Any, *rest: Any, **named: Any) -> Any:
            path = known / f"{submission.name}-{submission.sha256[:8]}"
            if path.is_file():
                return pickle.loads(path.read_bytes())  # noqa: S301
            return plain(submission, *rest, **named)

        def keep(name: str) -> None:
            submission = store.read_submission(self.root / "sent" / name)
            found = plain(submission, ["lyon", "bern"])
            (known / f"{submission.name}-{submission.sha256[:8]}").write_bytes(pickle.dumps(found))

        for name in ("lyon-2026-03-31", "lyon-2026-06-30", "lyon-2026-12-31"):
            self._expect(in_child(lambda name=name: keep(name)))
        store.check = check

    def fresh(self, command: str) -> Study:
        """Return a copy of the study that a command starts from, in a folder of its own."""
        place = Path(tempfile.mkdtemp(dir=self.root, prefix="try-"))
        shutil.copytree(self.root / COMMANDS[command][0], place / "study")
        return load_study(place / "study")

    def run(self, command: str, study: Study) -> Any:
        """Run a command."""
        return COMMANDS[command][1](self.root, study)

    def known(self, command: str) -> tuple[Any, Any, list[str]]:
        """Return the state before and after a command, and its steps."""
        if command not in self._before_and_after:
            study = self.fresh(command)
            before = self._expect(in_child(lambda: (_next(study), state(study))[1]))
            shutil.rmtree(study.folder.parent)
            study = self.fresh(command)
            steps = Steps(0, "kill")
            names = self._expect(in_child(lambda: (steps.install(), self.run(command, study), steps.names)[2]))
            after = self._expect(in_child(lambda: (_next(study), state(study))[1]))
            shutil.rmtree(study.folder.parent)
            self._before_and_after[command] = before, after, names
        return self._before_and_after[command]

    def fault(self, command: str, how: str, fault: int) -> list[str]:
        """Let a step of a command go wrong; return everything that is not as it should be afterwards."""
        _, _, names = self.known(command)
        study = self.fresh(command)

        def hurt() -> int:
            steps = Steps(fault, how)  # type: ignore[arg-type]
            steps.install()
            self.run(command, study)
            return steps.count

        where = f"{command}, {how} at step {fault} ({names[fault - 1] if fault <= len(names) else 'beyond'})"
        return [f"{where}: {wrong}" for wrong in self.judge(command, study, in_child(hurt), killed=how == "kill")]

    def leave(self, command: str, fault: int) -> str:
        """Kill a command at a step and return the study's folder as it lies there."""
        study = self.fresh(command)
        in_child(lambda: (Steps(fault, "kill").install(), self.run(command, study)))
        return str(study.folder)

    def look(self, command: str, folder: str) -> tuple[int, Any]:
        """Return how the next command ends, and which state it finds."""
        before, after, _ = self.known(command)

        def name() -> str:
            study = load_study(folder)
            _next(study)
            now, findings = state(study), verify(study).findings
            return "as before" if now == before else "as after" if now == after else f"neither: {now} {findings}"

        return in_child(name)

    def limited(self, command: str, size: int) -> list[str]:
        """Run a command with a limit on the size of files, a disk that is full for DuckDB too."""
        study = self.fresh(command)

        def hurt() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            try:
                self.run(command, study)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

        where = f"{command}, files of at most {size:,} bytes"
        return [f"{where}: {wrong}" for wrong in self.judge(command, study, in_child(hurt), killed=False)]

    def measure(self, command: str) -> None:
        """Take the time of a command."""
        study = self.fresh(command)
        start = time.perf_counter()
        self._expect(in_child(lambda: repr(self.run(command, study))))
        self._seconds[command] = time.perf_counter() - start
        shutil.rmtree(study.folder.parent)

    def at_moment(self, command: str, share: float) -> list[str]:
        """Kill a command from outside after a share of the time that it takes."""
        if command not in self._seconds:
            self.known(command)
            self.measure(command)
        study = self.fresh(command)
        ended = in_child(lambda: repr(self.run(command, study)), seconds=share * self._seconds[command])
        where = f"{command}, killed after {share * self._seconds[command]:.3f} s"
        return [f"{where}: {wrong}" for wrong in self.judge(command, study, ended, killed=True)]

    def judge(self, command: str, study: Study, ended: tuple[int, Any], *, killed: bool) -> list[str]:
        """Return what is wrong with a study after a command ended somehow; its folder is removed."""
        before, after, _ = self.known(command)
        wrong = []
        status, said = ended
        if status not in ({DONE, -signal.SIGKILL} if killed else {DONE, TOLD}):
            wrong.append(f"it ended with {status}: {said}")
        status, found = in_child(lambda: self._look(command, study, before, after))
        if status == DONE:
            which, found = found
            tally = self.ended.setdefault(command, {})
            tally[which] = tally.get(which, 0) + 1
        wrong += found if status == DONE else [f"the next command: {found}"]
        if status == DONE:
            status, found = in_child(lambda: self._again(command, study, after))
            wrong += found if status == DONE else [f"the same command again: {found}"]
        shutil.rmtree(study.folder.parent)
        return wrong

    def _look(self, command: str, study: Study, before: Any, after: Any) -> tuple[str, list[str]]:
        """Let another command come by, and look whether things are as before or as after, and what is wrong."""
        wrong = [f"plain text in {name}" for name in _plain(study) if ".spill-" not in name and COPY not in name]
        _next(study)
        now = state(study)
        if now not in (before, after):
            wrong.append(f"neither as before nor as after: {_differences(now, before)} // {_differences(now, after)}")
        wrong += _wrong(study, erased=command == "erase" and now == after)
        if command.partition(" ")[0] not in {"freeze", "backup"}:
            wrong += [f"lies around: {name}" for name in unfinished(study)]
        return "as before" if now == before else "as after", wrong

    def _again(self, command: str, study: Study, after: Any) -> list[str]:
        """Do it again, and look whether it is done."""
        try:
            self.run(command, study)
        except UserError as error:
            # Who was erased is not there any more.
            if command != "erase" or "are not in the registry" not in error.seen:
                raise
        now = state(study)
        now["backups"] = min(1, now["backups"]) if now else 0
        if command in {"restore", "rekey"}:
            # Done twice is in the trail twice.
            now["trail"] = after["trail"]
            now["superseded"] = after["superseded"]
        wrong = [] if now == after else [f"not done when done again: {_differences(now, after)}"]
        wrong += _wrong(study, erased=command == "erase")
        return wrong + [f"lies around at the end: {name}" for name in unfinished(study)]


def _one_thread() -> None:
    """Let DuckDB start no threads: an experiment is over before they are of use."""
    connect = duckdb.connect

    def connect_small(database: Any = ":memory:", *rest: Any, **named: Any) -> Any:
        return connect(database, *rest, **{**named, "config": {**named.get("config", {}), "threads": 1}})

    duckdb.connect = connect_small  # type: ignore[assignment]


def _next(study: Study) -> None:
    """Run the next command, whatever it is; before there is a registry it has nothing to show."""
    if study.database.is_file() or study.head.is_file():
        history.submissions(study)


def _wrong(study: Study, *, erased: bool) -> list[str]:
    found = [f"plain text in {name}" for name in _plain(study) if COPY not in name]
    if erased:
        texts = [SECRET, person_pseudonym(read_keys(study.key_file), *ERASED)]
        found += [f"the erased person is in {name}" for name in files_with(study, *texts)]
    if study.database.is_file():
        found += [f"verify: {finding}" for finding in verify(study).findings]
    return found


def _plain(study: Study) -> list[str]:
    # A database of version 0.1 holds ids in clear.
    return [n for n in files_with(study, PLANTED) if study.head.is_file() or n not in {COPY, study.database.name}]


def _differences(one: Any, other: Any) -> Any:
    names = sorted({*one, *other})
    return {n: (one.get(n), other.get(n)) for n in names if one.get(n) != other.get(n)}


def sample(names: list[str], most: int | None) -> list[int]:
    """Return the numbers of at most so many steps, evenly, the first and the last among them."""
    if most is None or len(names) <= most:
        return list(range(1, len(names) + 1))
    return sorted({1 + round(i * (len(names) - 1) / (most - 1)) for i in range(most)})


def main() -> None:
    """Answer one experiment a line."""
    laboratory = Laboratory(Path(sys.argv[1]))
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["how"] == "steps":
            answer: Any = laboratory.known(asked["command"])[2]
        elif asked["how"] == "leave":
            answer = laboratory.leave(asked["command"], asked["at"])
        elif asked["how"] == "look":
            answer = laboratory.look(asked["command"], asked["at"])
        elif asked["how"] == "moment":
            answer = laboratory.at_moment(asked["command"], asked["at"])
        elif asked["how"] == "limited":
            answer = laboratory.limited(asked["command"], asked["at"])
        else:
            answer = laboratory.fault(asked["command"], asked["how"], asked["at"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
