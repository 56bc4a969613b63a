"""A launcher as `torchrun` is: two processes that train together, forked from this one, which has loaded torch.

python tests/launcher.py -m MODULE ARGUMENT
"""

import importlib
import os
import runpy
import socket
import sys

from forking import LOADED

NUMBER = 2


def main(module: str, arguments: list[str]) -> int:
    """Run the module in each process; the status is the highest of theirs."""
    for name in LOADED:
        importlib.import_module(name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {
        "WORLD_SIZE": str(NUMBER),
        "LOCAL_WORLD_SIZE": str(NUMBER),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    workers = []
    for rank in range(NUMBER):
        worker = os.fork()
        if not worker:
            os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            sys.argv[1:] = arguments
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            return 0
        workers.append(worker)
    return max(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[2], sys.argv[3:]))
