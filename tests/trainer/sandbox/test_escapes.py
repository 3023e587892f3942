"""Samples that want out of their process: each tries all it can think of and says whether anything worked.

The tests pass where it did, so that a verdict that is not `passed` is a fence that held; what could be harmed
is looked at as well.
"""

import contextlib
import os
import platform
import socket
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from trainer.sandbox.limits import Limits
from trainer.sandbox.sandbox import Sandbox, Verdict

ESCAPED = "assert escape() is True"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the whole fence is Linux's")

TRIES = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
worked = []
def tries(name, attempt):
    try:
        done = attempt()
    except Exception:
        return
    worked.append(name)
def calls(name, *arguments):
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if libc.syscall(*words) >= 0:
        worked.append(name)
def said():
    print('worked:', worked)
    return bool(worked)
"""


def escape(sandbox: Sandbox, limits: Limits, body: str) -> Verdict:
    return sandbox.run(TRIES + body, ESCAPED, entry_point="escape", limits=limits)


def assert_held(verdict: Verdict) -> None:
    assert verdict.outcome == "failed", verdict
    assert verdict.stdout == "worked: []\n"


@pytest.fixture
def precious(tmp_path: Path) -> Iterator[Path]:
    """A file of the person's; afterwards it is as it was, and alone in its folder."""
    file = tmp_path / "precious.txt"
    file.write_text("precious")
    file.chmod(0o640)
    before = file.stat()
    yield file
    after = file.stat()
    assert file.read_text() == "precious"
    assert [*tmp_path.iterdir()] == [file]
    assert (after.st_mode, after.st_mtime_ns, after.st_nlink) == (before.st_mode, before.st_mtime_ns, 1)
    assert after.st_uid == before.st_uid


def test_files_outside_cannot_be_read(fenced: Sandbox, quick: Limits, precious: Path) -> None:
    body = f"""
import io, pathlib, posix, shutil, sqlite3, mmap
path = {str(precious)!r}
def escape():
    for file in (path, '/etc/passwd', '/proc/self/environ', '/proc/self/mem', '/proc/self/maps',
                 '/proc/1/environ', '/dev/mem', '/dev/kmsg', '/dev/shm', '/dev/pts/0', '/dev/tty',
                 '/proc/self/fd/1', '/sys/kernel/uevent_seqnum'):
        tries('open ' + file, lambda: open(file).close())
        tries('io.open ' + file, lambda: io.open(file, 'rb').close())
        tries('posix.open ' + file, lambda: posix.open(file, posix.O_RDONLY))
        tries('O_RDWR ' + file, lambda: os.open(file, os.O_RDWR))
        tries('pathlib ' + file, lambda: pathlib.Path(file).read_bytes())
        tries('copy ' + file, lambda: shutil.copyfile(file, 'copy'))
    for folder in ('/', '/tmp', '/home', '/root', os.path.dirname(path), '..', '/proc', '/dev', '/dev/fd'):
        tries('list ' + folder, lambda: os.listdir(folder))
    tries('database', lambda: sqlite3.connect(path).execute('pragma user_version'))
    calls('open', 2, path.encode(), 0)
    calls('openat2', 437, -100, path.encode(), bytes(24), 24)
    calls('name_to_handle_at', 303, -100, path.encode(), bytes(200), bytes(8), 0)
    calls('open_by_handle_at', 304, -100, bytes(200), 0)
    calls('memfd_secret', 447, 0)
    return said()
"""
    assert_held(escape(fenced, quick, body))


