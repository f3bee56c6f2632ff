"""Picks the device to compute on."""

from __future__ import annotations

from recsys.errors import RecipeError


def resolve_device(device: str) -> str:
    """Return CUDA for `auto` where there is one, else the CPU; other names as they are.

    Raises:
        RecipeError: it names a GPU that this machine has not.
    """
    if device == "cpu":
        return device
    import torch

    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return "cuda" if n else "cpu"
    kind, _, index = device.partition(":")
    if kind == "cuda" and int(index or 0) >= n:
        there = f"CUDA finds {n} of them" if n else "CUDA finds none"
        raise RecipeError(
            f'device = "{device}": this machine has no such GPU ({there}); '
            'use device = "auto" or "cpu"'
        )
    return device
