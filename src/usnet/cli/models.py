"""``usnet model``: which models there are, what is known about one, and whether it is undamaged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from usnet.bundles import Bundle

app = typer.Typer(
    name="model", help="Models: list the shipped ones, describe and verify a bundle.", no_args_is_help=True
)

BundleArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[PATH|NAME]", help="A bundle's folder or zip, or a shipped name; the default one if left out."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print bundle.json instead of a summary.")]


@app.command("list")
def list_models() -> None:
    """Name the models inside this installation, the default one first."""
    from usnet.bundles import load, shipped

    names = shipped()
    for name in names:
        bundle = load(name)
        typer.echo(f"{name}  {bundle.identity.sha256[:12]}  {bundle.manifest.created}")
    if not names:
        typer.echo("No model is shipped with this installation; name a bundle with --bundle PATH.")


@app.command()
def info(bundle: BundleArgument = None, as_json: JsonOption = False) -> None:
    """Describe a model: what it expects, its operating points, calibration, training data and measured quality."""
    from usnet.bundles import load

    found = load(bundle)
    if as_json:
        typer.echo(found.manifest.model_dump_json(indent=1))
        return
    for line in _description(found):
        typer.echo(line)


@app.command()
def verify(bundle: BundleArgument = None) -> None:
    """Check every file of a model against its sha256, and that the network runs. Exit code 4 if not."""
    from usnet.bundles import load
    from usnet.diagnosis.selftest import selftest

    found = load(bundle)
    for name, digest in found.manifest.files.items():
        typer.echo(f"{name}: sha256 {digest[:12]} as stated")
    typer.echo(f"network: {selftest(found)}")


@app.command()
def gate(
    bundle: Annotated[str, typer.Argument(metavar="PATH|NAME", help="A bundle's folder or zip, or a shipped name.")],
    data: Annotated[list[Path], typer.Option(help="The datasets that the model was trained on; repeat for several.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the bundle with its gate goes.")],
) -> None:
    """Fit the gate that refuses what is no grey B-mode ultrasound, and write the bundle with it."""
    from usnet.bundles import load
    from usnet.cli.progress import bar
    from usnet.datasets.records import load as load_dataset
    from usnet.diagnosis.gate import FILE
    from usnet.evaluation.gate_fit import appearances, fit_gate, others

    found = load(bundle)
    with bar("Looking") as update:
        sets = [appearances(load_dataset(path), update) for path in data]
    fitted = fit_gate(sets, others(0))
    typer.echo(f"{_write_with(found, FILE, fitted.model_dump_json(indent=1), out)}: {fitted.origin}")
    for name, share in fitted.measured.items():
        typer.echo(f"{name.replace('_', ' ')}: {share:.1%}")


@app.command()
def reference(
    bundle: Annotated[str, typer.Argument(metavar="PATH|NAME", help="A bundle's folder or zip, or a shipped name.")],
    data: Annotated[list[Path], typer.Option(help="Datasets whose split val is looked at; repeat for several.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the bundle with its reference scores goes.")],
) -> None:
    """Note what the model says of validation nodules of known pathology, for pages that show where a new score lies."""
    from usnet.bundles import load
    from usnet.cli.progress import bar
    from usnet.datasets.records import load as load_dataset
    from usnet.diagnosis import Diagnoser
    from usnet.evaluation.reference_scores import FILE, reference_scores

    found = load(bundle)
    with bar("Diagnosing") as update:
        scores = reference_scores(Diagnoser(found, gate=False), [load_dataset(path) for path in data], update)
    place = _write_with(found, FILE, scores.as_json(found.identity.sha256), out)
    counts = f"{len(scores.benign)} benign and {len(scores.malignant)} malignant nodules, {scores.missed} not found"
    typer.echo(f"{place}: {counts}; {scores.origin}")


@app.command()
def quantise(
    bundle: Annotated[str, typer.Argument(metavar="PATH|NAME", help="A bundle's folder or zip, or a shipped name.")],
    data: Annotated[
        list[Path],
        typer.Option(help="The datasets that the model was trained on: ranges from split train, accuracy from val."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the bundle that may run in it goes.")],
    precision: Annotated[
        str, typer.Option(metavar="int8|bf16", help="int8 by ONNX Runtime, or OpenVINO's bf16.")
    ] = "int8",
    examples: Annotated[int, typer.Option(min=1, help="Training images that int8's ranges come from.")] = 100,
) -> None:
    """Let a model run below float32, if its accuracy stays: AP and AUC on validation images within 0.005 of float32's.

    Parts of the network go back to float32 until that holds; what was measured is stored in the bundle. Exit code 1, and nothing
    written, where it never holds.
    """
    from usnet.bundles import load
    from usnet.datasets.records import load as load_dataset
    from usnet.extras import need

    need("onnx", extra="train", feature="quantisation")
    need("faster_coco_eval", extra="evaluate", feature="measuring accuracy")
    from usnet.training.quantise import lower

    sets = [load_dataset(path) for path in data]
    place = lower(load(bundle), sets, out, precision=precision, examples=examples, tell=typer.echo)  # type: ignore[arg-type]
    typer.echo(f"Bundle: {place}")


def _write_with(bundle: Bundle, name: str, content: str, out: Path) -> Path:
    """The bundle with one file more."""
    from usnet.bundles import write

    files: dict[str, Path | bytes] = {known: bundle.read(known) for known in bundle.manifest.files}
    return write(out, bundle.manifest, files | {name: (content.rstrip() + "\n").encode()})


def _description(bundle: Bundle) -> list[str]:
    manifest = bundle.manifest
    size = manifest.preprocessing.size
    lines = [
        f"Model            {manifest.name}",
        f"Place            {Path(bundle.path)}",
        f"sha256           {bundle.identity.sha256}",
        f"Created          {manifest.created}",
        f"Licence          {manifest.licence}",
        f"Input            {size} x {size} pixels, {manifest.preprocessing.mode}",
        f"Calibration      {manifest.calibration.origin}",
    ]
    for point in manifest.operating_points:
        default = ", default" if point.name == manifest.default_operating_point else ""
        lines.append(
            f"Operating point  {point.name}{default}: finding from score {point.detection:.3g}, "
            f"malignant from {point.malignancy:.3g} ({point.origin})"
        )
    if manifest.second_look is not None:
        look = manifest.second_look
        lines.append(
            f"Second look      {look.file}, {look.size} x {look.size} pixels, at most {look.boxes} boxes: evidence = "
            f"{look.detector:.3g} x detector + {look.look:.3g} x second look {look.intercept:+.3g} ({look.origin})"
        )
    lines += [
        f"Precision        {p.precision} by {p.engine}: AP {p.ap:.4f} (f32 {p.ap_f32:.4f}), AUC {p.auc:.4f} (f32 {p.auc_f32:.4f}) "
        f"on {p.images} images, {p.origin}"
        for p in manifest.precisions
    ]
    lines += [f"Training         {key}: {_short(value)}" for key, value in manifest.training.items()]
    return lines + [f"Measured         {key}: {_short(value)}" for key, value in manifest.metrics.items()]


def _short(value: object, limit: int = 160) -> str:
    text = str(value)
    return text if len(text) <= limit else text[: limit - 4] + " ..."
