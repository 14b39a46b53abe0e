"""Recurrences in C++: what the kernels of training call through XLA, and prediction calls straight from NumPy."""
