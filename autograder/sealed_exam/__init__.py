"""What the student's side sees in place of `physiodl.exam` while a notebook is graded: names without contents.

The examiner's package holds reference answers, and the locked cells of a notebook import it on both sides. Test cells
never run on the student's side, so there every module of it can be imported and every name be named, and nothing
works but what an assignment hands out (`GIVEN`); all of that comes from `physiodl.handed`. Within the walls this
folder lies in the place of `physiodl/exam`; without them `seal` puts it there for the kernel's process alone.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGE = "physiodl.exam"
GIVEN = {  # name below the package -> name in physiodl.handed
    "arrhythmia.BEATS": "BEATS",
    "arrhythmia.as_folder": "record_as_folder",
    "sleep.as_folder": "night_as_folder",
    "artefacts.noisy_ecg": "noisy_ecg",
    "artefacts.blink_recording": "blink_recording",
}


class ExamError(AssertionError):
    """A check did not hold, or something of the examiner's was used in an answer."""


class Sealed:
    """A name of the examiner's. It can be named and handed on; to use it raises `ExamError`."""

    def __init__(self, path: str):
        self.__path = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_Sealed__")):  # asked of what it is, or before it has a path (in a copy)
            raise AttributeError(name)
        return look_up(f"{self.__path}.{name}")

    def __repr__(self) -> str:
        return f"<{PACKAGE}.{self.__path}: the examiner's>"

    def _refuse(self, *_args: Any, **_kwargs: Any) -> Any:
        raise ExamError(
            f"{PACKAGE}.{self.__path} belongs to the examiner: test cells use it. While a notebook is graded it works "
            "in no other cell, so the answer must come from code of your own."
        )

    __call__ = __iter__ = __len__ = __getitem__ = __contains__ = __enter__ = __array__ = __float__ = __int__ = _refuse


def look_up(path: str) -> Any:
    """What stands at a path below the package: something given, or a sealed name."""
    if path.rpartition(".")[2].startswith("__"):  # such as __wrapped__, by which tools tell what a thing is
        raise AttributeError(f"{PACKAGE}.{path} is not defined")
    if path in GIVEN:
        from physiodl import handed

        return getattr(handed, GIVEN[path])
    return Sealed(path)


def begin(assignment: str, *, source: str = "auto", seed: int = 0) -> None:
    """Nothing to begin on this side."""


def __getattr__(name: str) -> Any:
    return look_up(name)


class _Finder:
    """Finds a module of the package by whatever name."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        own = name.startswith(f"{PACKAGE}.")
        return ModuleSpec(name, _Finder, is_package=True) if own else None

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        module, below = ModuleType(spec.name), spec.name.removeprefix(f"{PACKAGE}.")
        module.__getattr__ = lambda name: look_up(f"{below}.{name}")
        return module

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        pass


def seal() -> None:
    """Put this module in the place of the package, for this process and those forked from it."""
    import physiodl

    for name in [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]
    sys.modules[PACKAGE] = physiodl.exam = sys.modules[__name__]
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


if __name__ == PACKAGE:
    sys.meta_path.insert(0, _Finder)
