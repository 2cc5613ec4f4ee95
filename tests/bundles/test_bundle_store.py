"""Bundles on disk: round trip, verification, and everything that must be refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from helpers.tiny_bundle import manifest, tiny_bundle
from usnet.bundles import load, loading, shipped, storage, write
from usnet.errors import BundleError, ConfigError

FILES = {"model.onnx": b"network " * 100, "weights.safetensors": b"weights " * 100}


def small(place: Path) -> Path:
    """A bundle that verifies but does not run: quick to make and to damage."""
    return write(place, manifest(), FILES)


def edit(bundle: Path, **changes: object) -> None:
    path = bundle / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_round_trip(tmp_path: Path, name: str) -> None:
    bundle = load(small(tmp_path / "sub" / name))
    assert bundle.manifest.model_copy(update={"files": {}}) == manifest()
    assert {file: bundle.read(file) for file in FILES} == FILES
    assert bundle.identity.name == "tiny-test"
    assert bundle.identity.sha256 == bundle.manifest.files["model.onnx"]
    assert [p.name for p in (tmp_path / "sub").iterdir()] == [name]


def test_files_are_copied_from_paths(tmp_path: Path) -> None:
    source = tmp_path / "w"
    source.write_bytes(b"abc")
    bundle = load(write(tmp_path / "b", manifest(), {"model.onnx": source}))
    assert bundle.read("model.onnx") == b"abc"


def test_zip_is_the_same_twice(tmp_path: Path) -> None:
    assert small(tmp_path / "a.zip").read_bytes() == small(tmp_path / "b.zip").read_bytes()


def test_a_zipped_folder_opens(tmp_path: Path) -> None:
    folder = small(tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"usnet-fast/{path.name}")
    assert load(tmp_path / "c.zip").read("model.onnx") == FILES["model.onnx"]


@pytest.mark.parametrize("file", list(FILES))
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_one_flipped_byte_is_found(tmp_path: Path, file: str, kind: str) -> None:
    bundle = small(tmp_path / ("b.zip" if kind == "zip" else "b"))
    path = bundle if kind == "zip" else bundle / file
    content = bytearray(path.read_bytes())
    content[content.index(FILES[file]) + 17 if kind == "zip" else 17] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=file) as caught:
        load(bundle)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


def test_damage_after_loading_is_found_on_read(tmp_path: Path) -> None:
    bundle = load(small(tmp_path / "b"))
    (bundle.path / "model.onnx").write_bytes(b"other")
    with pytest.raises(BundleError, match=r"model\.onnx is damaged"):
        bundle.read("model.onnx")


def test_missing_and_unlisted_files(tmp_path: Path) -> None:
    bundle = load(small(tmp_path / "b"))
    with pytest.raises(BundleError, match="no file 'other'"):
        bundle.read("other")
    (bundle.path / "weights.safetensors").unlink()
    with pytest.raises(BundleError, match=r"weights\.safetensors cannot be read"):
        load(bundle.path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "bundle format 2; expected format 1"),
        ({"format": None}, "bundle format None"),
        ({"metrcs": {}}, "unknown key 'metrcs', did you mean 'metrics'"),
        ({"classes": ["malignant", "benign"]}, "classes"),
        ({"anchors": {"image_size": 512}}, "anchors for 512 px, preprocessing to 256 px"),
        ({"anchors": {"imagesize": 512}}, "unknown key 'anchors.imagesize'"),
        ({"default_operating_point": "x"}, "no operating point is named 'x'"),
        ({"postprocessing": {"min_score": 0}}, r"postprocessing\.min_score"),
        ({"calibration": {"nodule": {"slope": float("nan")}}}, r"calibration\.nodule\.slope"),
        ({"files": {}}, r"lists no model\.onnx"),
    ],
)
def test_manifests_that_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    bundle = small(tmp_path / "b")
    edit(bundle, **changes)
    with pytest.raises(BundleError, match=message) as caught:
        load(bundle)
    assert "\n" not in str(caught.value)


def test_a_listed_file_outside_the_bundle_is_never_opened(tmp_path: Path) -> None:
    bundle = small(tmp_path / "b")
    (tmp_path / "secret").write_text("secret")
    files = json.loads((bundle / "bundle.json").read_text())["files"]
    edit(bundle, files=files | {"../secret": "0" * 64})
    with pytest.raises(BundleError, match=r"file name '\.\./secret'"):
        load(bundle)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_manifest_that_is_no_json_object(tmp_path: Path, content: bytes) -> None:
    bundle = small(tmp_path / "b")
    (bundle / "bundle.json").write_bytes(content)
    with pytest.raises(BundleError, match="not a JSON object"):
        load(bundle)


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../evil", "..\\evil", "C:evil"])
def test_zip_names_that_point_outside(tmp_path: Path, name: str) -> None:
    path = small(tmp_path / "b.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(BundleError, match="points outside"):
        load(path)


def test_zip_with_a_link(tmp_path: Path) -> None:
    path = small(tmp_path / "b.zip")
    entry = zipfile.ZipInfo("link")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(BundleError, match="points outside"):
        load(path)


def test_zip_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bundle.json", b"{}")
        archive.writestr("model.onnx", b"\0" * 4_000_000)
    monkeypatch.setattr(storage, "MAX_BYTES", 1_000_000)
    with pytest.raises(BundleError, match="unpacks to 4000002 bytes; expected at most 1000000"):
        load(path)
    monkeypatch.setattr(storage, "MAX_ENTRIES", 1)
    with pytest.raises(BundleError, match="2 files"):
        load(path)


def test_things_that_are_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("not a zip")
    (tmp_path / "empty").mkdir()
    for name, message in [
        ("text.zip", "cannot be unpacked"),
        ("empty", "has no bundle.json"),
        ("none", "no such bundle"),
    ]:
        with pytest.raises(BundleError, match=message):
            load(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("x", b"")
    with pytest.raises(BundleError, match=r"no bundle\.json"):
        load(tmp_path / "other.zip")


def test_without_a_shipped_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "SHIPPED", tmp_path)
    assert shipped() == []
    with pytest.raises(BundleError, match="no default model") as caught:
        load()
    assert "--bundle" in str(caught.value)
    assert caught.value.exit_code == 4


def test_shipped_models_open_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "SHIPPED", tmp_path)
    for name in ("aaa", "usnet-fast"):
        small(tmp_path / name)
    assert shipped() == ["usnet-fast", "aaa"]
    assert load().path == tmp_path / "usnet-fast"
    assert load("aaa").path == tmp_path / "aaa"


def test_write_refuses(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no model\.onnx"):
        write(tmp_path / "b", manifest(), {"weights.safetensors": b""})
    for name in ("../x", "bundle.json", "a/b", ""):
        with pytest.raises(BundleError, match="file name"):
            write(tmp_path / "b", manifest(), {"model.onnx": b"", name: b""})
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("years of work")
    with pytest.raises(BundleError, match="something else"):
        write(tmp_path / "notes", manifest(), FILES)
    assert (tmp_path / "notes" / "thesis.txt").exists()


@pytest.mark.parametrize("name", ["b", "b.zip"])
def test_a_failed_write_leaves_the_old_bundle(tmp_path: Path, name: str) -> None:
    path = small(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        write(path, manifest(name="new"), {"model.onnx": tmp_path / "missing"})
    assert load(path).manifest.name == "tiny-test"
    write(path, manifest(name="new"), {"model.onnx": b"new"})
    assert load(path).manifest.name == "new"
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_operating_points(tmp_path: Path) -> None:
    bundle = load(small(tmp_path / "b"))
    assert bundle.operating_point().name == "balanced"
    assert bundle.operating_point("sensitive").detection == 0.1
    with pytest.raises(ConfigError, match="expected one of balanced, sensitive, deaf"):
        bundle.operating_point("sensitiv")


def test_bundle_json_opens_its_folder(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "b")
    assert load(bundle / "bundle.json").path == bundle
