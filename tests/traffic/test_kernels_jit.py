from __future__ import annotations

from typing import TYPE_CHECKING

from traffic import _kernels_jit

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_kernel_in_a_sub_folder_is_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kernels_jit, "__file__", str(tmp_path / "traffic" / "_kernels_jit.py"))
    bare = _kernels_jit.cache_folder()
    kernel = tmp_path / "traffic" / "deep" / "_kernels_deep.py"
    kernel.parent.mkdir(parents=True)
    kernel.write_text("a = 1")
    first = _kernels_jit.cache_folder()
    kernel.write_text("a = 2")
    second = _kernels_jit.cache_folder()
    kernel.rename(kernel.parent.parent / kernel.name)
    assert len({bare, first, second, _kernels_jit.cache_folder()}) == 4