def test_files_outside_cannot_be_changed(fenced: Sandbox, quick: Limits, precious: Path) -> None:
    body = f"""
import pathlib, posix, shutil
path = {str(precious)!r}
folder = os.path.dirname(path)
def escape():
    tries('write', lambda: open(path, 'w'))
    tries('append', lambda: open(path, 'a'))
    tries('pathlib', lambda: pathlib.Path(path).write_text(''))
    tries('cut while reading', lambda: os.open(path, os.O_RDONLY | os.O_TRUNC))
    tries('truncate', lambda: os.truncate(path, 0))
    tries('unlink', lambda: posix.unlink(path))
    tries('rename', lambda: os.rename(path, path + '2'))
    tries('move in', lambda: os.rename(path, 'mine'))
    tries('link in', lambda: os.link(path, 'mine'))
    tries('new file', lambda: open(folder + '/new', 'w'))
    tries('new folder', lambda: os.mkdir(folder + '/new'))
    tries('new link', lambda: os.symlink('/', folder + '/new'))
    tries('new pipe', lambda: os.mkfifo(folder + '/new'))
    tries('new device', lambda: os.mknod(folder + '/new'))
    tries('attribute', lambda: os.setxattr(path, 'user.x', b'1'))
    tries('out of the folder', lambda: (open('a', 'w').close(), os.rename('a', folder + '/a')))
    tries('link out', lambda: os.link('a', folder + '/a'))
    tries('temporary', lambda: open({str(precious.parent.parent / "of-a-sample")!r}, 'w'))
    tries('library', lambda: open(os.__file__, 'a'))
    calls('open to write', 2, path.encode(), 1)
    calls('creat', 85, path.encode(), 0o600)
    calls('truncate', 76, path.encode(), 0)
    for name in ('chmod', 'chown', 'utime'):  # said to be done, and not done
        getattr(os, name)(path, *{{'chmod': (0o777,), 'chown': (1, 1), 'utime': ((1, 1),)}}[name])
    return said()
"""
    assert_held(escape(fenced, quick, body))
    assert not (precious.parent.parent / "of-a-sample").exists()


def test_the_home_folder_is_out_of_reach(fenced: Sandbox, quick: Limits, precious: Path) -> None:
    """Whatever a sample takes for it: what the system says, what the environment says, what a shell would."""
    body = f"""
import io, pathlib, posix, pwd
home, name = {str(precious.parent)!r}, {precious.name!r}
def escape():
    homes = {{home, os.path.expanduser('~root'), pwd.getpwuid(os.getuid()).pw_dir}} - {{'/', ''}}
    for folder in homes:
        tries('list ' + folder, lambda: os.listdir(folder))
        tries('write ' + folder, lambda: io.open(folder + '/new', 'w'))
        tries('posix write ' + folder, lambda: posix.open(folder + '/new', os.O_WRONLY | os.O_CREAT))
        tries('startup file ' + folder, lambda: pathlib.Path(folder, '.bashrc').open('a'))
        tries('key ' + folder, lambda: pathlib.Path(folder, '.ssh', 'authorized_keys').read_text())
    tries('read', lambda: io.open(os.path.join(home, name)).read())
    own = pathlib.Path.home()
    if own != pathlib.Path.cwd():
        worked.append(('home', str(own)))
    return said()
"""
    assert_held(escape(fenced, quick, body))


def test_links_lead_nowhere(fenced: Sandbox, quick: Limits, precious: Path) -> None:
    body = f"""
path = {str(precious)!r}
def escape():
    os.symlink(path, 'file')
    os.symlink(os.path.dirname(path), 'folder')
    os.symlink('/proc/self/root', 'root')
    os.symlink('../' * 20, 'up')
    for name in ('file', 'folder/precious.txt', 'root' + path, 'up' + path):
        tries('read ' + name, lambda: open(name).read())
        tries('write ' + name, lambda: open(name, 'w'))
        tries('cut ' + name, lambda: os.open(name, os.O_TRUNC))
    os.chdir('/')
    tries('from the top', lambda: open(path.lstrip('/')).read())
    return said()
"""
    assert_held(escape(fenced, quick, body))


def test_tests_are_not_led_out_by_links_either(fenced: Sandbox, quick: Limits, precious: Path) -> None:
    sample = f"import os\ndef write(name):\n    os.symlink({str(precious)!r}, name)"
    tests = "write('report.txt')\nassert open('report.txt').read() == 'precious'"
    verdict = fenced.run(sample, tests, entry_point="write", limits=quick)
    assert verdict.outcome == "failed"
    assert "PermissionError" in verdict.message


