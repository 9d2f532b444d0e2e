"""Videos through kiln.vision and the commands, with the program ffmpeg where it is installed; what happens without it
in any case."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
import kiln  # noqa: E402
import kiln.vision  # noqa: E402
import small_networks  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))
FFMPEG = os.environ.get("KILN_FFMPEG", "ffmpeg")
needs_ffmpeg = pytest.mark.skipif(shutil.which(FFMPEG) is None, reason="no ffmpeg (Debian's package of that name)")
COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (210, 200, 60)]


def frames():
    for colour in COLOURS:
        yield np.full((48, 65, 3), colour, np.uint8)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "colours.mp4"
    with kiln.vision.VideoWriter(path, 5) as writer:
        for frame in frames():
            writer.add(frame)
    return path


def run_kiln(*arguments, **variables):
    return subprocess.run([KILN, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **variables})


@needs_ffmpeg
def test_frames_come_back(video):
    read = kiln.vision.Video(video)
    assert read.frames_per_second == pytest.approx(5)
    assert read.expected_frames == len(COLOURS)
    found = list(read)
    assert len(found) == len(COLOURS)
    for frame, colour in zip(found, COLOURS):
        # Sides are even in most codecs.
        assert frame.shape == (48, 66, 3)
        assert np.abs(frame[:, :64].astype(int) - colour).max() <= 12
    assert list(read) == []


@needs_ffmpeg
def test_commands_take_videos(video, tmp_path):
    model = small_networks.mean_colours(tmp_path / "mean.onnx")
    drawn = tmp_path / "drawn.mkv"
    done = run_kiln("classify", model, video, "--json", "-o", drawn, "--mean", "0,0,0", "--deviation", "1,1,1")
    assert done.returncode == 0, done.stderr
    entries = json.loads(done.stdout)
    assert [entry["frame"] for entry in entries] == list(range(len(COLOURS)))
    assert [entry["classes"][0]["name"] for entry in entries[:3]] == ["red", "green", "blue"]
    assert len(list(kiln.vision.Video(drawn))) == len(COLOURS)
    plain = run_kiln("classify", model, video).stdout
    assert "frame 3" in plain
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(video, folder)
    kiln.vision.save_picture(next(frames()), folder / "a.png")
    done = run_kiln("classify", model, folder, "--json", "-o", tmp_path / "out")
    assert done.returncode == 0 and len(json.loads(done.stdout)) == 1 + len(COLOURS)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "colours.mp4"]


@needs_ffmpeg
def test_what_is_no_video(video, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video" * 100)
    with pytest.raises(kiln.Error, match="cannot be read"):
        kiln.vision.Video(broken)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(video.read_bytes()[:200])
    with pytest.raises(kiln.Error, match="cannot be read|no frames"):
        list(kiln.vision.Video(cut))
    writer = kiln.vision.VideoWriter(tmp_path / "absent" / "out.mp4", 5)
    with pytest.raises(kiln.Error, match="cannot be written"):
        for frame in [*frames()] * 50:
            writer.add(frame)
        writer.finish()
    sizes = kiln.vision.VideoWriter(tmp_path / "sizes.mp4", 5)
    sizes.add(next(frames()))
    with pytest.raises(kiln.Error, match="65 x 48"):
        sizes.add(np.zeros((10, 10, 3), np.uint8))


def test_without_ffmpeg(tmp_path):
    model = small_networks.mean_colours(tmp_path / "mean.onnx")
    path = tmp_path / "some.mp4"
    path.write_bytes(b"nothing")
    done = run_kiln("classify", model, path, KILN_FFMPEG="/absent/ffmpeg")
    assert done.returncode == 1 and "/absent/ffmpeg" in done.stderr and "package ffmpeg" in done.stderr
    with pytest.raises(kiln.Error, match="no file"):
        kiln.vision.Video(tmp_path / "absent.mp4")
