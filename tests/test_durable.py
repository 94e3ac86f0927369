"""Files are old or new, whatever goes wrong."""

from __future__ import annotations

import os
import stat

import pytest

from cardos.durable import replacing, write_new


def test_new_content_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "a"
    assert path == write_new(path, b"old")
    write_new(path, b"new")
    assert b"new" == path.read_bytes()
    assert ["a"] == [entry.name for entry in tmp_path.iterdir()]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a"
    write_new(path, b"old")

    def fail():
        with replacing(path) as part:
            part.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert b"old" == path.read_bytes()
    assert ["a"] == [entry.name for entry in tmp_path.iterdir()]


def test_a_failing_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_new(path, b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_new(path, b"new")
    assert b"old" == path.read_bytes()
    assert ["a"] == [entry.name for entry in tmp_path.iterdir()]


def test_private_files_are_for_their_owner(tmp_path):
    assert 0o600 == stat.S_IMODE(write_new(tmp_path / "key", b"", private=True).stat().st_mode)


def test_without_a_way_to_sync_a_folder(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_DIRECTORY")
    assert b"x" == write_new(tmp_path / "a", b"x").read_bytes()