def test_no_network(fenced: Sandbox, quick: Limits, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        local = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        local.bind(str(tmp_path / "socket"))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0smallcoder-{os.getpid()}")
        abstract.listen()
        body = f"""
import socket, urllib.request
def escape():
    tries('tcp', lambda: socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2))
    url = 'http://127.0.0.1:{server.getsockname()[1]}'
    tries('web', lambda: urllib.request.urlopen(url, timeout=2))
    tries('name', lambda: socket.getaddrinfo('example.org', 80))
    for family in range(46):
        for kind in (1, 2, 3, 5):
            tries(f'socket {{family}} {{kind}}', lambda: socket.socket(family, kind))
    tries('abstract', lambda: socket.socket(socket.AF_UNIX).connect('\\0smallcoder-{os.getpid()}'))
    tries('pair', lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(
        b'x', {str(tmp_path / "socket")!r}))
    tries('stream', lambda: socket.socketpair()[0].sendto(b'x', {str(tmp_path / "socket")!r}))
    calls('connect', 42, 0, bytes(16), 16)
    calls('io_uring_setup', 425, 8, bytes(120))
    return said()
"""
        assert_held(escape(fenced, quick, body))
        local.setblocking(False)
        with pytest.raises(BlockingIOError):
            local.recv(1)


def test_other_processes_are_out_of_reach(fenced: Sandbox, quick: Limits) -> None:
    """Ours and the template's: signals, memory, limits, files, and signals that a file is made to send."""
    others = [os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))]
    body = f"""
import fcntl, resource, signal
def escape():
    for process in {others} + [os.getppid(), 1, 0, -1, os.getpid() + 1, os.getpid() + 2]:
        if process != os.getpid():
            tries(f'kill {{process}}', lambda: os.kill(process, 0))
            tries(f'end {{process}}', lambda: os.kill(process, signal.SIGKILL))
            tries(f'limits {{process}}', lambda: resource.prlimit(process or -1, resource.RLIMIT_AS))
            calls(f'tkill {{process}}', 200, process, 9)
            calls(f'tgkill {{process}}', 234, process, process, 9)
            calls(f'rt_sigqueueinfo {{process}}', 129, process, 9, bytes(128))
            calls(f'pidfd {{process}}', 434, process, 0)
            calls(f'ptrace {{process}}', 101, 16, process, 0, 0)
            calls(f'readv {{process}}', 310, process, bytes(16), 1, bytes(16), 1, 0)
            calls(f'writev {{process}}', 311, process, bytes(16), 1, bytes(16), 1, 0)
            calls(f'kcmp {{process}}', 312, process, process, 0, 0, 0)
            calls(f'setpriority {{process}}', 141, 0, process, 19)
            calls(f'setaffinity {{process}}', 203, process, 8, b'\\1' + bytes(7))
            calls(f'migrate {{process}}', 256, process, 8, bytes(8), bytes(8))
            tries(f'memory {{process}}', lambda: open(f'/proc/{{process}}/mem', 'rb'))
            tries(f'files {{process}}', lambda: os.listdir(f'/proc/{{process}}/fd'))
            tries(f'root {{process}}', lambda: os.listdir(f'/proc/{{process}}/root/'))
            tries(f'owner {{process}}', lambda: fcntl.fcntl(4, 8, process))
    tries('signal of a file', lambda: fcntl.fcntl(4, 10, 9))
    tries('lease', lambda: fcntl.fcntl(4, 1024, 0))
    calls('trace me', 101, 0, 0, 0, 0)
    calls('die with nobody', 157, 1, 0, 0, 0, 0)
    calls('be dumped', 157, 4, 1, 0, 0, 0)
    calls('be traced', 157, 0x59616d61, -1, 0, 0, 0)
    return said()
"""
    assert_held(escape(fenced, quick, body))
    assert all(psutil.pid_exists(process) for process in others)


