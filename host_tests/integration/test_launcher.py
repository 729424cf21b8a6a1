# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""tools/charger with a firmware of a few lines: what it is started with, and how it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toolchain import interpreter
from toolchain.layout import SetupError

ROOT = Path(__file__).resolve().parents[2]

# Tells what it was started with; its last option says how it ends.
FIRMWARE = """
import gc, json, os, sys, time
import part


def start():
    value = dict(pair.split("=", 1) for pair in sys.argv if "=" in pair).get("End", "0")
    heap = gc.mem_alloc() + gc.mem_free()
    bits = 64 if sys.maxsize >> 32 else 32
    print(json.dumps({"argv": sys.argv[1:], "part": part.ORIGIN, "heap": heap, "bits": bits}))
    if value == "crash":
        part.crash()
    if value == "wait":
        print("waiting")
        time.sleep(30)
    return int(value)


if __name__ == "__main__":
    sys.exit(start())
"""
PART = """
ORIGIN = "the firmware's"


def crash():
    raise ValueError("line 6")
"""


@pytest.fixture
def project(tmp_path):
    """A project of its own with the real launcher and what set-up made, and a small firmware."""
    root = tmp_path / "project"
    shutil.copytree(ROOT / "tools" / "toolchain", root / "tools" / "toolchain")
    shutil.copy(ROOT / "tools" / "charger", root / "tools" / "charger")
    files = {"boards/sim/main.py": FIRMWARE, "boards/sim/loop_evs32a.json": "{}", "firmware/part.py": PART}
    for package in ("boards", "boards/sim"):
        if (ROOT / package / "__init__.py").exists():
            files[package + "/__init__.py"] = ""
    for name in ("boards/sim/flash.py", "hal/sim/heap.py"):
        files[name] = (ROOT / name).read_text()
    for name, text in {**files, "hal/unused.py": ""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "build").mkdir()
    for made in ("micropython32", "micropython64", "micropython.stamp", "venv"):
        if (ROOT / "build" / made).exists():
            (root / "build" / made).symlink_to(ROOT / "build" / made)
    return root


def start(project, *options, **keywords):
    return subprocess.run(
        [sys.executable, str(project / "tools" / "charger"), *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        **keywords,
    )


def told(done):
    """What the small firmware printed of itself."""
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[0])


