"""How far a build is: a line that is drawn again and again in a terminal, a bar in a notebook."""
from __future__ import annotations

import html
import shutil
import sys
import time
from typing import Any, Callable, TextIO

Report = Callable[[str, int, int, float, float], None]


def _notebook_display() -> Any:
    """IPython's display function where this is a notebook, else None."""
    shell = sys.modules.get("IPython")
    instance = shell.get_ipython() if shell is not None else None
    if instance is None or not hasattr(instance, "kernel"):
        return None
    from IPython.display import display
    return display


def _text(done: int, total: int, seconds: float, left: float) -> str:
    part = done / total if total else 0.0
    return f"{part:4.0%} {done}/{total} [{seconds:.0f} s" + (f", {left:.0f} s left]" if left > 0 else "]")


class Terminal:
    """One line on stderr, at most ten times a second; nothing where that is no terminal."""

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = sys.stderr if stream is None else stream
        self._enabled = self._stream.isatty()
        self._next = 0.0

    def __call__(self, what: str, done: int, total: int, seconds: float, left: float) -> None:
        now = time.monotonic()
        if not self._enabled or (now < self._next and done < total):
            return
        self._next = now + 0.1
        head, tail = f"{self._title} ", f" {_text(done, total, seconds, left)} {what}"
        columns = shutil.get_terminal_size().columns - 1
        width = max(min(30, columns - len(head) - len(tail)), 5)
        full = width * done // total if total else 0
        self._stream.write("\r" + (head + "#" * full + "." * (width - full) + tail)[:columns] + "\x1b[K")
        self._stream.flush()

    def close(self) -> None:
        if self._enabled:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


class Notebook:
    """A bar below the cell, which stays there when all is done."""

    def __init__(self, title: str, display: Any) -> None:
        self._title = title
        self._handle = display(self._page("", 0, 1, 0.0, 0.0), display_id=True)
        self._next = 0.0

    def _page(self, what: str, done: int, total: int, seconds: float, left: float) -> Any:
        from IPython.display import HTML
        return HTML(f'{html.escape(self._title)} <progress value="{done}" max="{max(total, 1)}"></progress> '
                    f"{_text(done, total, seconds, left)} {html.escape(what)}")

    def __call__(self, what: str, done: int, total: int, seconds: float, left: float) -> None:
        now = time.monotonic()
        if now < self._next and done < total:
            return
        self._next = now + 0.2
        self._handle.update(self._page(what, done, total, seconds, left))

    def close(self) -> None:
        """What was drawn last stays."""


def reporter(title: str) -> Terminal | Notebook:
    display = _notebook_display()
    return Terminal(title) if display is None else Notebook(title, display)
