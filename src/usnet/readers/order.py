"""The order in which one reader sees the cases of one period: balanced blocks, views of one nodule apart, repeats late."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from usnet.errors import ConfigError
from usnet.readers.draws import Draws
from usnet.readers.protocol import Cases

VERSION = "usnet-order-1"
"""Name of this algorithm, stored with every study: a change of the orders it gives needs a new name."""

Use = Literal["training", "test", "repeat"]
_RESTARTS = 200


@dataclass(frozen=True, slots=True)
class Item:
    """A case to be placed: its stratum, and the nodule (or patient) whose views must not stand near each other."""

    case: str
    stratum: str
    nodule: str


@dataclass(frozen=True, slots=True)
class Slot:
    """What a reader sees at one position."""

    case: str
    use: Use


def period_order(items: Sequence[Item], training: Sequence[Item], rules: Cases, draws: Draws) -> list[Slot]:
    """Training cases in random order, then the test cases with their repeats.

    Every case is equally likely at every position that its stratum may take. Positions are dealt block by block: each block of
    about ``rules.block`` cases holds its share of each stratum. Where two views of a nodule fall within ``rules.nodule_gap``, one
    changes places with a random case of its stratum. Repeats are drawn, stratum by stratum, from the cases early enough, and put
    at a random place at least ``rules.repeat_gap`` later.

    Raises
    ------
    ConfigError
        The cases cannot be ordered so.
    """
    first = [Slot(item.case, "training") for item in draws.shuffled(training)]
    for _ in range(_RESTARTS):
        main = _separated(_blocks(items, rules.block, draws), rules.nodule_gap, draws)
        whole = None if main is None else _with_repeats(main, rules, draws)
        if whole is not None:
            return first + whole
    raise ConfigError(
        f"{len(items)} cases cannot be ordered with a nodule gap of {rules.nodule_gap}, {rules.repeats} repeats and a repeat gap "
        f"of {rules.repeat_gap}",
        hint="Lower a gap, take fewer repeats, or fewer views of one nodule",
    )


def problems(order: Sequence[Slot], items: Sequence[Item], rules: Cases) -> list[str]:
    """What breaks the rules in an order, in words; empty where nothing does."""
    nodule = {item.case: item.nodule for item in items}
    found, seen = [], dict[str, int]()
    views: dict[str, list[tuple[int, str]]] = defaultdict(list)
    main = [slot for slot in order if slot.use != "training"]
    for position, slot in enumerate(main):
        if slot.use == "repeat" and position - seen.get(slot.case, position) < rules.repeat_gap:
            found.append(f"position {position}: {slot.case} is repeated too early")
        near = [
            case for at, case in views[nodule[slot.case]] if position - at <= rules.nodule_gap and case != slot.case
        ]
        found += [f"position {position}: {slot.case} is near {case} of the same nodule" for case in near]
        seen.setdefault(slot.case, position)
        views[nodule[slot.case]].append((position, slot.case))
    if sorted(s.case for s in main if s.use == "test") != sorted(nodule):
        found.append("not every case is shown once")
    return found


def _blocks(items: Sequence[Item], block: int, draws: Draws) -> list[Item]:
    strata: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        strata[item.stratum].append(item)
    count = max(1, round(len(items) / block))
    dealt: list[list[Item]] = [[] for _ in range(count)]
    turn, rest = draws.shuffled(range(count)), 0
    for members in strata.values():
        pool = draws.shuffled(members)
        share = len(pool) // count
        for number, place in enumerate(dealt):
            place.extend(pool[number * share : (number + 1) * share])
        for item in pool[count * share :]:  # what does not divide goes round the blocks, so that none is longer by two
            dealt[turn[rest % count]].append(item)
            rest += 1
    return [item for place in dealt for item in draws.shuffled(place)]


def _separated(order: list[Item], gap: int, draws: Draws) -> list[Item] | None:
    """The order with views of one nodule more than ``gap`` apart, or ``None`` where the tries do not suffice."""
    if len({item.nodule for item in order}) == len(order):
        return order
    result = list(order)
    for _ in range(20 * len(order)):
        wrong = [i for i in range(len(result)) if _crowded(result, i, gap)]
        if not wrong:
            return result
        here = wrong[draws.below(len(wrong))]
        others = [i for i in range(len(result)) if i != here and result[i].stratum == result[here].stratum]
        if not others:
            return None
        there = others[draws.below(len(others))]
        before = _crowded(result, here, gap) + _crowded(result, there, gap)
        result[here], result[there] = result[there], result[here]
        if _crowded(result, here, gap) + _crowded(result, there, gap) > before:
            result[here], result[there] = result[there], result[here]
    return None


def _crowded(order: list[Item], place: int, gap: int) -> int:
    """Other views of the nodule within ``gap`` of ``place``."""
    around = order[max(0, place - gap) : place + gap + 1]
    return sum(item.nodule == order[place].nodule for item in around) - 1


def _with_repeats(main: list[Item], rules: Cases, draws: Draws) -> list[Slot] | None:
    if rules.repeats == 0:
        return [Slot(item.case, "test") for item in main]
    chosen = _chosen(main, rules, draws)
    if chosen is None:
        return None
    inserts: dict[int, list[Item]] = defaultdict(list)
    for place in chosen:
        first = place + rules.repeat_gap
        inserts[first + draws.below(len(main) - first + 1)].append(main[place])
    whole: list[Slot] = []
    for place in range(len(main) + 1):
        whole += [Slot(item.case, "repeat") for item in draws.shuffled(inserts[place])]
        if place < len(main):
            whole.append(Slot(main[place].case, "test"))
    return None if problems(whole, main, rules) else whole


def _chosen(main: list[Item], rules: Cases, draws: Draws) -> list[int] | None:
    """Places of the cases to repeat: each stratum gives its share, from the cases that leave room for the gap."""
    early = draws.shuffled(range(max(0, len(main) - rules.repeat_gap + 1)))
    strata = sorted({item.stratum for item in main})
    sizes = {name: sum(item.stratum == name for item in main) for name in strata}
    exact = {name: rules.repeats * sizes[name] / len(main) for name in strata}
    quota = {name: int(exact[name]) for name in strata}
    for name in sorted(draws.shuffled(strata), key=lambda s: quota[s] - exact[s])[
        : rules.repeats - sum(quota.values())
    ]:
        quota[name] += 1
    places = [place for name in strata for place in [p for p in early if main[p].stratum == name][: quota[name]]]
    return places if len(places) == rules.repeats else None
