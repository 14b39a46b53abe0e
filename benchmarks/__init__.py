"""Figures that README and docs may quote: each comes from a command here, beside a peer in the same run."""