KERNEL_CALLS = {
    **{
        "unshare": (272, 0x10000000),
        "setns": (308, 0, 0),
        "mount": (165, 0, 0, 0, 0, 0),
        "umount2": (166, 0, 2),
    },
    **{"chroot": (161, 0), "pivot_root": (155, 0, 0), "fsopen": (430, 0, 0), "open_tree": (428, -100, 0, 0)},
    **{"move_mount": (429, 0, 0, 0, 0, 0), "mount_setattr": (442, 0, 0, 0, 0, 0), "swapon": (167, 0, 0)},
    **{"bpf": (321, 0, 0, 0), "perf_event_open": (298, 0, 0, 0, 0, 0), "userfaultfd": (323, 0)},
    **{"keyctl": (250, 0, 0, 0, 0, 0), "add_key": (248, 0, 0, 0, 0, 0), "request_key": (249, 0, 0, 0, 0)},
    **{
        "io_uring_enter": (426, 0, 0, 0, 0, 0),
        "io_uring_register": (427, 0, 0, 0, 0),
        "seccomp": (317, 0, 0, 0),
    },
    **{"shmget": (29, 0, 4096, 0o1600), "shmat": (30, 0, 0, 0), "semget": (64, 0, 1, 0o1600)},
    **{"msgget": (68, 0, 0o1600), "mq_open": (240, 0, 0o102, 0o600, 0), "memfd_create": (319, 0, 0)},
    **{"init_module": (175, 0, 0, 0), "finit_module": (313, 0, 0, 0), "kexec_load": (246, 0, 0, 0, 0)},
    **{
        "reboot": (169, 0xFEE1DEAD, 672274793, 0x89ABCDEF, 0),
        "sethostname": (170, 0, 0),
        "syslog": (103, 10, 0, 0),
    },
    **{"ioperm": (173, 0, 1, 1), "iopl": (172, 3), "personality": (135, 0x40000), "acct": (163, 0)},
    **{"setuid": (105, 0), "setgid": (106, 0), "setgroups": (116, 0, 0), "setreuid": (113, 0, 0)},
    **{"capset": (126, 0, 0), "setsid": (112,), "setpgid": (109, 0, 0), "vhangup": (153,)},
    **{
        "fanotify_init": (300, 0, 0),
        "inotify_init1": (294, 0),
        "settimeofday": (164, 0, 0),
        "quotactl": (179, 0),
    },
    **{"modify_ldt": (154, 0, 0, 0), "clock_settime": (227, 0, 0), "lookup_dcookie": (212, 0, 0, 0)},
    **{
        "process_madvise": (440, 0, 0, 0, 0, 0),
        "pidfd_getfd": (438, 0, 0, 0),
        "landlock_add_rule": (445, 0, 0, 0, 0),
    },
    **{"splice": (275, 0, 0, 0, 0, 0, 0), "vmsplice": (278, 0, 0, 0, 0), "tee": (276, 0, 0, 0, 0)},
    **{
        "a call of the future": (600, 0),
        "bind": (49, 0, 0, 0),
        "listen": (50, 0, 0),
        "accept4": (288, 0, 0, 0, 0),
    },
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are of one processor")
def test_the_kernel_answers_no_other_calls(fenced: Sandbox, quick: Limits) -> None:
    """Refused by the filter, not for their arguments."""
    body = f"""
import errno
def escape():
    for name, arguments in {KERNEL_CALLS}.items():
        words = [ctypes.c_long(a) for a in arguments]
        libc.syscall(*words)
        if ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
            worked.append((name, ctypes.get_errno()))
    return said()
"""
    assert_held(escape(fenced, quick, body))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are of one processor")
def test_no_second_process(fenced: Sandbox, quick: Limits) -> None:
    body = """
import multiprocessing, posix, pty, signal, subprocess, _posixsubprocess
def escape():
    for _ in range(100):
        tries('fork', os.fork)
    tries('forkpty', pty.fork)
    tries('spawn', lambda: posix.posix_spawn('/bin/true', ['true'], {}))
    tries('run', lambda: subprocess.run(['/bin/true']))
    tries('multiprocessing', lambda: multiprocessing.Process(target=print).start())
    tries('exec', lambda: os.execv('/bin/true', ['true']))
    worked.extend(['system'] if os.system('touch made') == 0 or os.path.exists('made') else [])
    worked.extend(['libc system'] if libc.system(b'touch made') == 0 else [])
    calls('fork', 57)
    calls('vfork', 58)
    calls('clone', 56, int(signal.SIGCHLD), 0, 0, 0, 0)
    calls('clone in a namespace', 56, 0x10000000 | int(signal.SIGCHLD), 0, 0, 0, 0)
    calls('clone3', 435, bytes(88), 88)
    calls('execve', 59, b'/bin/true', 0, 0)
    calls('execveat', 322, -100, b'/bin/true', 0, 0, 0)
    return said()
"""
    assert_held(escape(fenced, quick, body))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="machine code of one processor")
