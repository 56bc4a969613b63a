"""Two Ray nodes, one of them killed in the middle of a stage: the same digests as on one process."""

import json
import subprocess
import sys
import textwrap

import pytest
from conftest import contents

from anatili import stage
from anatili.pool import LocalPool
from anatili.recipe import load_recipe
from anatili.run import Run

RECIPE = """
name = "cluster"
language = "kk"
beside = ["ru", "en", "tr"]
[collect]
shard_records = 12
[[collect.sources]]
name = "sample"
path = "sample:"
"""
DRIVER = """
    import json, os, sys, threading, time
    from pathlib import Path
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    from ray.cluster_utils import Cluster
    from anatili import stage
    from anatili.pool import RayPool
    from anatili.recipe import load_recipe
    from anatili.run import Run

    recipe, folder = Path(sys.argv[1]), Path(sys.argv[2])
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    pool = RayPool(cluster.address)
    run = Run(folder)
    stage.STAGES = stage.STAGES[:5]
    seen = {"nodes": sum(node["Alive"] for node in pool.ray.nodes()), "killed after": 0}

    def kill():
        extracted = folder / "extract"
        while len(list(extracted.glob("part-*.parquet"))) < 3:
            time.sleep(0.02)
        seen["killed after"] = len(list(extracted.glob("part-*.parquet")))
        cluster.remove_node(second, allow_graceful=False)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    list(stage.carry_out(load_recipe(recipe), run, pool))
    thread.join(60)
    seen["shards"] = len(list((folder / "extract").glob("part-*.parquet")))
    end = time.monotonic() + 60
    while sum(node["Alive"] for node in pool.ray.nodes()) > 1 and time.monotonic() < end:
        time.sleep(0.2)
    seen["alive"] = sum(node["Alive"] for node in pool.ray.nodes())
    print(json.dumps(seen), flush=True)
    pool.ray.shutdown()
    cluster.shutdown()
"""


def test_a_node_killed_in_the_middle_changes_no_byte(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed")
    recipe = tmp_path / "cluster.toml"
    recipe.write_text(RECIPE, "utf-8")
    stages, stage.STAGES = stage.STAGES, stage.STAGES[:5]
    try:
        list(stage.carry_out(load_recipe(recipe), Run(tmp_path / "one"), LocalPool(1)))
    finally:
        stage.STAGES = stages
    driver = tmp_path / "driver.py"
    driver.write_text(textwrap.dedent(DRIVER), "utf-8")
    answer = subprocess.run([sys.executable, str(driver), str(recipe), str(tmp_path / "two")], capture_output=True,
                            text=True, timeout=300, check=False)  # fmt: skip
    assert answer.returncode == 0, answer.stderr[-3000:]
    seen = json.loads(next(line for line in answer.stdout.splitlines() if line.startswith("{")))
    assert (seen["nodes"], seen["alive"]) == (2, 1)
    assert 3 <= seen["killed after"] < seen["shards"], "the node was not killed in the middle of the stage"
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
