"""`divprune-sym prune`: prune a network of one's own, and say what it costs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, print_json, say
from divprune_sym.cli.graph_pruning import blocks_are_pruned_by_name, names_inputs, prune_blocks
from divprune_sym.cli.guards import check_output
from divprune_sym.cli.network_options import Flag, NetworkOptions, shares_of
from divprune_sym.cli.options import Json, Method, Output, Whole
from divprune_sym.ground.files import CHECKPOINTS
from divprune_sym.show.progress import working
from divprune_sym.show.tables import print_table

if TYPE_CHECKING:
    from divprune_sym.networks.measure import Measured
    from divprune_sym.networks.prune import Pruned


@app.command(
    sort_key=70,
    help_epilogue="""\
NETWORK is an npz or safetensors file (W1 (out, in), b1, W2, .., or torch's
NAME.weight and NAME.bias; activations: names, or --activations), or an ONNX
chain of dense layers. For scikit-learn's MLPs see docs/prune_a_network.md.
Pickled files are never read.

--data is an npz file with x_train, y_train, x_test, y_test, a folder of IDX
files (MNIST and its kin), "digits" (scikit-learn's), or "openml:NAME".

Dense blocks anywhere in an ONNX graph (describe lists them) are pruned in
place if --data is an npz file with an array for each of the graph's inputs,
and labels if there are any: --layer then counts blocks, and everything else in
the graph stays as it is. Needs onnxruntime.

Masks are drawn, and least squares are made, on the training data; errors are
those on the test data. A mask of zeros makes no network faster; --compact
really takes removed nodes out.

Examples:
  divprune-sym prune NET.npz --method dpp-edge --keep 0.3 --data digits
  divprune-sym prune NET.npz --method dpp-node --keep 0.5 --reweight \\
      --data digits --compact -o SMALL.onnx
  divprune-sym prune MODEL.onnx --method importance-node --keep 0.7 \\
      --reweight --data INPUTS.npz --compact -o SMALL.onnx""",
)
def prune(
    network: Annotated[Path, Parameter(name="NETWORK")],
    /,
    *,
    method: Method,
    options: NetworkOptions,
    keep: str | None = None,
    keep_parameters: float | None = None,
    reweight: Flag = False,
    steps: Whole = 1,
    fine_tune: Whole = 0,
    rate: float = 1e-3,
    compact: Flag = False,
    float64: Flag = False,
    out: Output | None = None,
    mask: Path | None = None,
    checkpoint: Path | None = None,
    seed: Whole | None = None,
    as_json: Json = False,
) -> int:
    """Prune a trained network, and say what it costs.

    Parameters
    ----------
    network
        The network; its formats are below.
    keep
        Share kept, of the nodes of every hidden layer or of every node's incoming edges; or one share for each
        layer, in the order of --layer: 0.3,0.5.
    keep_parameters
        Share of all weights and biases kept, in place of --keep: each layer's own share is chosen by least damage. Of
        blocks of a graph: share of theirs.
    reweight
        Also refit what is left by least squares.
    steps
        Prune in so many steps, each refitted (with --reweight) and fine-tuned (with --fine-tune) before the next.
    fine_tune
        Epochs of training what is left, under its mask.
    rate
        Learning rate of that (Adam).
    compact
        Write the network without the pruned nodes instead of with zeros.
    float64
        Write float64 numbers instead of float32, where the format's runtimes have them.
    out
        Network file to write: npz, safetensors or onnx, by its ending.
    mask
        Also write the mask, bit-packed, to this npz file.
    checkpoint
        Where DPP edges are kept while they are drawn, in files NAME.layer0, ...; the same command, with the same
        --seed, goes on from there after an interruption.
    seed
        Seed; without it one is chosen, and printed so that the masks can be drawn again.
    as_json
        Print errors, counts, parameters, multiplications and settings as JSON.
    """
    import numpy as np

    from divprune_sym.ground.checks import BadInput, integer
    from divprune_sym.ground.user_files import users_code
    from divprune_sym.networks.formats import format_of, save_network
    from divprune_sym.networks.measure import measure, refuse_nothing_kept
    from divprune_sym.networks.prune import method_for_networks, prune_network
    from divprune_sym.networks.published import published_method
    from divprune_sym.networks.schedules import allocated, prune_in_steps, rounded_to_nothing
    from divprune_sym.networks.training import TrainSetting, train
    from divprune_sym.networks.versions import versions
    from divprune_sym.show.progress import stage

    steps = integer("--steps", steps, 1)
    if checkpoint is not None and steps != 1:
        msg = "--checkpoint: keeps the masks of one step; leave out --steps"
        raise BadInput(msg)
    if checkpoint is not None and seed is None:
        msg = "--checkpoint: only the same masks can be gone on with; give --seed too"
        raise BadInput(msg)
    if (keep is None) == (keep_parameters is None):
        msg = "--keep or --keep-parameters: give one of them"
        raise BadInput(msg)
    seed = int.from_bytes(os.urandom(4)) if seed is None else integer("--seed", seed, 0)
    setting = options.setting()
    for path, endings in ((out, ()), (mask, (".npz",)), (checkpoint, CHECKPOINTS)):
        if path is not None:
            check_output(path, network, endings)
            check_output(path, Path(options.data))
    if out is not None:
        format_of(out)
    if out is not None and mask is not None and out.resolve() == mask.resolve():
        msg = f"--mask: {mask} is also --out, and would overwrite the network; give another name"
        raise BadInput(msg)
    if compact and out is None:
        msg = "--compact: says how the network is written; give --out too"
        raise BadInput(msg)
    if names_inputs(network, options.data):
        return prune_blocks(
            network,
            options,
            method,
            keep,
            keep_parameters=keep_parameters,
            steps=steps,
            reweight=reweight,
            compact=compact,
            out=out,
            mask=mask,
            seed=seed,
            as_json=as_json,
            refused={
                "--checkpoint": checkpoint is not None,
                "--float64": float64,
                "--fine-tune": fine_tune != 0,
            },
        )
    how = method_for_networks(method)
    with blocks_are_pruned_by_name(network):
        net = options.network(network)
    layers = setting.chosen(net)
    with working("reading the data"):
        found = options.read().fitted_to(net)
    if options.as_published:
        how = published_method(how, len(found.x_train))
    if keep_parameters is None:
        # shares belong to the layers in the order in which they were named
        shares = shares_of(keep or "", tuple(dict.fromkeys(options.layer or layers)))
    else:
        with stage("choosing shares") as progress:
            rng = np.random.default_rng(seed)
            fitted = replace(setting, reweight=reweight)
            shares = allocated(net, found.x_train, how, keep_parameters, rng, fitted, progress)
    refuse_nothing_kept(net, found, how, shares)
    sizes = net.widths[1:] if how.unit == "node" else net.widths
    for note in rounded_to_nothing(dict(enumerate(sizes)), how, shares):
        say(note)
    tuning = TrainSetting(fine_tune, rate, seed=seed)

    def tuned(pruned: Pruned) -> Pruned:
        if not fine_tune:
            return pruned
        return replace(pruned, network=train(pruned.network, found.x_train, found.y_train, tuning, pruned.mask))

    def pruned(label: str, reweighted: bool, drawn: dict[int, Any]) -> Any:
        rng = np.random.default_rng(seed)
        how_much = replace(setting, reweight=reweighted)
        with stage(label) as progress, users_code(method):
            return prune_network(
                net, found.x_train, how, shares, rng, how_much, progress, drawn=drawn, checkpoint=checkpoint
            )

    stages = {"before": measure(net, found)}
    if steps > 1:
        rng, how_much = np.random.default_rng(seed), replace(setting, reweight=reweight)
        with stage(f"pruning in {steps} steps") as progress, users_code(method):
            last = prune_in_steps(
                net, found.x_train, how, shares, steps, rng, how_much, lambda left, _: tuned(left), progress
            )
        stages["after"] = measure(last.smallest, found)
    else:
        try:
            last = pruned("pruning", False, {})
        except KeyboardInterrupt:
            if checkpoint is not None:
                say(f"what is done is in {checkpoint}.layer*; the same command goes on from there")
            raise
        stages["after"] = measure(last.smallest, found)
        if reweight:
            # until a layer before is refitted, or if only the original network is looked at, the masks are the same
            same = layers if setting.source == "original" else layers[:1]
            last = pruned("pruning and reweighting", True, {n: last.mask.kept[n] for n in same})
            stages["reweighted"] = measure(last.smallest, found)
        if fine_tune:
            with working("fine-tuning"):
                last = tuned(last)
            stages["fine_tuned"] = measure(last.smallest, found)
    if out is not None:
        save_network(last.compact() if compact else last.network, out, float64=float64)
    if mask is not None:
        replace(last.mask, seed=seed, versions=versions()).save(mask)
    result = {
        "method": how.name,
        "keep": {str(n): share for n, share in shares.items()},
        "steps": steps,
        "seed": seed,
        "error_is": "share of wrong answers" if found.classifies else "mean squared error",
        **{stage: measured.as_json() for stage, measured in stages.items()},
        "out": None if out is None else str(out),
        "mask": None if mask is None else str(mask),
    }
    if as_json:
        print_json(result)
    else:
        _print(result, stages)
    return DONE


def _print(result: dict[str, Any], stages: dict[str, Measured]) -> None:
    names = {"before": "before", "after": "pruned", "reweighted": "reweighted", "fine_tuned": "fine-tuned"}
    before = stages["before"]
    rows = [
        (
            names[stage],
            f"{m.error:.4%}" if m.wrong is not None else f"{m.error:.6g}",
            "" if m.wrong is None else f"{m.wrong} of {m.rows}",
            f"{m.parameters} ({m.parameters / before.parameters:.1%})",
            f"{m.multiply_adds}",
        )
        for stage, m in stages.items()
    ]
    print_table(("", "test error", "wrong", "parameters", "multiply-adds"), rows)
    shares = ", ".join(f"layer {n}: {share:g}" for n, share in result["keep"].items())
    print(f"method {result['method']}, seed {result['seed']}; kept of {shares}; test error is the {result['error_is']}")
    for name in ("out", "mask"):
        if result[name] is not None:
            print(f"written: {result[name]}")