@pytest.mark.parametrize("way", ["the 32-bit gate", "the x32 numbers"])
def test_other_ways_into_the_kernel_are_deadly(fenced: Sandbox, quick: Limits, way: str) -> None:
    gate = """
import mmap
def escape():
    code = mmap.mmap(-1, 4096, prot=7)
    code.write(bytes([0xB8, 2, 0, 0, 0, 0xCD, 0x80, 0xC3]))  # fork, by int 0x80
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
    return True
"""
    x32 = "def escape():\n    libc.syscall(ctypes.c_long(0x40000000 | 57))\n    return True"
    verdict = escape(fenced, quick, gate if "32-bit" in way else x32)
    assert verdict.outcome == "killed"
    assert "-31" in verdict.message  # SIGSYS


def test_only_its_own_files_are_open(fenced: Sandbox, quick: Limits) -> None:
    """Nothing, the output twice, the sample's text, and two pipes; no way to us or to the template."""
    body = """
import stat
def escape():
    for file in range(256):
        try:
            kind = os.fstat(file).st_mode
        except OSError:
            continue
        wanted = {0: stat.S_ISCHR, 4: stat.S_ISFIFO, 5: stat.S_ISFIFO, 6: stat.S_ISREG}
        if file > 6 or not wanted.get(file, stat.S_ISREG)(kind):
            worked.append((file, oct(kind)))
    return said()
"""
    assert_held(escape(fenced, quick, body))