def test_works_from_another_directory_and_passes_absolute_paths(project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "part.py").write_text("ORIGIN = 'the current directory'")
    (elsewhere / "mine.json").write_text('{"connectors": []}')
    arguments = ("--csms", "ws://127.0.0.1:9000/ocpp", "--id", "CP 1", "--data", "kept/here")
    arguments += (
        "--station",
        "mine.json",
        "--info",
        "mine.json",
        "--control",
        "4711",
        "--ticks",
        "1073741823",
        "--clock",
        "battery",
    )
    done = start(project, *arguments, "--set", "A=1", "--set", "B=x=y", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    said = told(done)
    assert said["part"] == "the firmware's"
    pairs = list(zip(said["argv"][::2], said["argv"][1::2], strict=True))
    assert dict(pairs) == {
        "--csms": "ws://127.0.0.1:9000/ocpp",
        "--id": "CP 1",
        "--data": str(elsewhere / "kept" / "here"),
        "--station": str(elsewhere / "mine.json"),
        "--info": str(elsewhere / "mine.json"),
        "--control": "4711",
        "--ticks": "1073741823",
        "--clock": "battery",
        "--set": "B=x=y",
    }
    assert ("--set", "A=1") in pairs
    assert (elsewhere / "kept" / "here").is_dir()


def test_defaults(project):
    said = told(start(project))
    given = dict(zip(said["argv"][::2], said["argv"][1::2], strict=True))
    assert given == {
        "--id": "PILOTLIGHT",
        "--data": str(project / "build" / "chargers" / "PILOTLIGHT"),
        "--station": str(project / "boards" / "sim" / "loop_evs32a.json"),
    }


def test_an_id_cannot_name_a_folder_outside(project):
    said = told(start(project, "--id", "../../x"))
    data = Path(said["argv"][said["argv"].index("--data") + 1])
    assert data.resolve().parent == project.resolve() / "build" / "chargers"


@pytest.mark.parametrize(
    ("options", "least", "most"), [((), 190_000, 205_000), (("--heap", "1M"), 1e6, 1.1e6)]
)
def test_heap(project, options, least, most):
    said = told(start(project, *options))
    scale = 2 if said["bits"] == 64 and not options else 1  # 64-bit objects are twice as large
    assert least * scale <= said["heap"] <= most * scale


def test_what_a_board_has_in_flash_comes_on_top(project):
    """Functions of the firmware, that nobody calls: a board has their tables in flash, and the same heap."""
    before = told(start(project))["heap"]
    functions = "".join("def function_%d(a, b):\n    return a + b\n\n\n" % number for number in range(500))
    (project / "hal" / "unused.py").write_text(functions)
    after = told(start(project))["heap"]
    # At least 16 bytes for its table and 4 for its name; not its object, which is the board's heap as well.
    assert 10_000 < after - before < 80_000
    (project / "hal" / "unused.py").write_text("")
    assert abs(told(start(project))["heap"] - before) < 1000


NAMES = """
import gc
from hal.sim import heap

for number in range(2300):
    getattr(gc, "own%d" % number, None)
if FILL:
    assert heap.fill_names()
largest = 0
for number in range(400):
    before = gc.mem_alloc()
    getattr(gc, "later%d" % number, None)
    largest = max(largest, gc.mem_alloc() - before)
print(largest)
"""


@pytest.mark.parametrize(("fill", "least", "most"), [(True, 0, 1000), (False, 16000, 20000)])
def test_no_pool_of_names_comes_in_the_middle_of_a_life(fill, least, most):
    """As many names as the firmware has when it has started, and what comes later."""
    micropython = interpreter.find(32)
    done = subprocess.run(
        [str(micropython.path), "-X", "heapsize=400k", "-c", NAMES.replace("FILL", str(fill))],
        cwd=ROOT,
        env={**os.environ, "MICROPYPATH": "%s:.frozen" % ROOT},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert least <= int(done.stdout) <= most


@pytest.mark.parametrize("bits", [32, 64])
def test_bits(project, bits):
    done = start(project, "--bits", str(bits))
    try:
        interpreter.find(bits)
    except SetupError:
        assert done.returncode == 2
        assert "no %d-bit MicroPython" % bits in done.stderr
    else:
        assert told(done)["bits"] == bits


@pytest.mark.parametrize("code", [0, 3, 137])
def test_the_exit_code_is_the_firmwares(project, code):
    assert start(project, "--set", "End=%d" % code).returncode == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signals_reach_the_firmware(project, number):
    command = [sys.executable, str(project / "tools" / "charger"), "--set", "End=wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        while "waiting" not in process.stdout.readline():
            pass
        process.send_signal(number)
        # A firmware process that outlives the launcher would hold the pipe open.
        assert process.communicate(timeout=10) == ("", None)
        assert process.returncode == -number


@pytest.mark.parametrize("options", [(), ("--source",)])
def test_a_traceback_names_file_and_line_of_the_source(project, options):
    done = start(project, *options, "--set", "End=crash")
    assert done.returncode == 1
    assert 'firmware/part.py", line 6, in crash' in done.stdout + done.stderr


def test_changed_and_removed_files_are_seen(project):
    assert told(start(project))["part"] == "the firmware's"
    source = project / "firmware" / "part.py"
    before = source.stat()
    source.write_text("ORIGIN = 'new'\n")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns - 10**12))  # a checkout of an older version
    assert told(start(project))["part"] == "new"
    source.unlink()
    done = start(project)
    assert done.returncode == 1
    assert "ImportError" in done.stdout + done.stderr


def test_a_launcher_that_died_while_compiling_does_no_harm(project):
    assert told(start(project))["part"] == "the firmware's"
    image = (project / "build" / "firmware.romfs").read_bytes()
    (project / "firmware" / "part.py").write_text("ORIGIN = 'new'\n")
    obstacle = project / "build" / "firmware.new"
    obstacle.mkdir()  # the image cannot be written after the module was compiled
    assert start(project).returncode == 1
    assert (project / "build" / "firmware.romfs").read_bytes() == image
    obstacle.rmdir()
    assert told(start(project))["part"] == "new"


def test_several_at_once_on_a_cold_cache(project):
    command = [sys.executable, str(project / "tools" / "charger"), "--set", "End=3"]
    several = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(6)]
    assert [process.wait(30) for process in several] == [3] * 6
    assert not list((project / "build").rglob("*.new"))


