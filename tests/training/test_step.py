import jax
import jax.numpy as jnp
import numpy as np

from treadle.nn import Weights, decayed, take_apart
from treadle.recipe import TrainingRecipe
from treadle.tasks import Classification
from treadle.training.examples import Batch
from treadle.training.optimizer import build_optimizer
from treadle.training.step import make_step


def test_candidates_step_together_as_each_alone(make):
    """The step maps over weights, optimiser states, batches and keys: candidates, folds and seeds in one program."""
    networks = [make.network(seed=seed, dropout=0.2, normalization="batch") for seed in range(3)]
    optimizer = build_optimizer(TrainingRecipe(), 10, decayed(networks[0]))
    step = make_step(Classification(2), networks[0], optimizer)
    weights = [take_apart(network) for network in networks]
    states = [optimizer.init(each.trained) for each in weights]
    keys = jax.random.split(jax.random.key(0), 3)
    batches = []
    for seed in range(3):
        data = make.examples(20, seed=seed)
        present = (np.arange(20) < 20 - seed).astype(np.float32)
        batches.append(Batch({"numbers": jnp.asarray(data.inputs["numbers"])}, jnp.asarray(data.targets), present))

    def stacked(trees):
        return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *trees)

    place = jnp.asarray(np.int32(0))  # no text, so no width to choose
    mapped = jax.jit(jax.vmap(step, in_axes=(0, 0, 0, None, 0)))
    together = mapped(stacked(weights), stacked(states), stacked(batches), place, keys)
    alone = jax.jit(step)
    for index in range(3):
        expected = alone(weights[index], states[index], batches[index], place, keys[index])
        found = jax.tree.map(lambda leaf, index=index: leaf[index], together)
        jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, atol=1e-5), found, expected)
    assert isinstance(together[0], Weights)
