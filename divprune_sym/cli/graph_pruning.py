"""`divprune-sym prune MODEL.onnx --data INPUTS.npz`: blocks of a graph, pruned in place."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from divprune_sym.cli.console import DONE, print_json, say
from divprune_sym.cli.network_options import NetworkOptions, shares_of
from divprune_sym.show.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from divprune_sym.networks.blocks.report import BlockReport, OutputReport


def names_inputs(network: Path, data: str) -> bool:
    """Whether --data are inputs of a graph by name: an npz file without x_train."""
    if network.suffix != ".onnx" or not data.endswith(".npz"):
        return False
    from divprune_sym.networks.blocks.inputs import names_in

    return "x_train" not in names_in(Path(data))


@contextmanager
def blocks_are_pruned_by_name(network: Path) -> Iterator[None]:
    """A graph that is refused as a chain of layers: what to do, if it has dense blocks."""
    from divprune_sym.ground.checks import BadInput

    try:
        yield
    except BadInput as refusal:
        if network.suffix != ".onnx":
            raise
        names = _inputs_of_blocks(network)
        if not names:
            raise
        msg = f"{refusal}; its dense blocks are pruned on --data INPUTS.npz with {', '.join(names)}"
        raise BadInput(msg) from None


def _inputs_of_blocks(network: Path) -> list[str]:
    """The inputs of a graph that has dense blocks; none where it cannot be read."""
    from divprune_sym.ground.checks import BadInput
    from divprune_sym.networks.blocks.find import find_blocks
    from divprune_sym.networks.blocks.inputs import ports_of
    from divprune_sym.networks.graphs.model import read_model

    try:
        model = read_model(network)
        return list(ports_of(model)) if find_blocks(network, model) else []
    except BadInput:
        return []


def prune_blocks(
    network: Path,
    options: NetworkOptions,
    method: str,
    keep: str | None,
    *,
    keep_parameters: float | None,
    steps: int,
    reweight: bool,
    compact: bool,
    out: Path | None,
    mask: Path | None,
    seed: int,
    as_json: bool,
    refused: Mapping[str, bool],
) -> int:
    """Prune, measure, write, and say what it cost; `refused` are options that chains only have."""
    from dataclasses import replace

    import numpy as np

    from divprune_sym.ground.checks import BadInput
    from divprune_sym.ground.user_files import users_code
    from divprune_sym.networks.blocks.find import read_graph
    from divprune_sym.networks.blocks.inputs import open_inputs
    from divprune_sym.networks.blocks.prune import chosen_blocks, prune_graph
    from divprune_sym.networks.blocks.report import as_json as plain
    from divprune_sym.networks.blocks.report import report
    from divprune_sym.networks.blocks.schedules import allocated_blocks, prune_graph_in_steps
    from divprune_sym.networks.formats import format_of, refuse_no_file
    from divprune_sym.networks.graphs.model import read_model
    from divprune_sym.networks.prune import method_for_networks
    from divprune_sym.networks.schedules import rounded_to_nothing
    from divprune_sym.networks.versions import versions
    from divprune_sym.show.progress import stage

    alone = {
        **refused,
        "--activations": options.activations is not None,
        "--layers": options.layers is not None,
        "--normalize": options.normalize is not None,
        "--silenced": options.silenced,
        "--as-published": options.as_published,
    }
    given = [name for name, said in alone.items() if said]
    if given:
        msg = f"{given[0]}: belongs to networks that are chains of layers; leave it out to prune blocks of a graph"
        raise BadInput(msg)
    format_of(network)
    refuse_no_file(network)
    if out is not None and out.suffix != ".onnx":
        msg = f"--out {out}: a graph is written as .onnx"
        raise BadInput(msg)
    how = method_for_networks(method)
    model = read_model(network)
    graph = read_graph(network, model)
    setting = replace(options.setting(), reweight=reweight)
    chosen = chosen_blocks(network, graph, setting.layers)
    inputs = open_inputs(Path(options.data), model)
    for line in graph.left_alone:
        say(f"left alone: {line}")
    if keep_parameters is None:
        shares = shares_of(keep or "", chosen if options.layer is None else tuple(dict.fromkeys(options.layer)))
    else:
        with stage("choosing shares") as progress, users_code(method):
            rng = np.random.default_rng(seed)
            asked = (how, chosen, keep_parameters, rng, setting)
            shares = allocated_blocks(network, model, inputs, *asked, progress)
    sizes = {n: block.widths[1 if how.unit == "node" else 0] for n, block in enumerate(graph.blocks)}
    for note in rounded_to_nothing(sizes, how, shares, "block"):
        if how.unit == "node":
            raise BadInput(note)
        say(note)
    with stage("pruning blocks") as progress, users_code(method):
        rng = np.random.default_rng(seed)
        if steps == 1:
            pruned = prune_graph(network, model, inputs, how, shares, rng, setting, compact=compact, progress=progress)
        else:
            pruned = prune_graph_in_steps(
                network, model, inputs, how, shares, steps, rng, setting, compact=compact, progress=progress
            )
    with stage("running both graphs") as progress:
        costs = report(network, model, pruned, inputs, progress)
    if out is not None:
        _write(pruned.model, out)
    if mask is not None:
        replace(pruned.mask, seed=seed, versions=versions()).save(mask)
    result = {
        "method": how.name,
        "keep": {str(n): share for n, share in shares.items()},
        "steps": steps,
        "seed": seed,
        "rows": inputs.rows,
        "left_alone": list(graph.left_alone),
        **plain(*costs),
        "out": None if out is None else str(out),
        "mask": None if mask is None else str(mask),
    }
    if as_json:
        print_json(result)
    else:
        _print(result, *costs)
    return DONE


def _write(model: Any, out: Path) -> None:
    """Aside, loaded again by onnxruntime, and then renamed."""
    from divprune_sym.ground.checks import BadInput
    from divprune_sym.ground.files import written_aside
    from divprune_sym.networks.graphs.session import session

    try:
        content = model.SerializeToString()
    except ValueError:
        msg = f"{out}: the graph is larger than the 2 GiB that one ONNX file can hold"
        raise BadInput(msg) from None
    with TemporaryDirectory() as folder:
        again = Path(folder) / out.name
        again.write_bytes(content)
        session(again)
    with written_aside(out) as file:
        file.write(content)


def _print(result: dict[str, Any], blocks: list[BlockReport], outputs: list[OutputReport]) -> None:
    rows = [
        (
            f"{one.number}",
            one.name,
            f"{one.kept_units} of {one.units}",
            f"{one.kept_parameters} of {one.parameters}",
            f"{one.kept_multiply_adds} of {one.multiply_adds}",
            f"{one.error:.3g}",
        )
        for one in blocks
    ]
    print_table(("", "block", "units", "parameters", "multiply-adds", "error"), rows)
    for one in outputs:
        line = (
            f"output {one.name}: mean square difference {one.mean_square_difference:.4g} (variance {one.variance:.4g})"
        )
        if one.agreement is not None:
            line += f", same top-1 in {one.agreement:.2%} of rows"
        if one.correct_before is not None and one.correct_after is not None:
            line += f", correct {one.correct_before:.2%} before and {one.correct_after:.2%} after"
        print(line)
    print(f"method {result['method']}, seed {result['seed']}; error of a block is relative to its output's variance")
    for name in ("out", "mask"):
        if result[name] is not None:
            print(f"written: {result[name]}")
