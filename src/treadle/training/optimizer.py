"""The optimiser that a recipe asks for."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float
from numpy.typing import NDArray

from treadle.recipe import TrainingRecipe


def build_optimizer(recipe: TrainingRecipe, batches: int, decayed: NDArray[np.float32]) -> optax.GradientTransformation:
    """The recipe's optimiser of a vector of weights.

    Args:
        recipe: the recipe's section `training`.
        batches: steps of an epoch.
        decayed: 1 for weights that decay, 0 for the others.
    """
    parts = [] if recipe.clip_norm is None else [optax.clip_by_global_norm(recipe.clip_norm)]
    if recipe.optimizer in ("adam", "adamw"):
        parts.append(optax.scale_by_adam())
    elif recipe.optimizer == "rmsprop":
        parts.append(optax.scale_by_rms(decay=0.9, eps=1e-7))
    elif recipe.momentum > 0:
        parts.append(optax.trace(decay=recipe.momentum))
    if recipe.optimizer == "adamw" and recipe.weight_decay > 0:
        # Decoupled: the decay is not divided by the gradient's size (Loshchilov and Hutter 2019, algorithm 2).
        parts.append(optax.stateless(lambda updates, weights: updates + recipe.weight_decay * decayed * weights))
    parts.append(optax.scale_by_learning_rate(learning_rate(recipe, batches)))
    return optax.chain(*parts)


def learning_rate(recipe: TrainingRecipe, batches: int) -> optax.Schedule:
    """The learning rate of every step, counted from 0: linear warm-up, then constant or half a cosine to 0."""
    warmup = recipe.warmup_epochs * batches
    steps = max(recipe.epochs * batches - warmup, 1)
    peak = recipe.learning_rate

    def rate(step: Float[Array, ""]) -> Float[Array, ""]:
        share = jnp.clip((step - warmup) / steps, 0.0, 1.0)
        after = 0.5 * (1 + jnp.cos(jnp.pi * share)) if recipe.schedule == "cosine" else 1.0
        return peak * jnp.where(step < warmup, (step + 1) / max(warmup, 1), after)

    return rate
