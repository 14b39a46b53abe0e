"""A peer of `benchmarks.recurrent`: the same network in PyTorch. Prints JSON.

python -m benchmarks.torch_recurrent CELL REPETITIONS
"""

from __future__ import annotations

import json
import os
import sys

import torch
from torch import nn

from benchmarks.workload_recurrent import BATCH, LENGTH, WIDTH, WORDS, median_step


class Network(nn.Module):
    """Embedding, a recurrent layer, its last state, and one answer."""

    def __init__(self, cell: str) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.recurrent = {
            "simple_relu": lambda: nn.RNN(WIDTH, WIDTH, nonlinearity="relu", batch_first=True),
            "lstm": lambda: nn.LSTM(WIDTH, WIDTH, batch_first=True),
            "gru": lambda: nn.GRU(WIDTH, WIDTH, batch_first=True),
        }[cell]()
        self.output = nn.Linear(WIDTH, 1)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        outputs, _ = self.recurrent(self.embedding(tokens))
        return self.output(outputs[:, -1])[:, 0]


def main() -> None:
    torch.set_num_threads(os.cpu_count() or 1)
    torch.manual_seed(0)
    model = Network(sys.argv[1])
    optimizer, loss_of = torch.optim.Adam(model.parameters(), 1e-3, fused=True), nn.BCEWithLogitsLoss()
    tokens, labels = torch.randint(1, WORDS, (BATCH, LENGTH)), torch.randint(0, 2, (BATCH,)).float()

    def step() -> None:
        optimizer.zero_grad()
        loss_of(model(tokens), labels).backward()
        optimizer.step()

    print(json.dumps({"seconds": median_step(step, 1, int(sys.argv[2]))}))


if __name__ == "__main__":
    main()
