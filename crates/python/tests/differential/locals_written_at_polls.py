"""A signal handler and another thread write a local of a loop that runs."""

import signal
import sys
import threading


def work(step):
    i = 0
    k = 0.5
    stop = 0
    while stop == 0:
        i = i + step
        k = (k * 31.0 + i) % 1000003.0
        stop = stop + 0
    return stop, i > 1000, k > 0


def on_signal(number, frame):
    while frame.f_code is not work.__code__:
        frame = frame.f_back
    if frame.f_locals["i"] > 1000:
        frame.f_locals["stop"] = 7
    else:
        signal.setitimer(signal.ITIMER_REAL, 0.05)


def poke(thread):
    while True:
        frame = sys._current_frames()[thread]
        while frame is not None and frame.f_code is not work.__code__:
            frame = frame.f_back
        if frame is not None and frame.f_locals["i"] > 1000:
            frame.f_locals["stop"] = 8
            return
        del frame
        pause.wait(0.01)


pause = threading.Event()
signal.signal(signal.SIGALRM, on_signal)
signal.setitimer(signal.ITIMER_REAL, 0.3)
print(work(1))
other = threading.Thread(target=poke, args=(threading.get_ident(),))
other.start()
print(work(1))
other.join()
