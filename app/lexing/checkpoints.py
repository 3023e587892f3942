"""Checkpoints: what stands where in a text that changes, as Pygments would tell it from the whole of it.

A lexer made of regular expressions knows no more than a position and a stack of states. Both are kept at each
line start that a token boundary falls on; after an edit the lexer starts a little earlier and stops where it
meets an old checkpoint again. Work is done in slices; `exact_until` says how far the answers are final.
"""

import bisect
import copy
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pygments.lexer import RegexLexer
from pygments.token import Error, Whitespace, _TokenType

from app.lexing.lexing import Lines, Span, end_of_lines
from app.lexing.lookahead import Matcher, reach_of

Stack = tuple[str, ...]
Rule = tuple[Matcher, Any, Any]  # what it does with a match, and where it goes from there
Step = tuple[int, int, Any, re.Match[str] | None]
Token = tuple[int, _TokenType, str]

_ROOT: Stack = ("root",)
# characters that stop all but the rules which `lookahead` knows; see _start_before
_HARD = re.compile(r"[;(){}=,\"'#:`|/@]")
_MOST_LINES_BACK = 60
_ANYTHING = re.compile(r"[\w\W]")


@dataclass(frozen=True)
class Open:
    """An answer that hangs on text far behind: what a rule said at a position."""

    position: int
    matcher: Matcher
    end: int  # -1: it did not match

    def still_holds(self, text: str) -> bool:
        found = self.matcher(text, self.position)
        return (found.end() if found else -1) == self.end


class Tables:
    """The rules of one lexer, read where they are first needed; those `watched` note what they leave open."""

    def __init__(self, lexer: RegexLexer) -> None:
        self.plain: Mapping[str, list[Rule]] = lexer._tokens
        self.watched: dict[str, list[Rule]] = _Watched(self)
        self.opens: list[Open] = []

    def watch(self, matcher: Matcher) -> Matcher:
        pattern = getattr(matcher, "__self__", None)
        reach = reach_of(pattern) if isinstance(pattern, re.Pattern) else None
        if reach is None:
            return matcher
        opener, is_open_when_found, opens = reach.opener, reach.is_open_when_found, self.opens

        def match(text: str, position: int) -> re.Match[str] | None:
            found = matcher(text, position)
            if (found is None or is_open_when_found) and opener(text, position):
                opens.append(Open(position, matcher, found.end() if found else -1))
            return found

        return match


class _Watched(dict[str, list[Rule]]):
    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self._tables = tables

    def __missing__(self, state: str) -> list[Rule]:
        rules = [(self._tables.watch(matcher), *rest) for matcher, *rest in self._tables.plain[state]]
        self[state] = rules
        return self[state]


def _steps(rules_of: Mapping[str, list[Rule]], text: str, position: int, stack: list[str]) -> Iterator[Step]:
    """Each thing found: where, its end, what its rule does, the match. `stack` is then what it has become."""
    rules = rules_of[stack[-1]]
    while position < len(text):
        for matcher, action, new_state in rules:
            found = matcher(text, position)
            if found is not None:
                end = found.end()
                if new_state is not None:
                    _move(stack, new_state)
                    rules = rules_of[stack[-1]]
                yield position, end, action, found
                position = end
                break
        else:
            is_line_end = text[position] == "\n"
            if is_line_end:
                stack[:] = _ROOT
                rules = rules_of[stack[-1]]
            yield position, position + 1, Whitespace if is_line_end else Error, None
            position += 1


def _move(stack: list[str], new_state: Any) -> None:
    """The stack after a rule: Pygments says pop as a negative number or a word, push as a word or names."""
    for step in new_state if isinstance(new_state, tuple) else (new_state,):
        if isinstance(step, int) or step == "#pop":
            del stack[max(1, len(stack) + (-1 if step == "#pop" else step)) :]
        else:
            stack.append(stack[-1] if step == "#push" else step)


