"""What stands on a curve of recall and latency: a side of the server, or a peer in a process of its own."""

from typing import Protocol

import numpy as np

from datasets.dataset import DataSet
from measuring.plan import K
from server.side import Side, query_parameters, search_sql

STATEMENT = "nearest"


class Searcher(Protocol):
    """Answers the queries of one data set, one after the other."""

    name: str

    def set_ef_search(self, ef_search: int) -> None:
        """How many candidates each of the following searches keeps."""

    def find(self, count: int) -> np.ndarray:
        """The ids (count x K, -1 where missing) of the nearest rows of the first `count` queries."""

    def micros(self, count: int) -> float:
        """The mean microseconds of a query, over the first `count`."""


class SideSearcher:
    """A prepared statement with binary parameters and result."""

    def __init__(self, side: Side, data: DataSet):
        self.name = side.name
        self.side = side
        self.parameters = query_parameters(data, len(data.queries))
        side.prepare(STATEMENT, search_sql(data.metric, K))

    def set_ef_search(self, ef_search: int) -> None:
        self.side.run(f"SET hnsw.ef_search = {ef_search}")

    def find(self, count: int) -> np.ndarray:
        return self.side.execute_all(STATEMENT, self.parameters[:count], K)[0]

    def micros(self, count: int) -> float:
        return self.side.execute_all(STATEMENT, self.parameters[:count], K)[1].mean() / 1000