def test_a_file_that_does_not_compile_is_named(project):
    (project / "firmware" / "broken.py").write_text("def f(:\n")
    done = start(project)
    assert done.returncode == 2
    assert "firmware/broken.py does not compile" in done.stderr
    assert "SyntaxError" in done.stderr


WRONG = {
    ("--colour", "red"): "unrecognized arguments: --colour red",
    ("--csms", "http://127.0.0.1/"): "not a ws:// or wss:// address",
    ("--csms", "ws://"): "not a ws:// or wss:// address",
    ("--csms", "ws://host:99999/"): "not a ws:// or wss:// address",
    ("--id", ""): "the id of a charge point is not empty",
    ("--set", "HeartbeatInterval"): "not of the form Key=Value",
    ("--control", "0"): "not a port number",
    ("--web", "70000"): "not a port number",
    ("--heap", "lots"): "not a heap size",
    ("--bits", "16"): "invalid choice",
    ("--clock", "atomic"): "invalid choice",
    ("--ticks", "1073741824"): "not a tick count below 2**30",
    ("--station", "absent.json"): "absent.json: No such file or directory",
    ("--info", "list.json"): "does not hold a JSON object",
    ("--info", "text.json"): "text.json is not JSON",
}


@pytest.mark.parametrize("options", WRONG)
def test_wrong_options_are_refused_with_a_reason(project, tmp_path, options):
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "text.json").write_text("{")
    done = start(project, *options, cwd=tmp_path)
    assert done.returncode == 2
    assert WRONG[options] in done.stderr
    assert not done.stdout


def test_data_that_cannot_be_created(project, tmp_path):
    (tmp_path / "file").write_text("")
    done = start(project, "--data", str(tmp_path / "file" / "sub"))
    assert done.returncode == 2
    assert "--data %s: Not a directory." % (tmp_path / "file" / "sub") in done.stderr


def test_without_set_up_it_says_what_to_do(project):
    shutil.rmtree(project / "build")
    done = start(project)
    assert done.returncode == 2
    assert done.stderr == 'charger: MicroPython is not set up: run "make setup" first.\n'


def as_on_another_system(project):
    """As set-up leaves it where there is no apt."""
    for made in ("micropython32", "micropython64", "micropython.stamp"):
        (project / "build" / made).unlink(missing_ok=True)
    (project / "build" / "micropython.stamp").write_text("PATH: there is no apt on this machine\n")


def test_without_any_micropython_one_sentence_says_what_to_install(project, tmp_path):
    as_on_another_system(project)
    done = start(project, env={"PATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr.startswith("charger: MicroPython 1.24 or newer is needed: install it")
    assert done.stderr.count("\n") == 1


def micropython_on_path(tmp_path, version="1.25"):
    """A folder whose `micropython` is the real one, or one that says it is of another version."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = '#!/bin/sh\nexec "%s" "$@"\n' % interpreter.find().path
    if version != "1.25":
        script = "#!/bin/sh\necho micropython %s 64 1798\n" % version.replace(".", " ")
    (folder / "micropython").write_text(script)
    (folder / "micropython").chmod(0o755)
    return folder


def test_micropython_on_path_is_used_elsewhere(project, tmp_path):
    as_on_another_system(project)
    folder = micropython_on_path(tmp_path)
    done = start(project, "--set", "End=3", env={"PATH": "%s:/usr/bin:/bin" % folder})
    assert done.returncode == 3, done.stderr


def test_an_old_micropython_on_path_is_not(project, tmp_path):
    as_on_another_system(project)
    folder = micropython_on_path(tmp_path, "1.22")
    done = start(project, env={"PATH": "%s:/usr/bin:/bin" % folder})
    assert done.returncode == 2
    assert "MicroPython 1.24 or newer is needed" in done.stderr


def test_the_named_micropython_comes_first(project, tmp_path):
    environment = {**os.environ, "PILOTLIGHT_MICROPYTHON": str(tmp_path / "absent")}
    done = start(project, env=environment)
    assert done.returncode == 2
    assert "absent is not a MicroPython 1.24 or newer" in done.stderr
    shutil.rmtree(project / "build" / "chargers", ignore_errors=True)
    as_on_another_system(project)
    environment["PILOTLIGHT_MICROPYTHON"] = str(micropython_on_path(tmp_path) / "micropython")
    assert start(project, "--set", "End=3", env=environment).returncode == 3


def test_starting_takes_little_time(project):
    start(project)
    began = time.monotonic()
    assert start(project).returncode == 0
    assert time.monotonic() - began < 2
