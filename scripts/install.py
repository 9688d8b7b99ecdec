"""Makes `.venv` and installs Batuta into it, with the exact versions of `ci/constraints.txt`.

Runs on the Python of the machine before anything is installed: only the standard library, and no syntax that
an old Python would refuse before it can be told what is wrong. `run` installs what the examples need, `test`
also what the checks and the tests need.
"""

import glob
import hashlib
import os
import shutil
import subprocess
import sys

LEAST_PYTHON = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
PROGRAMS_OF_TESTS = {
    "dockerd": "docker.io",
    "initdb": "postgresql",
    "mariadbd": "mariadb-server",
    "mosquitto": "mosquitto",
    "nats-server": "nats-server",
    "node": "nodejs",
    "rabbitmq-server": "rabbitmq-server",
    "redis-server": "redis-server",
}
"""What the tests start, and the Debian package that brings it."""

CONSTRAINTS = os.path.join(ROOT, "ci", "constraints.txt")


def main():
    """Install for the purpose named on the command line."""
    purpose = sys.argv[1] if len(sys.argv) > 1 else "run"
    if sys.version_info < LEAST_PYTHON:
        version = ".".join(map(str, sys.version_info[:3]))
        stop(
            f"Batuta needs Python 3.11 or newer, and this is {version}: "
            f"install a newer one and call `make PYTHON=python3.11 {purpose}`."
        )
    if purpose == "test":
        need_programs()
    make_venv()
    install(purpose)
    if purpose == "test":
        fetch_kafka()


def stop(sentence):
    """End with a sentence that says what to do."""
    sys.exit(sentence)


def may_install_packages():
    """This is a Debian-like machine, and we may change it."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(*packages):
    """Install Debian packages; False when that failed."""
    print("installing the Debian packages " + " ".join(packages), flush=True)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
    ):
        if subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode:
            return False
    return True


def need_programs():
    """The tests meet real servers; each of them is started by its tests, on a free port of this machine."""
    missing = [package for program, package in PROGRAMS_OF_TESTS.items() if not is_there(program)]
    if not missing or (may_install_packages() and apt_install(*missing)):
        return
    packages = " ".join(missing)
    stop(
        "The tests need programs that are not here: install them, "
        f"on Debian with `sudo apt-get install {packages}`."
    )


def is_there(program):
    """A program is on the path, or where Debian keeps servers."""
    folders = [os.environ.get("PATH", os.defpath), "/usr/sbin", *glob.glob("/usr/lib/postgresql/*/bin")]
    return shutil.which(program, path=os.pathsep.join(folders)) is not None


def make_venv():
    """Make the environment, if it is not there or does not work."""
    if os.path.exists(PYTHON) and subprocess.run([PYTHON, "-c", "import pip"], check=False).returncode == 0:
        return
    major, minor = sys.version_info[:2]
    package = f"python{major}.{minor}-venv"
    try:
        import ensurepip  # noqa: F401 - absent where Debian's package is
    except ImportError:
        if not (may_install_packages() and apt_install(package)):
            stop(f"Python's module `venv` is missing: install it with `sudo apt-get install {package}`.")
    print(f"making .venv with Python {major}.{minor}", flush=True)
    if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=False).returncode:
        stop("The environment `.venv` could not be made; the lines above say why.")


def install(purpose):
    """Install what is missing; nothing is done when nothing has changed since the last time."""
    requirements = ["-e", ROOT + "[all]"]
    if purpose == "test":
        requirements += dev_requirements()
    stamp = os.path.join(VENV, ".installed-for-" + purpose)
    state = fingerprint()
    if os.path.exists(stamp):
        with open(stamp) as file:
            if file.read() == state:
                return
    print("installing Batuta and what it needs", flush=True)
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", CONSTRAINTS]
    if subprocess.run(command + requirements, check=False).returncode:
        stop("The packages could not be installed: is the package index reachable from here?")
    # pip compiles what it copies, not what it links to. Where Python may not write bytecode by itself, every
    # start of the server would compile the sources again.
    subprocess.run([PYTHON, "-m", "compileall", "-q", os.path.join(ROOT, "src")], check=False)
    with open(stamp, "w") as file:
        file.write(state)


def fetch_kafka():
    """Fetch Kafka, which no Debian package brings, where Java and Maven are; else its tests are skipped."""
    target = os.path.join(VENV, "kafka")
    if os.path.exists(target) or not (shutil.which("java") and shutil.which("mvn")):
        return
    print("fetching Kafka for its tests", flush=True)
    project = os.path.join(ROOT, "tests", "support", "services", "kafka.xml")
    command = [
        "mvn",
        "-q",
        "-B",
        "-f",
        project,
        "dependency:copy-dependencies",
        "-DoutputDirectory=" + target,
    ]
    try:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300, check=False
        )
        fetched = done.returncode == 0
    except subprocess.TimeoutExpired:
        fetched = False
    if not fetched:
        shutil.rmtree(target, ignore_errors=True)
        print("Kafka could not be fetched: its tests at a broker are skipped", flush=True)


def dev_requirements():
    """The dependency group `dev`; the pip of Debian 12 does not know such groups."""
    import tomllib

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        requirements = tomllib.load(file)["dependency-groups"]["dev"]
    return list(requirements)


def fingerprint():
    """What the installation depends on."""
    digest = hashlib.sha256(sys.version.encode())
    for name in (
        "pyproject.toml",
        os.path.join("ci", "constraints.txt"),
        os.path.join("scripts", "install.py"),
    ):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
