import subprocess
from pathlib import Path

import pytest

from treadle.native import build

PROGRAM = Path(__file__).with_name("sanitize.cpp")
RUNS = {
    "memory and undefined behaviour, widest vectors": ("-fsanitize=address,undefined", "-march=native"),
    "threads, narrowest vectors": ("-fsanitize=thread",),
}


@pytest.mark.parametrize(
    "flags", RUNS.values() if build.find_compiler() else [], ids=RUNS if build.find_compiler() else []
)
def test_the_kernels_run_clean_under_sanitizers(flags, tmp_path):
    sources = [str(build.SOURCES / "engine.cpp"), str(PROGRAM)]
    program = str(tmp_path / "sanitize")
    options = ["-std=c++17", "-g", "-O1", *flags, "-fno-sanitize-recover=all", "-DTREADLE_ISA=plain"]
    command = [build.find_compiler(), *options, f"-I{build.SOURCES}", *sources, "-o", program, "-lpthread"]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stderr
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stdout + done.stderr
