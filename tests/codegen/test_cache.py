"""Generated modules on disk: private, verified before they are run, and found again by other processes."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from divprune_sym.codegen import UnsafeCache, cache, cache_folder, cached_module, native, objects
from divprune_sym.codegen.cache import cached_text
from divprune_sym.codegen.compiled import CacheWarning, say_once
from divprune_sym.ground.checks import BadInput

pytestmark = pytest.mark.slow(23)

SOURCE = "answer = 42\n"
RECIPE = {"test": "cache"}
posix = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")


def generated():
    return {name: module for name, module in sys.modules.items() if name.startswith("divprune_sym_g_")}


def forget():
    """What a new process starts with."""
    for name in generated():
        del sys.modules[name]


@pytest.fixture(autouse=True)
def same_modules_afterwards():
    """Other tests of this process may still hold the generated modules that were there: Numba looks them up by name."""
    before = generated()
    say_once.cache_clear()
    yield
    forget()
    sys.modules.update(before)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache folder of our own."""
    wanted = tmp_path / "cache"
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(wanted))
    return wanted


class Generator:
    """Gives a source and counts how often it is asked."""

    def __init__(self, source=SOURCE):
        self.source, self.calls = source, 0

    def __call__(self):
        self.calls += 1
        return self.source


def files(folder, suffix):
    return sorted(path for path in folder.iterdir() if path.suffix == suffix)


def test_generated_once_and_found_again(folder):
    generate = Generator()
    assert cached_module(RECIPE, generate).answer == 42
    assert cached_module(RECIPE, generate).answer == 42
    forget()
    assert cached_module(RECIPE, generate).answer == 42
    assert generate.calls == 1
    (module,) = files(folder, ".py")
    assert module.stem == f"g_{hashlib.sha256(module.read_bytes()).hexdigest()}"
    assert module.read_text().startswith(SOURCE)


def test_another_recipe_is_another_module(folder):
    assert cached_module(RECIPE, Generator()).answer == 42
    assert cached_module(RECIPE | {"K": 2}, Generator("answer = 43\n")).answer == 43


def test_the_fingerprint_is_part_of_the_key(folder, monkeypatch):
    """New sources or another Numba: nothing old is used."""
    cached_module(RECIPE, Generator())
    monkeypatch.setattr(cache, "fingerprint", lambda: "another version")
    generate = Generator("answer = 44\n")
    assert cached_module(RECIPE, generate).answer == 44
    assert generate.calls == 1


def test_the_fingerprint_reads_the_sources_and_the_versions(monkeypatch, tmp_path):
    original = cache.fingerprint.__wrapped__()
    monkeypatch.setattr(cache, "_SOURCES", ("gaussian",))
    fewer = cache.fingerprint.__wrapped__()
    monkeypatch.setattr("importlib.metadata.version", lambda library: "0")
    assert len({original, fewer, cache.fingerprint.__wrapped__()}) == 3


