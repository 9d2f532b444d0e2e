"""The engine cache: what was made of a model once is mapped from a file the next time.

It is on under `kiln.dropin`, and where the environment variable KILN_ENGINE_CACHE names a folder; "off" turns it off.
KILN_ENGINE_CACHE_BYTES bounds it (4 GiB by default): the engines that were not used for longest go first.
"""
from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import platform
import threading
from pathlib import Path
from typing import Any, Callable

from .. import __version__, _kiln
from . import _log

_is_on = False


def turn_on() -> None:
    """For all sessions made from now on, unless the environment says otherwise."""
    global _is_on
    _is_on = True


def folder() -> Path | None:
    """Where engines are kept; None where they are not."""
    wish = os.environ.get("KILN_ENGINE_CACHE", "")
    if wish.lower() in ("off", "none", "0"):
        return None
    if wish and wish.lower() not in ("on", "1"):
        return Path(wish)
    if not wish and not _is_on:
        return None
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.expanduser("~/.cache")
    return Path(base) / "kiln" / "engines" if os.path.isabs(base) else None


def limit() -> int:
    try:
        return int(os.environ.get("KILN_ENGINE_CACHE_BYTES", ""))
    except ValueError:
        return 4 << 30


@functools.lru_cache
def _machine() -> str:
    """What an engine depends on beside the model: the CPU, and the code of Kiln."""
    lines = [platform.machine(), __version__]
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith(("model name", "flags", "Features")):
                lines.append(line.strip())
            elif not line.strip():
                break
    libraries = {_kiln.__file__}
    with contextlib.suppress(OSError), open("/proc/self/maps", encoding="utf-8") as file:
        libraries.update(line.split(None, 5)[5].strip() for line in file if "/libkiln" in line)
    for library in sorted(libraries):
        with contextlib.suppress(OSError):
            stat = os.stat(library)
            lines.append(f"{library} {stat.st_size} {stat.st_mtime_ns}")
    lines += [f"{name}={os.environ.get(name, '')}" for name in ("KILN_ISA", "KILN_TUNE", "KILN_OPTIMIZE")]
    return "\n".join(lines)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _stat(path: Path) -> list[int]:
    stat = os.stat(path)
    return [stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write(path: Path, content: Any) -> None:
    scratch = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    scratch.write_text(json.dumps(content), encoding="utf-8")
    os.replace(scratch, path)


class _Entry:
    """A model's place in the cache.

    `STAT.seen` says what a file was found to be while its status stays the same, so that it need not be read again;
    `HASH.sources` which files a model keeps its weights in; `KEY.kiln` is an engine.
    """

    def __init__(self, root: Path, source: str | os.PathLike[str] | bytes, options: str) -> None:
        self.root = root
        self.options = options
        self.path = None if isinstance(source, bytes) else Path(os.path.realpath(source))
        self.seen = None if self.path is None else root / f"{_digest(str(self.path))}.seen"
        self.main = hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else ""

    def identity(self) -> str | None:
        """The hash of the model and all that it reads; None where its parts are not known yet."""
        if self.path is None:
            return self.main
        seen = _read(self.seen)
        if isinstance(seen, dict) and self._is_same(seen.get("files")):
            return seen.get("identity")
        self.main = _file_digest(self.path)
        names = _read(self.root / f"{self.main}.sources")
        if not isinstance(names, list):
            return None
        return self._note([str(name) for name in names])

    def learn(self, engine: _kiln.Engine) -> str:
        """The same, once the engine says what it was made from."""
        if self.path is None:
            return self.main
        names = [source["name"] for source in engine.info["sources"][1:]]
        _write(self.root / f"{self.main}.sources", names)
        return self._note(names)

    def _note(self, names: list[str]) -> str:
        files = [self.path, *(self.path.parent / name for name in names)]
        before = [[str(file), _stat(file)] for file in files]
        digests = [self.main, *(_file_digest(file) for file in files[1:])]
        identity = self.main if len(digests) == 1 else _digest("\n".join(digests))
        _write(self.seen, {"files": before, "identity": identity})
        return identity

    @staticmethod
    def _is_same(files: Any) -> bool:
        try:
            return bool(files) and all(_stat(Path(path)) == stat for path, stat in files)
        except (OSError, TypeError, ValueError):
            return False

    def engine_path(self, identity: str) -> Path:
        return self.root / f"{_digest(identity + self.options + _machine())}.kiln"


def load_or_build(source: str | os.PathLike[str] | bytes, options: str, build: Callable[[], _kiln.Engine],
                  session_options: Any = None) -> _kiln.Engine:
    """The engine of a model, from the cache where it is there. `options` tells it from other engines of the model."""
    root = folder()
    if root is None:
        return build()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        entry = _Entry(root, source, options)
        identity = entry.identity()
        engine = _load(entry.engine_path(identity)) if identity else None
    except OSError as error:
        _log.say(1, f"the engine cache is not used: {error}", session_options)
        return build()
    if engine is not None:
        _log.say(1, f"engine from the cache: {entry.engine_path(identity)}", session_options)
        return engine
    engine = build()
    try:
        path = entry.engine_path(entry.learn(engine))
        engine.save(path)
        _make_room(root, path)
        return _load(path) or engine
    except (OSError, _kiln.Error) as error:
        _log.say(1, f"the engine is not kept: {error}", session_options)
        return engine


def _load(path: Path) -> _kiln.Engine | None:
    if not path.is_file():
        return None
    try:
        engine = _kiln.Engine.load(path)
        os.utime(path)
        return engine
    except _kiln.Error:
        # Damaged, or made by another Kiln.
        path.unlink(missing_ok=True)
        return None


def _make_room(root: Path, newest: Path) -> None:
    engines = []
    for path in root.glob("*.kiln"):
        with contextlib.suppress(OSError):
            stat = path.stat()
            engines.append((path == newest, stat.st_mtime_ns, stat.st_size, path))
    total = sum(size for _, _, size, _ in engines)
    for _, _, size, path in sorted(engines):
        if total <= limit():
            break
        # One that is mapped stays until its last session ends.
        path.unlink(missing_ok=True)
        total -= size
