"""The learners that the paper's introduction names, by scikit-learn, each with the choices its inner cross-validation has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Learner:
    """``make(seed)`` gives the estimator; ``grid`` its settings to choose from."""

    name: str
    says: str
    make: Callable[[int], Any]
    grid: Mapping[str, Sequence[Any]]


def _svm(seed: int) -> Any:
    from sklearn.svm import SVC

    return SVC(class_weight="balanced", random_state=seed)


def _tree(seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(class_weight="balanced", random_state=seed)


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(200, class_weight="balanced", random_state=seed)


def _bayes(seed: int) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def _neighbours(seed: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier()


def _mlp(seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(max_iter=200, random_state=seed)


def _boosting(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=150, random_state=seed)


def learners() -> tuple[Learner, ...]:
    """Seven."""
    return (
        Learner("svm", "support vector machine, radial kernel", _svm, {"C": [0.3, 1, 3, 10], "gamma": ["scale", 0.01]}),
        Learner("tree", "decision tree", _tree, {"max_depth": [2, 3, 5, 8], "min_samples_leaf": [10, 30]}),
        Learner("forest", "random forest", _forest, {"min_samples_leaf": [1, 3, 10]}),
        Learner("bayes", "naive Bayes, normal densities", _bayes, {"var_smoothing": [1e-9, 1e-3, 1e-1]}),
        Learner("knn", "k nearest neighbours", _neighbours, {"n_neighbors": [5, 15, 31, 61]}),
        Learner(
            "mlp",
            "artificial neural network, one or two hidden layers",
            _mlp,
            {"hidden_layer_sizes": [(32,), (32, 16)], "alpha": [0.1, 3.0]},
        ),
        Learner(
            "boosting", "gradient boosted trees", _boosting, {"learning_rate": [0.03, 0.1], "max_leaf_nodes": [7, 15]}
        ),
    )
