"""A private cluster that is stopped, damaged and started again."""

import pathlib
import shutil
import subprocess

import psycopg

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
TOOL = CHECKOUT / "pgrx-config" / "cluster.sh"
CONF = CHECKOUT / "pgrx-config" / "regress.conf"


class Cluster:
    def __init__(self, folder, bindir):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self._tool("new", "--pg", bindir, "--conf", str(CONF))

    def _tool(self, command, *args):
        done = subprocess.run([TOOL, command, self.folder, *args], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"cluster.sh {command}: {done.stderr}")
        return done.stdout.strip()

    def start(self):
        self._tool("start")

    def stop(self):
        self._tool("stop")

    def connect(self):
        socket = self._tool("socket")
        return psycopg.connect(f"host={socket} port=5432 user=postgres dbname=postgres", autocommit=True)

    def keep(self):
        """Keeps a copy of the stopped cluster's data for `restore`."""
        self._copy(self.data, self.folder / "kept")

    def restore(self):
        self._copy(self.folder / "kept", self.data)

    def forget(self):
        shutil.rmtree(self.folder / "kept", ignore_errors=True)

    @staticmethod
    def _copy(source, target):
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", source, target], check=True)

    def postmaster_pid(self):
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def crashes(self):
        """Lines of the log that tell of a process that died."""
        signs = ("terminated by signal", "terminating any other active server processes", "PANIC")
        return [line for line in self.log.read_text(errors="replace").splitlines() if any(sign in line for sign in signs)]
