"""Which columns of two road networks differ."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np


def differences(one, other, name="network"):
    if is_dataclass(one):
        pairs = ((getattr(one, f.name), getattr(other, f.name), f"{name}.{f.name}") for f in fields(one))
        return [text for a, b, at in pairs for text in differences(a, b, at)]
    equal = np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other
    return [] if equal else [name]
