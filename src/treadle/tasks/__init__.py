"""What a network is to learn: the loss of its raw outputs, and the answers they are turned into."""

from treadle.tasks.classification import Classification, class_weights
from treadle.tasks.regression import Regression
from treadle.tasks.task import Objective, Task
from treadle.tasks.tokens import FieldClassification, TokenClassification

__all__ = [
    "Classification",
    "FieldClassification",
    "Objective",
    "Regression",
    "Task",
    "TokenClassification",
    "class_weights",
]