def retold(lexer: RegexLexer, tokens: Iterator[Token]) -> Iterator[Token]:
    """Some lexers rename what their tables found, such as size_t in C: let this one do so with these tokens.

    It is given a table whose one rule finds them all.
    """
    teller = copy.copy(lexer)
    rule = (_ANYTHING.match, lambda _lexer, _found: tokens, None)
    teller._tokens = defaultdict(lambda: [rule])
    return teller.get_tokens_unprocessed(" ")


class Checkpoints:
    pause_ms = 0

    def __init__(self, lexer: RegexLexer, lines: Lines) -> None:
        self._lexer, self._tables = lexer, Tables(lexer)
        self._is_retold = type(lexer).get_tokens_unprocessed is not RegexLexer.get_tokens_unprocessed
        self._where = lines
        self._interned: dict[Stack, Stack] = {_ROOT: _ROOT}
        self.set_text("")

    @property
    def exact_until(self) -> int:
        """What is said about lines before this one is final, but for `Open` answers not yet asked again."""
        return self._dirty[0] if self._dirty else len(self._stacks)

    @property
    def is_settled(self) -> bool:
        return not self._dirty and self._unchecked_until == 0

    def set_text(self, text: str) -> None:
        self.text = text + "\n"  # many rules of lexers want the line to end
        self._stacks: list[Stack | None] = [None] * self.text.count("\n")
        self._stacks[0] = _ROOT
        self._opens: list[Open] = []
        # opens between these positions have not been asked since an edit behind them
        self._unchecked_from = self._unchecked_until = 0
        self._dirty = [0]  # lines from which to lex on; sorted
        self._resume = 0  # the one of them that needs no step back

    def replace(self, line: int, start: int, count: int, added: str) -> None:
        end, lines_removed = end_of_lines(self.text, start, count), count - 1
        lines_added = added.count("\n")
        self.text = "".join((self.text[:start], added, self.text[end:]))
        self._stacks[line + 1 : line + 1 + lines_removed] = [None] * lines_added
        shift, difference = lines_added - lines_removed, len(added) - (end - start)
        moved = {
            dirty if dirty <= line else dirty + shift if dirty > line + lines_removed else line
            for dirty in self._dirty
        }
        self._dirty = sorted(moved | {line})
        if self._resume >= line:
            self._resume = self._resume + shift if self._resume > line + lines_removed else -1
        behind = self._unchecked_until + difference if self._unchecked_until >= end else 0
        self._unchecked_from, self._unchecked_until = 0, max(start + len(added), behind)
        self._opens = [
            item if item.position < start else _shifted(item, difference)
            for item in self._opens
            if not start <= item.position < end
        ]

    def work(self, seconds: float) -> tuple[int, int] | None:
        deadline = time.perf_counter() + seconds
        changed = None
        while not self.is_settled:
            if not self._dirty:
                self._check_opens(deadline)
            if self._dirty:
                first, last = self._lex_on(deadline)
                changed = (min(first, changed[0]), max(last, changed[1])) if changed else (first, last)
            if time.perf_counter() >= deadline:
                break
        return changed

    def settle(self) -> None:
        while not self.is_settled:
            self.work(1.0)

    def spans(self, first: int, last: int) -> list[list[Span]]:
        line = self._known_before(first)
        stack = self._stacks[line] or _ROOT
        starts = [self._where.start_of(number) for number in range(first, last + 1)]
        starts.append(self.text.index("\n", starts[-1]) + 1)
        found: list[list[Span]] = [[] for _ in starts[1:]]
        place = 0
        for position, kind, value in self._tokens(self._where.start_of(line), stack, starts[-1]):
            stop = position + len(value)
            while place < len(found) and stop > starts[place]:
                begin = max(position, starts[place])
                length = min(stop, starts[place + 1] - 1) - begin
                if length > 0:
                    found[place].append((begin - starts[place], length, kind))
                if stop < starts[place + 1]:
                    break
                place += 1
        return found

    def _tokens(self, position: int, stack: Stack, until: int) -> Iterator[Token]:
        found = self._tables_say(position, stack, until)
        return retold(self._lexer, found) if self._is_retold else found

    def _tables_say(self, position: int, stack: Stack, until: int) -> Iterator[Token]:
        for where, end, action, found in _steps(self._tables.plain, self.text, position, list(stack)):
            if where >= until:
                return
            if found is None or type(action) is _TokenType:
                yield where, action, self.text[where:end]
            elif action is not None:
                yield from action(self._lexer, found)

    def _known_before(self, line: int) -> int:
        """A line to lex from, at or before this one; near by and guessed where lexing has not come so far."""
        known, is_known = line, line <= self.exact_until
        while known > 0 and self._stacks[known] is None and (is_known or line - known < _MOST_LINES_BACK):
            known -= 1
        if self._stacks[known] is not None:
            return known
        for guess in range(line, known, -1):  # what stands at the margin most likely begins something
            if not self.text[self._where.start_of(guess)].isspace():
                return guess
        return line

    def _lex_on(self, deadline: float) -> tuple[int, int]:
        """From the first dirty line until an old checkpoint is met, or the time is up."""
        dirty = self._dirty.pop(0)
        line = first = dirty if dirty == self._resume else self._start_before(dirty)
        self._resume = -1
        stacks, text = self._stacks, self.text
        position = begin = self._where.start_of(line)
        next_start = text.index("\n", position) + 1
        stack = list(stacks[line] or _ROOT)
        opens = self._tables.opens
        opens.clear()
        is_done = False
        for _, end, _, _ in _steps(self._tables.watched, text, position, stack):
            while next_start <= end and not is_done:
                line, position = line + 1, next_start
                if line == len(stacks):
                    is_done = True
                    break
                is_done = self._arrive(line, dirty, tuple(stack) if position == end else None)
                if not is_done and line % 16 == 0 and line > dirty and time.perf_counter() >= deadline:
                    is_done = self._pause(line)
                next_start = text.index("\n", position) + 1
            if is_done:
                break
        self._dirty = [other for other in self._dirty if other >= line]
        before = bisect.bisect_left(self._opens, begin, key=_position_of)
        behind = bisect.bisect_left(self._opens, position, key=_position_of)
        self._opens[before:behind] = [item for item in opens if item.position < position]
        return first, line

    def _arrive(self, line: int, dirty: int, stack: Stack | None) -> bool:
        """At the start of a line, with this stack if a token ends there. True where all was so before."""
        new = None if stack is None else self._interned.setdefault(stack, stack)
        was = self._stacks[line]
        self._stacks[line] = new
        return new is not None and new is was and line > dirty

    def _pause(self, line: int) -> bool:
        if self._stacks[line] is None:
            return False
        bisect.insort(self._dirty, line)
        self._resume = line
        return True

    def _start_before(self, line: int) -> int:
        """Rules without far reach stop at hard characters; two lines that have some are passed."""
        start, passed = line, 0
        while start > 0 and passed < 2 and line - start < _MOST_LINES_BACK:
            end, start = self._where.start_of(start), start - 1
            passed += _HARD.search(self.text, self._where.start_of(start), end) is not None
        while self._stacks[start] is None:
            start -= 1
        return start

    def _check_opens(self, deadline: float) -> None:
        place = bisect.bisect_left(self._opens, self._unchecked_from, key=_position_of)
        for item in self._opens[place:]:
            if item.position >= self._unchecked_until:
                break
            if not item.still_holds(self.text):
                self._dirty = [self._where.line_at(item.position)]
                self._unchecked_from = item.position
                return
            if time.perf_counter() >= deadline:
                self._unchecked_from = item.position + 1
                return
        self._unchecked_from = self._unchecked_until = 0


def _position_of(item: Open) -> int:
    return item.position


def _shifted(item: Open, difference: int) -> Open:
    end = item.end if item.end < 0 else item.end + difference
    return replace(item, position=item.position + difference, end=end)
