"""Executes a notebook in a kernel of its own and writes what came out.

    execute.py NOTEBOOK RESULT [LAST_CELL]

Up to the cell with the id LAST_CELL, by default to the end. The kernel's folder is the notebook's, its environment this program's. Exits
with 1 and prints the traceback if a cell fails; RESULT then has the outputs of the cells before it.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

# For a machine that is busy with other things.
CELL_SECONDS = 600


async def execute(source: Path, result: Path, last: str | None) -> None:
    notebook = nbformat.read(source, as_version=4)
    if last:
        ids = [cell.id for cell in notebook.cells]
        notebook.cells = notebook.cells[: ids.index(last) + 1]
    client = NotebookClient(
        notebook, timeout=CELL_SECONDS, startup_timeout=CELL_SECONDS, resources={"metadata": {"path": str(source.parent)}}
    )
    client.create_kernel_manager()
    with tempfile.TemporaryDirectory() as folder:
        # Sockets in a folder, no TCP ports that others on the machine could reach.
        client.km.transport = "ipc"
        client.km.ip = f"{folder}/kernel"
        try:
            await client.async_execute()
        finally:
            nbformat.write(notebook, result)


def main() -> None:
    source, result, *last = sys.argv[1:]
    try:
        asyncio.run(execute(Path(source), Path(result), *(last or [None])))
    except CellExecutionError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
