"""Absent for anatili in the processes that tests start, as where people install it: pyarrow loads pandas where it finds
it, which takes each process up to half a second. Whoever else asks for it gets the library.
"""

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path

asking = sys._getframe(1)
while asking.f_back and asking.f_code.co_filename.startswith("<frozen importlib"):
    asking = asking.f_back
if asking.f_globals.get("__name__", "").partition(".")[0] in ("anatili", "pyarrow"):
    raise ImportError("pandas is left out")
spec = PathFinder.find_spec(__name__, [place for place in sys.path if Path(place) != Path(__file__).parent])
if spec is None or spec.loader is None:
    raise ImportError("pandas is not installed")
library = importlib.util.module_from_spec(spec)
sys.modules[__name__] = library
spec.loader.exec_module(library)
