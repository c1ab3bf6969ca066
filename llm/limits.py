"""Limits shared by all workers, kept in Redis: requests in flight, requests a minute, and a circuit breaker.

Each move is one Lua script on the server's own clock, so that no worker can act on half of a state.
A backend has three keys: a hash for breaker and pause, a sorted set of requests in flight (with the time at which
a dead worker's place is free again), and a token bucket. Redis away means no: limits never fail open.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import redis

from llm import store
from llm.conf import Conf
from llm.errors import LLMError, OverBudget, Unavailable

COUNTED = frozenset(("refused", "dns", "timeout", "cut", "server_error"))  # the service's own failures
GRACE = 5.0  # seconds a place outlives its request's time limit
LONGEST_OPEN = 16  # times breaker_seconds, at most
BUSY_PAUSE = 0.25  # seconds before a call that found no place looks again

ADMIT = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
local state, flight, batch, bucket, probe = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local member, place_ms, most, most_batch, rpm = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]),
  tonumber(ARGV[5])
local paused = tonumber(redis.call('HGET', state, 'pause_until') or '0')
if paused > now then return {'paused', paused - now} end
local open = tonumber(redis.call('HGET', state, 'open_until') or '0')
if open > now then return {'open', open - now} end
redis.call('ZREMRANGEBYSCORE', flight, '-inf', now)
redis.call('ZREMRANGEBYSCORE', batch, '-inf', now)
if most > 0 and redis.call('ZCARD', flight) >= most then return {'busy', 0} end
if ARGV[6] == 'batch' and most > 0 and redis.call('ZCARD', batch) >= most_batch then return {'busy', 0} end
if rpm > 0 then
  local room = math.max(1, rpm / 6)
  local kept = redis.call('HMGET', bucket, 'tokens', 'at')
  local tokens = math.min(room, tonumber(kept[1] or room) + (now - tonumber(kept[2] or now)) * rpm / 60000)
  if tokens < 1 then return {'rate', math.ceil((1 - tokens) * 60000 / rpm)} end
  redis.call('HSET', bucket, 'tokens', tostring(tokens - 1), 'at', tostring(now))
  redis.call('PEXPIRE', bucket, 120000)
end
if open > 0 and not redis.call('SET', probe, member, 'NX', 'PX', place_ms) then return {'open', 1000} end
redis.call('ZADD', flight, now + place_ms, member)
redis.call('PEXPIRE', flight, place_ms * 2)
if ARGV[6] == 'batch' then
  redis.call('ZADD', batch, now + place_ms, member)
  redis.call('PEXPIRE', batch, place_ms * 2)
end
return {'ok', 0}
"""

REPORT = """
local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
local state = KEYS[1]
redis.call('ZREM', KEYS[2], ARGV[1]); redis.call('ZREM', KEYS[3], ARGV[1]); redis.call('DEL', KEYS[5])
local verdict, limit, window, open_ms, pause_ms = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]),
  tonumber(ARGV[6])
if pause_ms > 0 then redis.call('HSET', state, 'pause_until', tostring(now + pause_ms)) end
if verdict == 'alive' then
  redis.call('HDEL', state, 'failures', 'since', 'open_until', 'trips')
elseif verdict == 'failed' then
  local since = tonumber(redis.call('HGET', state, 'since') or '0')
  if now - since > window then redis.call('HSET', state, 'since', tostring(now), 'failures', '0') end
  local failures = redis.call('HINCRBY', state, 'failures', 1)
  if failures >= limit or redis.call('HEXISTS', state, 'open_until') == 1 then
    local trips = redis.call('HINCRBY', state, 'trips', 1)
    local times = math.min(tonumber(ARGV[7]), 2 ^ (trips - 1))
    redis.call('HSET', state, 'open_until', tostring(now + open_ms * times), 'failures', '0')
  end
end
redis.call('PEXPIRE', state, 3600000)
return 0
"""


class NoPlace(Unavailable):
    """Nothing was sent: too many requests in flight, or the service is being left alone. Wait and look again."""


class Verdict(StrEnum):
    """What a request told about the service."""

    ALIVE = "alive"
    FAILED = "failed"
    UNKNOWN = "unknown"  # nothing was sent


def admit(backend: str, call_id: str, *, priority: str, conf: Conf) -> None:
    """Take a place for a request. Raises NoPlace with the time to wait: busy, rate_limited, breaker_open."""
    place_ms = int(1000 * (conf.call_seconds + GRACE))
    most_batch = max(1, int(conf.concurrent * conf.batch_share))
    arguments = [call_id, place_ms, conf.concurrent, most_batch, conf.requests_per_minute, priority]
    answer, wait_ms = _run(ADMIT, backend, arguments)
    word = answer.decode()
    if word == "ok":
        return
    kind = "breaker_open" if word == "open" else "rate_limited" if word in ("rate", "paused") else "busy"
    wait = BUSY_PAUSE if word == "busy" else wait_ms / 1000
    raise NoPlace(kind, f"{backend}: {kind}, {wait:.1f} s to wait", retry_after=wait)


def report(backend: str, call_id: str, verdict: Verdict, *, conf: Conf, pause: float = 0.0) -> None:
    """Give the place back and tell what the request showed; `pause` (s) keeps every worker away, as a 429 asks.

    Redis being away here is no error: a place frees itself, and the next request tells about the service again.
    """
    arguments = [
        call_id,
        verdict.value,
        conf.breaker_failures,
        int(1000 * conf.breaker_window),
        int(1000 * conf.breaker_seconds),
        int(1000 * pause),
        LONGEST_OPEN,
    ]
    try:
        _run(REPORT, backend, arguments)
    except Unavailable:
        return


def verdict_of(error: LLMError) -> Verdict:
    """Whether `error` counts against the service."""
    if isinstance(error, OverBudget):
        return Verdict.UNKNOWN
    return Verdict.FAILED if error.heals and error.kind in COUNTED else Verdict.ALIVE


def reset(backend: str) -> None:
    """Forget everything about `backend` (for operators and tests)."""
    store.client().delete(*keys(backend))


def state(backend: str) -> dict[str, int | str]:
    """What the panel shows: closed, open or half-open, and the requests in flight. Raises Unavailable."""
    try:
        return _state(backend)
    except redis.RedisError as error:
        raise Unavailable("limits", str(error)) from error


def _state(backend: str) -> dict[str, int | str]:
    names = keys(backend)
    now = float(store.client().time()[0])
    open_until = float(store.client().hget(names[0], "open_until") or 0) / 1000
    word = "closed" if not open_until else "open" if open_until > now else "half-open"
    return {"breaker": word, "in_flight": int(store.client().zcard(names[1]))}


def keys(backend: str) -> list[str]:
    return [f"heed:llm:{{{backend}}}:{part}" for part in ("state", "flight", "batch", "bucket", "probe")]


def _run(script: str, backend: str, arguments: Sequence[object]) -> tuple[bytes, int]:
    names = keys(backend)
    try:
        answer = store.client().eval(script, len(names), *names, *(str(item) for item in arguments))
    except redis.RedisError as error:
        raise NoPlace("limits", f"the limits' store is away: {error}", retry_after=1.0) from error
    return answer if isinstance(answer, list) else (b"ok", 0)  # type: ignore[return-value]
