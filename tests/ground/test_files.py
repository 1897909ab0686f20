"""Files appear whole or not at all."""

import os
import stat

import pytest

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import written_aside


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_the_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "result.txt"
    with written_aside(path) as file:
        file.write(b"half")
        assert not path.exists()
        file.write(b" whole")
    assert path.read_bytes() == b"half whole"
    assert names(tmp_path) == ["result.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_an_error_the_old_file_is_still_there(tmp_path, error):
    path = tmp_path / "result.txt"
    path.write_bytes(b"old")

    def interrupted():
        with written_aside(path) as file:
            file.write(b"new, but not finis")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["result.txt"]


def test_an_existing_file_is_replaced(tmp_path):
    path = tmp_path / "result.txt"
    path.write_bytes(b"old and longer")
    with written_aside(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_permissions_are_those_of_any_new_file(tmp_path, umask):
    path = tmp_path / "result.txt"
    before = os.umask(umask)
    try:
        with written_aside(path) as file:
            file.write(b"text")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_a_folder_is_refused(tmp_path):
    with (
        pytest.raises(BadInput, match=f"^{tmp_path}: is a folder, expected a file name$"),
        written_aside(tmp_path),
    ):
        pass


@pytest.mark.parametrize("parent", ["missing", "a_file"])
def test_a_place_that_cannot_be_written_to_is_refused(tmp_path, parent):
    (tmp_path / "a_file").write_bytes(b"")
    path = tmp_path / parent / "result.txt"
    with pytest.raises(BadInput, match=f"^{path}: cannot write there"), written_aside(path):
        pass
