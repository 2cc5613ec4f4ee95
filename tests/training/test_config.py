"""Configuration: shipped files load, wrong keys are named with their nearest, what is written reads back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

from usnet.errors import ConfigError
from usnet.training.config import RunConfig, load_config, to_toml

pytestmark = pytest.mark.train
CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@pytest.mark.parametrize("name", ["paper", "fast"])
def test_shipped_configurations_load_and_round_trip(name: str, tmp_path: Path) -> None:
    config = load_config(CONFIGS / f"{name}.toml")
    (tmp_path / "again.toml").write_text(to_toml(config))
    assert load_config(tmp_path / "again.toml") == config


def test_paper_is_the_paper() -> None:
    config = load_config(CONFIGS / "paper.toml")
    assert config.network.backbone == "resnet50"
    assert config.network.anchors.image_size == 256
    assert config.network.anchors.strides == (4, 8, 16)
    assert config.loss.gamma == 3.0
    assert min(config.augment.horizontal_flip, config.augment.vertical_flip, config.augment.rotate90) > 0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", r"unknown key 'training.epoch' \(did you mean 'epochs'\?\)"),
        ("trainig.epochs=3", "did you mean 'training'"),
        ("training.epochs=0", "training.epochs: .*greater than or equal to 1, found 0"),
        ("training.epochs='many'", "training.epochs"),
        ("network.backbone='vgg'", "network.backbone"),
        ("network.anchors.siezs=[1]", "did you mean 'sizes'|anchors"),
        ("training.epochs", "expected section.key=value"),
    ],
)
def test_wrong_overrides_say_what_is_right(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(None, [override])


def test_overrides_win_over_the_file() -> None:
    config = load_config(CONFIGS / "fast.toml", ["training.epochs=3", "network.backbone=resnet34", "loss.gamma=2"])
    assert (config.training.epochs, config.network.backbone, config.loss.gamma) == (3, "resnet34", 2.0)


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("[training\n")
    with pytest.raises(ConfigError, match="not TOML"):
        load_config(tmp_path / "broken.toml")


@given(
    gamma=st.floats(0, 10),
    epochs=st.integers(1, 500),
    name=st.text(st.characters(codec="utf-8", exclude_categories=["C"])),
)
def test_any_configuration_round_trips(gamma: float, epochs: int, name: str) -> None:
    import tomllib

    config = RunConfig.model_validate({"name": name, "loss": {"gamma": gamma}, "training": {"epochs": epochs}})
    assert RunConfig.model_validate(tomllib.loads(to_toml(config))) == config
