# SPDX-License-Identifier: MIT
"""What may befall a stack. Each function does it once and has healed it, as far as it heals by itself, when it returns."""

import os
import random
import signal
import time

FORGET_MARKS = "for _, key in ipairs(redis.call('KEYS', 'todo:*:writers')) do redis.call('DEL', key) end"


def healed_after(seconds, heal):
    """Even if the test ends meanwhile."""
    try:
        time.sleep(seconds)
    finally:
        heal()


def signalled(number, pids):
    for pid in pids:
        os.kill(pid, number)


def frozen(seconds, *pids):
    signalled(signal.SIGSTOP, pids)
    healed_after(seconds, lambda: signalled(signal.SIGCONT, pids))


def killed(pid):
    os.kill(pid, signal.SIGKILL)


def worker_killed(stack):
    pids = stack.worker_pids()
    if pids:
        killed(random.choice(pids))


def worker_frozen(stack, seconds=2.5):
    """Longer than a mark lasts: what the worker had begun is finished when all others have forgotten it."""
    frozen(seconds, random.choice(stack.worker_pids()))


def journal_killed(journal):
    """As it is between an append and its answer, or within one."""
    journal.kill()
    time.sleep(random.random() * 0.3)
    journal.start()


def connection_cut(stack, socket="redis.sock"):
    """One worker's connection to Redis, not the others'."""
    listed = stack.redis("client", "list", socket=socket).splitlines()
    clients = [dict(field.partition("=")[::2] for field in line.split()) for line in listed]
    others = [client["id"] for client in clients if client["cmd"] != "client|list"]
    if others:
        stack.redis("client", "kill", "id", random.choice(others), socket=socket)


def connections_cut(stack):
    stack.redis("client", "kill", "type", "normal", "skipme", "yes")


def scripts_flushed(stack):
    stack.redis("script", "flush")


def everything_flushed(stack):
    stack.redis("flushall")


def marks_lost(stack):
    """As if Redis had evicted every writers' set, and nothing else."""
    stack.redis("eval", FORGET_MARKS, "0")


def memory_full(stack, seconds=0.3):
    """No room, and nothing is evicted: Redis refuses what would take memory."""
    stack.redis("config", "set", "maxmemory-policy", "noeviction", "maxmemory", "1mb")
    time.sleep(seconds)
    stack.redis("config", "set", "maxmemory-policy", "allkeys-lfu", "maxmemory", "256mb")


def memory_short(stack, seconds=0.3):
    """No room: Redis evicts whatever it finds, leases and writers' sets too."""
    stack.redis("config", "set", "maxmemory", "1mb")
    time.sleep(seconds)
    stack.redis("config", "set", "maxmemory", "256mb")


def redis_frozen(stack, seconds=1.0):
    frozen(seconds, stack.pid("redis"))


def one_worker_cut_off(stack, seconds=1.0):
    """One worker's connection is cut, and for a while there is no way back; the others keep theirs."""
    socket, hidden = stack.folder / "redis.sock", stack.folder / "redis-hidden.sock"
    socket.rename(hidden)
    try:
        connection_cut(stack, hidden.name)
        time.sleep(seconds)
    finally:
        hidden.rename(socket)


def redis_restarted_empty(stack):
    stack.kill("redis")
    time.sleep(0.2)
    stack.start("redis")


def redis_restarted_with_old_data(stack):
    """What it had half a second ago: entries that writes have made old since."""
    stack.redis("save")
    time.sleep(0.5)
    stack.kill("redis")
    stack.start("redis")
    (stack.folder / "dump.rdb").unlink()


def entries_purged(stack, seconds=1.0):
    """An operator puts all entries out of reach; the workers learn of it within a second, one by one."""
    result = stack.ctl("purge", "--all")
    assert result.returncode == 0, result.stderr
    time.sleep(seconds)


def redis_replaced(stack, seconds=1.0):
    """Another Redis at the same address: one worker is sent there, and the others don't know while the old one lives on."""
    socket, old_socket = stack.folder / "redis.sock", stack.folder / "redis-old.sock"
    old_pid = stack.pid("redis")
    os.link(socket, old_socket)
    (stack.folder / "pids/redis").unlink()
    try:
        stack.start("redis")
        connection_cut(stack, old_socket.name)
        time.sleep(seconds)
    finally:
        killed(old_pid)
        old_socket.unlink()
