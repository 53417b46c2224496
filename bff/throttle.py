"""How often something may be asked for: per address, per number, per contract.

Sliding windows in Redis (library `limits`), shared by all processes. When Redis is away the memory of this process
counts instead: looser, never open.
"""

from dataclasses import dataclass

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis import Redis

from bff.core.errors import Refusal


@dataclass(frozen=True)
class Rule:
    """At most `amount` in `minutes` (1 or 60)."""

    name: str
    amount: int
    minutes: int = 60


class Throttle:
    def __init__(self, redis: Redis | None) -> None:
        self._here = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = SlidingWindowCounterRateLimiter(_storage(redis)) if redis is not None else None

    def take(self, rule: Rule, key: str) -> None:
        """Count one more. Raises Refusal `slow_down` when that is too many."""
        item = (RateLimitItemPerMinute if rule.minutes == 1 else RateLimitItemPerHour)(rule.amount)
        if not self._hit(item, rule.name, key):
            raise Refusal("slow_down", minutes=rule.minutes)

    def _hit(self, item: RateLimitItemPerMinute | RateLimitItemPerHour, name: str, key: str) -> bool:
        if self._shared is not None:
            try:
                return self._shared.hit(item, "countersign", name, key)
            except OSError:
                pass
            except self._shared.storage.base_exceptions:
                pass
        return self._here.hit(item, "countersign", name, key)


def _storage(redis: Redis) -> RedisStorage:
    """On the connections that we already have, with their patience (`feed.connect`)."""
    return RedisStorage("redis://", connection_pool=redis.connection_pool)
