"""The PostgreSQL server under measurement: its programs, its socket, and a restart with other settings or cold caches."""

import os
import subprocess
from pathlib import Path

import psycopg

CLUSTER = Path(__file__).resolve().parents[3] / "pgrx-config" / "cluster.sh"


class Server:
    """A private cluster made by pgrx-config/cluster.sh; nothing here can reach another one."""

    def __init__(self, cluster: Path):
        self.cluster = cluster
        self.bin = Path((cluster / "bin_dir").read_text().strip())
        self.socket = self.control("socket")

    def control(self, command: str) -> str:
        return subprocess.run([str(CLUSTER), command, str(self.cluster)], check=True, capture_output=True, text=True).stdout

    def restart(self, shared_buffers: str | None = None, is_cold: bool = False) -> None:
        """Ends all connections. `shared_buffers` None is what bench.conf says; `is_cold` leaves none of its files cached."""
        with psycopg.connect(host=self.socket, user="postgres", dbname="postgres", autocommit=True) as admin:
            admin.execute("ALTER SYSTEM RESET ALL")
            if shared_buffers:
                admin.execute(f"ALTER SYSTEM SET shared_buffers = '{shared_buffers}'")
        self.control("stop")
        if is_cold:
            self.drop_cached_files()
        self.control("start")

    def drop_cached_files(self) -> None:
        """Asks the system to forget this cluster's files; the shutdown checkpoint has written them. Others keep their cache."""
        for path in (self.cluster / "data" / "base").rglob("*"):
            if path.is_file():
                file = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(file)
                    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(file)
