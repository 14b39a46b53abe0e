"""Rows of checked columns to arrays of numbers and codes, identical in training and serving."""

from __future__ import annotations

from treadle.features.features import Features

__all__ = ["Features"]
