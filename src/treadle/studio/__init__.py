"""Screens drawn from a bundle's contract: try a row, see what moved the answer, answer a CSV file, read the report."""
