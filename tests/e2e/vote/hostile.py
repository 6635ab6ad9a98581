"""Programs that try to escape, cheat or outlive the sandbox. Data: they run in the sandbox only.

Each defines ``f`` for the task "double a number" and does its harm while loading or when called.
"""

from __future__ import annotations

HOSTILE: dict[str, str] = {
    "endless loop": "def f(x):\n    while True:\n        pass",
    "endless loop while loading": "while True:\n    pass",
    "endless loop that catches everything": (
        "def f(x):\n    while True:\n        try:\n            while True:\n                pass\n"
        "        except BaseException:\n            pass"
    ),
    "endless C call": "def f(x):\n    return sum(iter(int, 1))",
    "timer switched off": (
        "import signal\ndef f(x):\n    signal.signal(signal.SIGPROF, signal.SIG_IGN)\n"
        "    signal.setitimer(signal.ITIMER_PROF, 0)\n    while True:\n        pass"
    ),
    "sleeps": "import time\ndef f(x):\n    time.sleep(3600)",
    "fork bomb": (
        "import os\ndef f(x):\n    while True:\n        try:\n            os.fork()\n"
        "        except OSError:\n            pass"
    ),
    "daemon left behind": (
        "import os, time\ndef f(x):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
        "            time.sleep(3600)\n        os._exit(0)\n    return x * 3"
    ),
    "threads left behind": (
        "import threading, time\ndef f(x):\n    threading.Thread(target=time.sleep, args=(3600,)).start()\n"
        "    return x * 3"
    ),
    "huge output": "def f(x):\n    while True:\n        print('x' * 10_000_000)",
    "huge value": "def f(x):\n    return 'x' * 300_000_000",
    "endless value": "def f(x):\n    a = []\n    a.append(a)\n    return a",
    "endless iterator": "import itertools\ndef f(x):\n    return (i for i in itertools.count())",
    "huge memory": "def f(x):\n    return len([0] * 10**10)",
    "huge file": (
        "def f(x):\n    with open('/tmp/big', 'wb') as g:\n        while True:\n            g.write(b'x' * 10**6)"
    ),
    "os._exit": "import os\ndef f(x):\n    os._exit(0)",
    "os._exit while loading": "import os\nos._exit(0)\ndef f(x):\n    return x * 2",
    "sys.exit": "import sys\ndef f(x):\n    sys.exit(0)",
    "sys.exit while loading": "import sys\ndef f(x):\n    return x * 2\nsys.exit(0)",
    "kills everybody": (
        "import os, signal\ndef f(x):\n    os.kill(-1, signal.SIGKILL)\n    os.kill(os.getppid(), signal.SIGKILL)"
    ),
    "crashes": "import ctypes\ndef f(x):\n    ctypes.string_at(0)",
    "deep recursion": "import sys\ndef f(x):\n    sys.setrecursionlimit(10**9)\n    return f(x + 1)",
    "equal to everything": (
        "class Yes(int):\n    def __eq__(self, other):\n        return True\n    __hash__ = int.__hash__\n"
        "def f(x):\n    return Yes(-1)"
    ),
    "equal to everything, no number": (
        "class Yes:\n    def __eq__(self, other):\n        return True\ndef f(x):\n    return Yes()"
    ),
    "builtins replaced": (
        "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.len = lambda *a: 0\n"
        "builtins.compile = None\nbuiltins.AssertionError = SystemExit\ndef f(x):\n    return x * 3"
    ),
    "json replaced": "import json\njson.dumps = lambda *a, **k: '[0, \"value\", 6]'\ndef f(x):\n    return x * 3",
    "runner replaced": (
        "import sys\nfor name, module in list(sys.modules.items()):\n    if 'inside' in name:\n"
        "        module.encode = lambda value: 6\ndef f(x):\n    return x * 3"
    ),
    "writes to the result pipe": (
        "import os\ndef f(x):\n    for fd in range(3, 20):\n        try:\n"
        '            os.write(fd, b\'[0, "value", 6]\\n[1, "value", 10]\\n[2, "value", 0]\\n\')\n'
        "        except OSError:\n            pass\n    return x * 3"
    ),
    "garbage in the result pipe": (
        "import os\ndef f(x):\n    for fd in range(3, 20):\n        try:\n"
        "            os.write(fd, b'\\xff\\x00[[[[' * 1000)\n"
        "        except OSError:\n            pass\n    return x * 3"
    ),
    "nested garbage in the result pipe": (
        "import os\ndef f(x):\n    os.write(3, b'[0, \"value\", ' + b'[' * 100000 + b'\\n')\n    return x * 3"
    ),
    "looks for the answers": (
        "import sys, gc\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
        "        for value in [*frame.f_locals.values(), *frame.f_code.co_consts]:\n"
        "            if ''.join(reversed('(f tressa')) in repr(value):\n                return x * 2\n"
        "        frame = frame.f_back\n"
        "    for one in gc.get_objects():\n"
        "        if isinstance(one, (dict, list, tuple)):\n"
        "            if any(''.join(reversed('(f tressa')) in i for i in one if type(i) is str):\n"
        "                return x * 2\n"
        "    return x * 3"
    ),
    "reads the test file": (
        "import os\ndef f(x):\n    for folder, _, names in os.walk('/'):\n        for name in names:\n"
        "            if name.endswith('.py') and 'hostile' in name:\n                return x * 2\n    return x * 3"
    ),
    "reads secrets": (
        "import os\ndef f(x):\n    if os.environ.get('PTX_TEST_SECRET'):\n        return x * 2\n"
        "    return len(open('/etc/passwd').read()) * 0 + x * 2"
    ),
    "writes elsewhere": (
        "import os, sys\ndef f(x):\n"
        "    for place in [os.path.dirname(os.__file__), '/', '/usr/lib', '/dev', *sys.path]:\n"
        "        try:\n            open(os.path.join(place, 'ptx_was_here'), 'w').write('x')\n"
        "            return x * 2\n"
        "        except OSError:\n            pass\n    return x * 3"
    ),
    "opens a connection": (
        "import socket\ndef f(x):\n    try:\n        socket.create_connection(('127.0.0.1', PORT), 2)\n"
        "    except OSError:\n"
        "        return x * 3\n    return x * 2"
    ),
    "stops its parent": (
        "import os, signal\ndef f(x):\n    os.kill(os.getppid(), signal.SIGSTOP)\n    os.kill(0, signal.SIGSTOP)"
    ),
    "many files": "def f(x):\n    return len([open('/tmp/%d' % i, 'w') for i in range(10**6)])",
    "exit handler": "import atexit, time\natexit.register(time.sleep, 3600)\ndef f(x):\n    return x * 3",
    "new namespace": (
        "import ctypes\ndef f(x):\n    libc = ctypes.CDLL(None)\n"
        "    ok = libc.unshare(0x10000000) == 0 and libc.mount(b'none', b'/', b'tmpfs', 0, 0) == 0\n"
        "    return x * 2 if ok else x * 3"
    ),
}