@posix
def test_only_the_owner_can_read_or_write(folder):
    cached_module(RECIPE, Generator())
    for path in [folder, folder / "__pycache__"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in [*files(folder, ".py"), *files(folder, ".json")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
@pytest.mark.parametrize("inner", ["", "__pycache__"])
def test_a_folder_that_others_may_write_to_is_refused(folder, mode, inner):
    cached_module(RECIPE, Generator())
    forget()
    (folder / inner).chmod(mode)
    generate = Generator()
    with pytest.raises(UnsafeCache, match="others may write to it, so nothing in it is run; chmod 700 it"):
        cached_module(RECIPE, generate)
    assert generate.calls == 0


@posix
def test_a_folder_of_another_user_is_refused(folder, monkeypatch):
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(UnsafeCache, match=str(folder)):
        cache_folder()


def test_tampered_code_is_not_run(folder):
    cached_module(RECIPE, Generator())
    forget()
    (module,) = files(folder, ".py")
    genuine = module.read_text()
    module.write_text("raise SystemExit('tampered code was run')\n")
    generate = Generator()
    assert cached_module(RECIPE, generate).answer == 42
    assert generate.calls == 1
    assert module.read_text() == genuine


@pytest.mark.parametrize(
    "content",
    ["", '{"module": "g_', "[]", "null", '{"recipe": 1}', '{"module": 3}', '{"module": "../../etc/passwd"}', "\udce9"],
)
def test_a_damaged_pointer_is_ignored(folder, content):
    cached_module(RECIPE, Generator())
    forget()
    (pointer,) = files(folder, ".json")
    pointer.write_bytes(content.encode("utf-8", "surrogateescape"))
    generate = Generator()
    assert cached_module(RECIPE, generate).answer == 42
    assert generate.calls == 1
    assert json.loads(pointer.read_text())["recipe"] == RECIPE


def test_a_pointer_to_a_module_that_is_gone_is_ignored(folder):
    cached_module(RECIPE, Generator())
    forget()
    files(folder, ".py")[0].unlink()
    generate = Generator()
    assert cached_module(RECIPE, generate).answer == 42
    assert generate.calls == 1


def test_a_pointer_cannot_lead_out_of_the_folder(folder):
    cached_module(RECIPE, Generator())
    forget()
    outside = folder.parent / f"g_{hashlib.sha256(b'answer = 0').hexdigest()}.py"
    outside.write_bytes(b"answer = 0")
    (pointer,) = files(folder, ".json")
    pointer.write_text(json.dumps({"module": f"../{outside.name}"}))
    assert cached_module(RECIPE, Generator()).answer == 42


def test_nothing_half_written_is_left_behind(folder, monkeypatch):
    cache_folder()
    monkeypatch.setattr(cache.Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.warns(CacheWarning, match="disk full"), pytest.raises(BadInput, match=cache.FOLDER_VARIABLE):
        cached_module(RECIPE, Generator())
    assert [path.name for path in folder.iterdir()] == ["__pycache__"]


def test_a_module_that_fails_to_import_is_not_kept(folder):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cached_module(RECIPE, Generator("1 / 0\n"))
    (module,) = files(folder, ".py")
    assert f"divprune_sym_{module.stem}" not in sys.modules


@pytest.mark.parametrize("reason", ["a file in its place", "read-only"])
def test_without_a_writable_folder_a_temporary_one_serves(folder, monkeypatch, reason):
    if reason == "read-only":
        monkeypatch.setattr(os, "access", lambda *_: False)
    else:
        folder.write_text("not a folder")
    with pytest.warns(CacheWarning, match=f"cache folder {folder}: cannot be written to"):
        temporary = cache_folder()
    assert temporary not in (folder, folder.parent)
    assert temporary == cache_folder()
    assert cached_module(RECIPE, Generator()).answer == 42


@pytest.mark.parametrize("value", [None, ""])
def test_the_users_cache_folder_is_the_default(monkeypatch, tmp_path, value):
    monkeypatch.delenv(cache.FOLDER_VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(cache.FOLDER_VARIABLE, value)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    assert cache_folder() == tmp_path / "divprune_sym" / "generated"


SECOND_PROCESS = """
import sys
import numpy as np
from divprune_sym.solvers import generalization_error
value = generalization_error(np.ones((1, 1)), np.ones(1))
print(float(value), *(name for name in ("sympy", "scipy", "numba") if name in sys.modules))
"""


def test_a_second_process_needs_none_of_what_the_first_needs(folder):
    """The first derives, generates and compiles; the second only loads: no SymPy, SciPy or Numba."""
    outputs = [
        subprocess.run([sys.executable, "-c", SECOND_PROCESS], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    first, second = (output.split() for output in outputs)
    assert first[1] == "sympy"
    assert second == first[:1]
    assert float(first[0]) == pytest.approx(1 / 6, abs=1e-15)
    assert len(files(folder, ".bin")) == 1


COMPILED = """
from numba import njit


@njit(cache=True)
def twice(x):
    return 2 * x


@njit(cache=True)
def four(x):
    return twice(twice(x))
"""


def compiled(folder):
    return [path for path in (folder / "__pycache__").iterdir() if path.suffix in (".nbi", ".nbc", ".pyc")]


@pytest.mark.parametrize("suffix", [".nbi", ".nbc", ".pyc"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:20] + bytes(len(content) - 20),
    ],
)
def test_damaged_compiled_code_is_made_anew(folder, suffix, damage, monkeypatch):
    """What a power cut leaves: the same numbers, said once, and whole files afterwards."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert cached_module(RECIPE, Generator(COMPILED)).four(3) == 12
    forget()
    hurt = [path for path in compiled(folder) if path.suffix == suffix]
    assert hurt
    for path in hurt:
        path.write_bytes(damage(path.read_bytes()))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert cached_module(RECIPE, Generator(COMPILED)).four(3) == 12
    assert len(said) <= 1
    forget()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        four = cached_module(RECIPE, Generator(COMPILED)).four
        assert four(3) == 12
    assert sum(four.stats.cache_hits.values()) == 1


def test_code_of_another_key_is_not_run(folder):
    """Two processes that compile at once may both write the first data file: an index then leads to the other's."""
    four = cached_module(RECIPE, Generator(COMPILED)).four
    assert four(3) == 12
    (first,) = (folder / "__pycache__").glob("*.four-*.1.nbc")
    of_integers = first.read_bytes()
    assert four(0.25) == 1.0
    (second,) = (folder / "__pycache__").glob("*.four-*.2.nbc")
    second.write_bytes(of_integers)
    forget()
    with pytest.warns(CacheWarning, match="damaged"):
        assert cached_module(RECIPE, Generator(COMPILED)).four(0.25) == 1.0


NATIVE = """
from divprune_sym.codegen.native import native


@native
def triple(x):
    return 3.0 * x


@native
def double(x):
    return 2.0 * x
"""


@pytest.fixture
def compiling(monkeypatch):
    """How often something is compiled."""
    calls = []
    real = objects.object_code
    monkeypatch.setattr(objects, "object_code", lambda text: calls.append(text) or real(text))
    return calls


def natives():
    forget()
    say_once.cache_clear()
    return cached_module(RECIPE, Generator(NATIVE))


def test_object_code_is_kept_for_the_owner_alone(folder, compiling):
    assert natives().triple(2.0) == 6.0
    (kept,) = files(folder, ".bin")
    if os.name == "posix":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert natives().triple(2.0) == 6.0
    assert len(compiling) == 1
    # other kinds of arguments are another function
    assert natives().triple(2) == 6.0
    assert len(files(folder, ".bin")) == len(compiling) == 2


def sealed(kept, payload):
    """A file with this content that is as whole as if the library had written it."""
    return objects._seal(kept.stem.removeprefix("o_"), payload) + b"\n" + payload


def asking_for_more():
    text = "declare void @nobody_has_this()\n"
    text += f"define i32 @{objects.ENTRY}(double %x, ptr %result) {{\ncall void @nobody_has_this()\nret i32 0\n}}"
    return b'{"result": "double"}\n' + objects.object_code(text)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda kept, other: b"", "damaged"),
        (lambda kept, other: kept.read_bytes()[: kept.stat().st_size // 2], "damaged"),
        (lambda kept, other: kept.read_bytes()[:200] + bytes(8) + kept.read_bytes()[208:], "damaged"),
        (lambda kept, other: other.read_bytes(), "damaged"),
        (lambda kept, other: sealed(kept, b'{"result": "double"}\nno object code'), None),
        (lambda kept, other: sealed(kept, asking_for_more()), None),
    ],
    ids=["empty", "half", "other bytes", "another function", "no object code", "a symbol that nobody has"],
)
def test_damaged_object_code_is_made_anew(folder, compiling, damage, words):
    """Nothing of it is run: the same numbers, said once, and a whole file afterwards."""
    natives().double(2.0)
    (other,) = files(folder, ".bin")
    natives().triple(2.0)
    (kept,) = {*files(folder, ".bin")} - {other}
    whole = kept.read_bytes()
    kept.write_bytes(damage(kept, other))
    compiling.clear()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert natives().triple(2.0) == 6.0
    assert len(compiling) == 1
    assert [words in str(x.message) for x in said] == [True] * (words is not None)
    assert kept.read_bytes() == whole
    assert natives().triple(2.0) == 6.0
    assert len(compiling) == 1


@pytest.mark.parametrize("what", ["machine_name", "fingerprint"])
def test_object_code_of_another_machine_or_build_is_not_used(folder, compiling, monkeypatch, what):
    natives().triple(2.0)
    monkeypatch.setattr(native, what, lambda: "another")
    assert natives().triple(2.0) == 6.0
    assert len(files(folder, ".bin")) == len(compiling) == 2
    # the processor and what compiles for it are in the name
    assert objects.binding.get_host_cpu_name() in objects.machine_name()
    assert objects.llvmlite_version in objects.machine_name()


FULL = """
import resource, sys
import divprune_sym as dp

resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
print(float(dp.OrderParameters.unpruned([[1.0]], [[1.0]], [[1.0]], [1.0], [1.0]).K))
print(float(dp.generalization_error([[1.0]], [1.0])))
"""


@posix
def test_where_compiled_code_cannot_be_kept_it_is_done_without(folder):
    """No file may grow beyond what the sources take, as on a disk that is nearly full."""
    ran = subprocess.run([sys.executable, "-c", FULL.format(size=3_000)], capture_output=True, text=True, check=True)
    assert float(ran.stdout.split()[-1]) == pytest.approx(1 / 6, abs=1e-15)
    assert ran.stderr.count("CacheWarning") == 1
    assert str(folder) in ran.stderr


NEW_SIZE = """
import sys
import divprune_sym as dp

dp.integrate(dp.Problem(dp.specialized_state({M}, 1, 1.0), eta=0.1), [1.0])
print("sympy" in sys.modules)
"""


def test_problems_of_another_size_need_no_sympy(folder):
    """Equations are derived once, for all sizes."""
    said = [
        subprocess.run([sys.executable, "-c", NEW_SIZE.format(M=M)], capture_output=True, check=True, text=True)
        for M in (1, 2)
    ]
    assert [process.stdout for process in said] == ["True\n", "False\n"]


def test_a_text_is_generated_once(folder):
    generator = Generator("«K» «K + M»")
    assert cached_text(RECIPE, generator).startswith("«K» «K + M»\n")
    assert cached_text(RECIPE, generator).startswith("«K» «K + M»\n")
    assert generator.calls == 1


def test_threads_wait_for_a_module_that_another_one_imports(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "cache"))
    text = "import time\n\ntime.sleep(0.2)\nlast = 1\n"
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: cached_module({"slow": True}, lambda: text).last, range(2)))
    assert found == [1, 1]
