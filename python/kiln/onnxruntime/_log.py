"""What ONNX Runtime would log. It goes to Python's `logging`, and to stderr where nobody has set that up."""
from __future__ import annotations

import logging
import sys

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
_logger = logging.getLogger("kiln.onnxruntime")
_default = 2
_said: set[str] = set()


def set_default_logger_severity(severity: int) -> None:
    """0: verbose, 1: info, 2: warning, 3: error, 4: fatal."""
    global _default
    if not 0 <= severity <= 4:
        raise RuntimeError("Invalid logging severity. 0:Verbose, 1:Info, 2:Warning, 3:Error, 4:Fatal")
    _default = severity


def set_default_logger_verbosity(verbosity: int) -> None:
    """There is one verbose level; set_default_logger_severity(0) shows it."""


def say(severity: int, text: str, options=None) -> None:
    """Logs a line where the options of the session, or the default, want such lines."""
    wanted = getattr(options, "log_severity_level", -1)
    if severity < (_default if wanted < 0 else wanted):
        return
    logid = getattr(options, "logid", "")
    line = f"[{'VIWEF'[severity]}:onnxruntime:{logid}, kiln] {text}"
    if logging.getLogger().handlers or _logger.handlers:
        # The severities of ONNX Runtime have decided already.
        _logger.handle(_logger.makeRecord(_logger.name, _LEVELS[severity], __file__, 0, line, (), None))
    else:
        print(line, file=sys.stderr)


def say_once(severity: int, text: str, options=None) -> None:
    if text not in _said:
        _said.add(text)
        say(severity, text, options)