def test_the_environment_is_empty(sandbox: Sandbox, quick: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    body = """
def escape():
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, 'environ')
    seen, place = dict(os.environ), 0
    while environ[place]:
        name, _, value = environ[place].decode().partition('=')
        seen[name] = value
        place += 1
    worked.extend(name for name in seen if name not in ('HOME', 'TMPDIR'))
    worked.extend(name for name in ('HOME', 'TMPDIR') if seen[name] != os.getcwd())
    return said()
"""
    assert_held(escape(sandbox, quick, body))


def test_tests_and_answers_are_not_in_reach(fenced: Sandbox, quick: Limits) -> None:
    """Neither in objects and frames nor anywhere in memory, which is read through a pipe that skips holes.

    That the search finds what is there is seen by a text of the sample's own.
    """
    sample = """
import ctypes, gc, os, sys
def needle(start):
    return (start + '-needle-').encode() + b'0815'
mine = needle('hay')
def escape():
    libc = ctypes.CDLL(None, use_errno=True)
    hears, says = os.pipe()
    os.set_blocking(says, False)
    places = [id(gc), id(mine), id(sys._getframe()), id([]), id('x' * 1000), id({})]
    libc.sbrk.restype = ctypes.c_long
    places.append(libc.sbrk(0))
    pages = {page for place in places for page in range((place >> 12) - 4000, (place >> 12) + 4000)}
    found, before = set(), b''
    for page in sorted(pages):
        if libc.write(says, ctypes.c_void_p(page << 12), ctypes.c_size_t(4096)) == 4096:
            text = os.read(hears, 4096)
            for start in ('hay', 'secret'):
                if needle(start) in before[-64:] + text:
                    found.add(start)
            before = text
    seen = [repr(thing)[:10000] for thing in gc.get_objects() if isinstance(thing, (str, dict, list, tuple))]
    frame = sys._getframe()
    while frame:
        seen += [repr(frame.f_locals)[:10000]]
        frame = frame.f_back
    if any(needle('secret').decode() in text for text in seen):
        found.add('objects')
    return sorted(found)
"""
    tests = "expected = 'secret' + '-needle-0815'\nhidden = 'secret-needle-0815'\nassert escape() == ['hay']"
    verdict = fenced.run(sample, tests, entry_point="escape", limits=quick)
    assert verdict.passed, verdict


def test_answers_on_disk_are_not_in_reach(fenced: Sandbox, quick: Limits) -> None:
    """Our own package, with the tasks and their answers beside it, cannot be read, nor imported anew."""
    here = Path(__file__).resolve()
    body = f"""
import importlib
def escape():
    for path in {[str(here), str(here.parents[3] / "trainer/sandbox/judge.py"), str(here.parents[3])]}:
        tries('read ' + path, lambda: os.listdir(path) if os.path.isdir(path) else open(path).read())
    tries('import', lambda: importlib.import_module('trainer.bench.tasks'))
    return said()
"""
    assert_held(escape(fenced, quick, body))


def test_nothing_is_left_for_the_next_sample(fenced: Sandbox, quick: Limits) -> None:
    leaves = """
import builtins, json, os, sys, tempfile
def f():
    open('left', 'w').write('x')
    builtins.left = json.left = sys.left = os.environ['LEFT'] = 'x'
    sys.path.insert(0, os.getcwd())
    return os.getcwd()
"""
    looks = """
import builtins, json, os, sys
def f():
    names = [hasattr(place, 'left') for place in (builtins, json, sys)]
    return [os.path.exists('left'), 'LEFT' in os.environ, os.getcwd() in sys.path, *names]
"""
    assert fenced.run(leaves, "assert candidate()", entry_point="f", limits=quick).passed
    verdict = fenced.run(looks, "assert candidate() == [False] * 6", entry_point="f", limits=quick)
    assert verdict.passed, verdict


def test_no_process_outlives_its_sample(fenced: Sandbox, quick: Limits) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    sample = """
import threading, time
def spin():
    while True:
        time.sleep(0.001)
def f(x):
    for _ in range(4):
        threading.Thread(target=spin).start()
    return x * x
"""
    verdict = fenced.run(sample, "assert f(2) == 4", entry_point="f", limits=quick)
    assert verdict.passed
    assert verdict.seconds < quick.seconds / 2
    assert {child.pid for child in psutil.Process().children(recursive=True)} == before


def test_folders_and_temporary_files_go_away(
    quick: Limits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # the usual one has other programs' too
    with Sandbox() as own:
        if own.confinement.missing:
            pytest.skip("not here")
        sample = "import os\ndef f():\n    os.makedirs('a/' * 500)\n    return open('b', 'w').write('x')"
        assert own.run(sample, "assert f() == 1", entry_point="f", limits=quick).passed
        [mine] = tmp_path.glob("smallcoder-*")
        assert stat.S_IMODE(mine.stat().st_mode) == 0o700
        assert len([*mine.iterdir()]) == 1
    assert not [*tmp_path.iterdir()]


def test_several_at_once_do_not_meet(fenced: Sandbox, quick: Limits) -> None:
    """Each sees its own folder alone, and gets its own verdict."""
    sample = """
import os, time
def f(x):
    open(f'mine-{x}', 'w').write(str(x))
    time.sleep(0.2)
    return os.listdir('.'), [name for name in os.listdir('.') if open(name).read() != str(x)]
"""
    verdicts: dict[int, Verdict] = {}

    def run(number: int) -> None:
        tests = f"assert f({number}) == (['mine-{number}'], [])"
        verdicts[number] = fenced.run(sample, tests, entry_point="f", limits=quick)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [verdicts[number].outcome for number in range(4)] == ["passed"] * 4


def test_when_we_are_killed_everything_ends(tmp_path: Path) -> None:
    """By SIGKILL, in the middle of a sample that would run on."""
    import subprocess

    program = """
import sys
from trainer.sandbox.sandbox import Sandbox
from trainer.sandbox.limits import Limits
with Sandbox() as sandbox:
    print(sandbox.confinement.missing, flush=True)
    sandbox.run("while True: pass", "f()", limits=Limits(seconds=60))
"""
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        until = time.monotonic() + 20
        started: list[psutil.Process] = []
        while len(started) < 4 and time.monotonic() < until:
            started = psutil.Process(child.pid).children(recursive=True)
        child.kill()
    assert psutil.wait_procs(started, timeout=20)[1] == []
