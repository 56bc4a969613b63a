"""Open Parquet files from a path or an address."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from anatili.collect.fetch import RangedFile, Store
from anatili.collect.network import FetchError
from anatili.problem import Problem


def open_table(address: str, store: Store) -> Any:
    """The Parquet file at a path or address; only the parts that are read are fetched."""
    try:
        return pq.ParquetFile(pa.PythonFile(RangedFile(store, address), mode="r"))
    except (pa.ArrowInvalid, FileNotFoundError) as error:
        raise Problem(f"{address} is not a complete Parquet file: {error}") from error
    except FetchError as error:
        raise Problem(str(error)) from error
