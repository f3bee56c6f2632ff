"""Picks the device to train on."""

from __future__ import annotations


def resolve_device(device: str) -> str:
    """Return CUDA for `auto` where there is one, else the CPU; other names as they are."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
