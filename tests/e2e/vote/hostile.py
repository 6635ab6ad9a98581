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
    "integer too long to print": "def f(x):\n    return 10 ** 5000",
    "integer too long to send": "def f(x):\n    return 1 << 10 ** 7",
    "half a surrogate pair": "def f(x):\n    return '\\ud800'",
    "half a surrogate pair in its error": "raise ValueError('\\ud800 \\x00 \\x1b[2J')",
    "error class that runs code when named": (
        "class Meta(type):\n    @property\n    def __name__(cls):\n        while True:\n            pass\n"
        "class Bad(Exception, metaclass=Meta):\n    pass\ndef f(x):\n    raise Bad"
    ),
    "error text without end": (
        "class Bad(Exception):\n    def __str__(self):\n        while True:\n            pass\ndef f(x):\n    raise Bad"
    ),
    "items that all hash alike": (
        "import json, os\ndef f(x):\n"
        "    items = [['i', hex(k * (2 ** 61 - 1))] for k in range(1, 50000)]\n"
        "    data = (json.dumps([0, 'value', ['s', *items]]) + '\\n').encode()\n"
        "    while data:\n        data = data[os.write(3, data):]\n"
        "    os.dup2(os.open('/dev/null', 1), 3)"
    ),
    "fraction that takes for ever to reduce": (
        "import os\ndef f(x):\n"
        "    big = b'0x' + b'f' * 10 ** 6\n"
        '    data = b\'[0, "value", ["F", ["i", "%s"], ["i", "%s"]]]\\n\' % (big, big[:-1] + b\'1\')\n'
        "    while data:\n        data = data[os.write(3, data):]\n"
        "    os.dup2(os.open('/dev/null', 1), 3)"
    ),
    "says it is an int": (
        "class Six:\n    __class__ = property(lambda self: int)\n    __eq__ = lambda self, other: True\n"
        "    __int__ = __index__ = __hash__ = lambda self: 6\n    __repr__ = lambda self: '6'\n"
        "def f(x):\n    return Six()"
    ),
    "int with another value": (
        "class Six(int):\n    __int__ = __index__ = lambda self: 6\n    __repr__ = __str__ = lambda self: '6'\n"
        "def f(x):\n    return Six(9)"
    ),
    "enum of everything": (
        "import enum\nclass E(enum.IntEnum):\n    A = 9\n    def __eq__(self, other):\n        return True\n"
        "    __hash__ = int.__hash__\ndef f(x):\n    return E.A"
    ),
    "attributes without end": (
        "class Y:\n    def __getattribute__(self, name):\n        while True:\n            pass\n"
        "def f(x):\n    return Y()"
    ),
    "audit hook": (
        "import sys\nsys.addaudithook(lambda *a: (_ for _ in ()).throw(RuntimeError()))\ndef f(x):\n    return x * 3"
    ),
    "trace function": (
        "import sys\ndef trace(frame, event, arg):\n    for name in ('found', 'value', 'kind'):\n"
        "        if name in frame.f_locals:\n            frame.f_locals[name] = 6\n    return trace\n"
        "sys.settrace(trace)\ndef f(x):\n    return x * 3"
    ),
    "import hook": (
        "import sys\nclass Hook:\n    def find_spec(self, *a):\n        raise SystemExit\n"
        "sys.meta_path.insert(0, Hook())\nsys.modules.clear()\ndef f(x):\n    return x * 3"
    ),
    "fault handler on the result pipe": (
        "import faulthandler, time\nfaulthandler.dump_traceback_later(0.01, repeat=True, file=3)\n"
        "def f(x):\n    began = time.thread_time()\n    while time.thread_time() - began < 0.05:\n        pass\n"
        "    return x * 3"
    ),
    "its own signal handlers": (
        "import signal\nfor number in (signal.SIGPROF, signal.SIGALRM, signal.SIGXCPU, signal.SIGTERM):\n"
        "    signal.signal(number, signal.SIG_IGN)\n"
        "real, signal.signal = signal.signal, lambda *a: None\ndef f(x):\n    while True:\n        pass"
    ),
    "closes every file": "import os\ndef f(x):\n    os.closerange(0, 100)\n    return x * 2",
    "dies when forgotten": (
        "import os\nclass Y:\n    def __del__(self):\n        os._exit(0)\ndef f(x):\n    y = Y()\n    return x * 2"
    ),
    "hooks its parent by ptrace": (
        "import ctypes, os\ndef f(x):\n    attached = ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0\n"
        "    return x * 2 if attached else x * 3"
    ),
    "reads processes": (
        "import os\ndef f(x):\n    try:\n        return x * 2 if os.listdir('/proc') else x * 3\n"
        "    except OSError:\n        return x * 3"
    ),
    "symbolic link": (
        "import os\ndef f(x):\n    try:\n        os.symlink('/etc/passwd', 'link')\n        open('link').read()\n"
        "        return x * 2\n    except OSError:\n        return x * 3"
    ),
    "shared memory": (
        "import ctypes\ndef f(x):\n    segment = ctypes.CDLL(None).shmget(0, 1 << 26, 0o1600)\n"
        "    return x * 3 if segment < 0 else x * 2"
    ),
    "files in memory": (
        "import os\ndef f(x):\n    try:\n        os.memfd_create('a')\n        return x * 2\n    except OSError:\n"
        "        return x * 3"
    ),
    "socket of its own": (
        "import socket\ndef f(x):\n    try:\n        socket.socket(socket.AF_UNIX).bind('\\0ptx')\n"
        "        return x * 2\n    except OSError:\n        return x * 3"
    ),
    "a coroutine in place of an answer": "async def f(x):\n    return x * 2",
    "another function at the second call": "def f(x):\n    global f\n    f = lambda y: y * 2\n    return x * 3",
    "exit by any name": "def f(x):\n    raise (KeyboardInterrupt, GeneratorExit, SystemExit)[x % 3]",
}
