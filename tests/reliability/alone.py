"""Where machines are pretended: a network, processes and a host name of one's own."""

import shutil
import subprocess

ALONE = ("unshare", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")


def no_network() -> str:
    """Return why there can be no network of one's own here; "" where there can."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return "there is no `unshare` or no `ip`"
    tried = subprocess.run([*ALONE, "ip", "link", "set", "lo", "up"], capture_output=True, text=True, check=False)
    return f"no network of one's own: {tried.stderr.strip()}" if tried.returncode else ""
