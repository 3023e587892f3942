"""Templates by strangers: each attack ends soon, in little memory, with a sentence; harmless ones work."""

import contextlib
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec.errors import SmallCoderError, TokenizerError
from core.text.chat_template import MAX_TEMPLATE_LETTERS, ChatTemplate

DOUBLING = "{%% set ns = namespace(x=%s, y=%s) %%}{%% for i in range(99) %%}%s{%% endfor %%}"
TREE = DOUBLING % ("('a',)", "('a',)", "{% set ns.x = (ns.x, ns.x) %}{% set ns.y = (ns.y, ns.y) %}")
LONG = "{% set x = 'a' * 400000 %}"
ATTACKS = {
    "loops in loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a loop over generators": "{% set x = range(99999) | map('tojson') %}"
    "{% for i in range(999) %}{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}{% endfor %}",
    "a loop through itself": "{% for x in [range(99999)] recursive %}{% if x is iterable %}{{ loop(x) }}"
    "{% else %}{% for y in range(9999) %}{% endfor %}{% endif %}{% endfor %}",
    "a loop into itself": "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "a macro into itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a macro twice into itself": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}"
    "{% endif %}{% endmacro %}{{ f(50) }}",
    "a block into itself": "{% block a %}{{ self.a() }}{% endblock %}",
    "long output": "{% for a in range(9999) %}{% for b in range(9999) %}xxxxxxxx{% endfor %}{% endfor %}",
    "a text many times": "{{ 'a' * 10**10 }}",
    "a list many times": "{% set x = [0] * 999999999 %}",
    "many times a list": "{% set x = 999999999 * [0] %}",
    "a large power": "{{ 10 ** 10 ** 8 }}",
    "squares": DOUBLING % ("10", "1", "{% set ns.x = ns.x * ns.x %}") + "{{ ns.x }}",
    "a text doubled by +": DOUBLING % ("'abcdefgh'", "1", "{% set ns.x = ns.x + ns.x %}"),
    "a text doubled by ~": DOUBLING % ("'abcdefgh'", "1", "{% set ns.x = ns.x ~ ns.x %}"),
    "a text doubled in a block": DOUBLING
    % ("'abcdefgh'", "1", "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}"),
    "a list doubled": DOUBLING % ("[1, 2, 3]", "1", "{% set ns.x = ns.x + ns.x %}"),
    "a tree shown": TREE + "{{ ns.x }}",
    "a tree as JSON": TREE + "{{ ns.x | tojson }}",
    "a tree as text": TREE + "{{ ns.x | string }}",
    "a tree joined": TREE + "{{ ns.x | join }}",
    "a tree in ~": TREE + "{% set y = ns.x ~ '' %}",
    "trees compared": TREE + "{{ ns.x == ns.y }}",
    "trees compared by a test": TREE + "{{ ns.x is eq ns.y }}",
    "trees compared by a loop": TREE
    + "{% for i in range(3) %}{{ loop.changed(ns.x) }}{{ loop.changed(ns.y) }}{% endfor %}",
    "a tree looked for": TREE + "{{ ns.x in [ns.y] }}",
    "a tree looked for by a method": TREE + "{{ [ns.x].index(ns.y) }}",
    "a tree as a key": TREE + "{{ {ns.x: 1} }}",
    "a tree as an index": TREE + "{{ messages[0][ns.x] }}",
    "a tree as an argument": TREE + "{{ messages[0].get(ns.x) }}",
    "trees made unique": TREE + "{{ [ns.x, ns.y] | unique | list }}",
    "trees sorted": TREE + "{{ [ns.x, ns.y] | sort }}",
    "a tree as an objection": TREE + "{{ raise_exception(ns.x) }}",
    "a deep list": DOUBLING.replace("99", "99999") % ("[]", "1", "{% set ns.x = [ns.x] %}") + "{{ ns.x }}",
    "a deep list as JSON": DOUBLING.replace("99", "900") % ("[0] * 9999", "1", "{% set ns.x = [ns.x] %}")
    + "{{ ns.x | tojson(indent=16) }}",
    "replace": LONG + "{{ x.replace('a', x) }}",
    "replace as a filter": LONG + "{{ x | replace('a', x) }}",
    "replace nothing": LONG + "{{ x.replace('', x) }}",
    "join": LONG + "{{ x.join(['a'] * 100000) }}",
    "join as a filter": LONG + "{{ (['a'] * 100000) | join(x) }}",
    "joined again and again": "{% set x = ['a' * 90000] * 5 %}"
    "{% for i in range(99999) %}{% set y = x | join %}{% endfor %}",
    "strip": LONG + "{{ x.strip('b' * 400000 + 'a') }}",
    "trim": LONG + "{% set y = 'b' * 300000 ~ 'a' %}{{ x | trim(y) }}",
    "a backward search": LONG + "{{ x.rfind('b' ~ 'a' * 200000) }}",
    "indentation": "{% set x = 'x\n' * 9000 %}{{ x | indent(999999999) }}",
    "indentation by a text": LONG + "{% set y = 'x\n' * 9000 %}{{ y | indent(x) }}",
    "a wide number": "{{ '%999999999d' % 1 }}",
    "a wide number as odd": "{{ '%999999999d' is odd }}",
    "wide numbers as odd": "{{ ['%999999999d'] | select('odd') | list }}",
    "a wide number divided": "{{ '%999999999d' is divisibleby 3 }}",
    "a wide format": "{{ '{:999999999}'.format(1) }}",
    "padding": "{{ 'x'.ljust(999999999) }}",
    "zeros": "{{ 'x'.zfill(999999999) }}",
    "the middle": "{{ 'x' | center(999999999) }}",
    "bytes of a number": "{{ (1).to_bytes(999999999, 'big') }}",
    "a precise number": "{{ 1.5 | round(999999999, 'ceil') }}",
    "a long date": "{{ strftime_now('%Y' * 99999) }}",
    "a sum of lists": "{{ ([[1]] * 90000) | sum(start=[]) }}",
    "slices kept": LONG + "{% set ns = namespace(l=[]) %}"
    "{% for i in range(99999) %}{% set ns.l = ns.l + [x[1:]] %}{% endfor %}",
    "lists of a list kept": "{{ ([range(99999)] * 1000) | map('list') | list | length }}",
    "splits kept": "{% set x = 'ab ' * 130000 %}{% set ns = namespace(l=[]) %}"
    "{% for i in range(9999) %}{% set ns.l = ns.l + [x.split()] %}{% endfor %}",
    "sorted again and again": LONG + "{% for i in range(99999) %}{% set y = x | sort %}{% endfor %}",
    "mapped and mapped": "{{ range(99999) | map('string') | map('replace', '1', '2' * 900) | join }}",
    "words without end": "{{ lipsum(n=99999) }}",
    "the class of a text": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "the globals of a method": "{{ messages.__init__.__globals__ }}",
    "a class by a filter": "{{ '' | attr('__class__') }}",
    "a class by an attribute of a list": "{{ (messages | map(attribute='__class__') | list)[0].mro }}",
    "the frame of a macro": "{% macro f() %}{% endmacro %}{{ f._func.__globals__.os }}",
    "a call hidden in a namespace": "{% set ns = namespace() %}{% set ns.__call__ = range %}",
    "a call given to a namespace": "{{ namespace(__call__=range) }}",
    "a list changed": "{{ messages.append(1) }}",
    "another file": "{% include 'x' %}",
    "an import": "{% import 'os' as x %}",
    "a parent": "{% extends '/etc/passwd' %}",
    "an unknown name called": "{{ nothing() }}",
    "a loop over nothing": "{% for x in none %}{% endfor %}",
    "half a block": "{% for x in",
    "an unknown filter": "{{ 1 | nothing }}",
    "division by zero": "{{ 1 // 0 }}",
    "parentheses": "{{ " + "(" * 15000 + "1" + ")" * 15000 + " }}",
    "lists in lists": "{{ " + "[" * 15000 + "]" * 15000 + " }}",
    "a long sum": "{{ " + "+".join(["1"] * 15000) + " }}",
    "very many texts": "{{ " + "~".join(["a"] * 15000) + " }}",
    "many filters": "{{ 1" + "|string" * 4000 + " }}",
    "many attributes": "{{ messages" + ".a" * 15000 + " }}",
    "many conditions in each other": "{% if 1 %}" * 1500 + "{% endif %}" * 1500,
    "many loops in each other": "{% for x in [1] %}" * 25 + "{% endfor %}" * 25,
    "a long comparison": "{{ " + "<".join(["a"] * 15000) + " }}",
    "long digits": "{{ " + "9" * 30000 + " }}",
    "half an escape": "{% raw %}" + "{" * 30000,
}
HARMLESS = {
    "many alternatives": "{% if a %}" + "{% elif a %}" * 2500 + "{% endif %}",
    "many outputs": "{{a}}" * 4900,
    "many names": "".join(f"{{{{a{number}}}}}" for number in range(3500)),
    "many settings": "".join(f"{{% set a{number} = 1 %}}" for number in range(1500)),
    "many loops": "{% for x in y %}{% endfor %}" * 1100,
    "many macros": "{% macro a() %}{% endmacro %}" * 1100,
    "many keys": "{{ {" + "1:1," * 3000 + "} }}",
    "many texts": "{{ " + "~".join(["a"] * 9000) + " }}",
    "many blanks": ("\n" + " " * 200) * 160,
    "a long search": LONG + "{{ x.find('a' * 200000 + 'b') }}{{ ('a' * 200000 + 'b') in x }}",
}
HUNGRY = [name for name in ATTACKS if "doubled" in name or "kept" in name or "many times" in name]
MESSAGES = [{"role": "user", "content": "x"}]


def render(source: str) -> str:
    return ChatTemplate(source).render(MESSAGES, {})


@pytest.mark.parametrize("source", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_ends_soon_with_a_sentence(source: str) -> None:
    started = time.thread_time()
    with pytest.raises(SmallCoderError, match=r"^The model's chat template .*; .*\.$"):
        render(source)
    assert time.thread_time() - started < 3


@pytest.mark.parametrize("source", HARMLESS.values(), ids=HARMLESS)
def test_what_is_only_long_is_soon_done(source: str) -> None:
    started = time.thread_time()
    render(source)
    assert time.thread_time() - started < 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells the peak in another way")
def test_no_attack_takes_much_memory() -> None:
    code = """
import resource, sys
from tests.core.test_bounded_jinja import ATTACKS, HUNGRY, SmallCoderError, render
unit = 1 if sys.platform == "darwin" else 1024
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
before = peak()
for name in HUNGRY:
    try:
        render(ATTACKS[name])
    except SmallCoderError:
        pass
sys.stdout.write(str(peak() - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300 << 20


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ [1, {'a': 'é<'}] | tojson }}", '[1, {"a": "é<"}]'),
        ("{{ {'b': 1, 'a': 2} | tojson(indent=2, sort_keys=true) }}", '{\n  "a": 2,\n  "b": 1\n}'),
        ("{{ [1] | tojson(separators=(',', ':')) }}", "[1]"),
        ("{% if 1 %}\n    x\n  {% endif %}\ny", "    x\ny"),
        ("{% for i in range(9) %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}", "012"),
        (
            "{% for i in [1, 2] %}{{ loop.index }}/{{ loop.length }}{{ loop.last }} {% endfor %}",
            "1/2False 2/2True ",
        ),
        ("{% set x %}a{% generation %}b{% endgeneration %}{% endset %}{{ x | upper }}", "AB"),
        ("{{ messages[0].content }}{{ messages[0]['role'] }}{{ messages[-1:] | length }}", "xuser1"),
        (
            "{{ 'a,b'.split(',')[1] }}{{ ' c '.strip() }}{{ 'd' in 'def' }}{{ 'a' ~ 1 ~ none }}",
            "bcTruea1None",
        ),
        ("{{ tools is none }}{{ x is defined }}{{ x | default('d') }}", "TrueFalsed"),
        ("{% macro f(a) %}<{{ a }}{{ caller() }}>{% endmacro %}{% call f(1) %}2{% endcall %}", "<12>"),
        (
            "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join('-') }}",
            "x",
        ),
        ("{{ dict(a=1).items() | list }}{{ 7 // 2 }}{{ 2 ** 3 }}{{ 7 % 4 }}", "[('a', 1)]383"),
        ("{% for x in [1, [2]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}", "12"),
        ("{{ strftime_now('%Y') | length }}", "4"),
    ],
)
def test_what_templates_use_works(source: str, said: str) -> None:
    assert render(source) == said


def test_one_template_may_run_many_times() -> None:
    template = ChatTemplate("{% for a in range(9000) %}{{ a }}{% endfor %}")
    assert len({template.render(MESSAGES, {}) for _ in range(30)}) == 1


def test_it_cannot_change_what_it_is_given() -> None:
    with pytest.raises(TokenizerError):
        render("{% set x = messages[0].update({'role': 'y'}) %}")
    assert MESSAGES == [{"role": "user", "content": "x"}]


def test_a_template_longer_than_any_is_not_read() -> None:
    with pytest.raises(TokenizerError, match="are read"):
        ChatTemplate(" " * (MAX_TEMPLATE_LETTERS + 1))


WORDS = (
    *("{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", "if", "endif"),
    *("for", "endfor", "in", "set", "endset", "macro", "endmacro", "x", "y", "messages"),
    *("loop", "ns", "range", "1", "2", "-1", "9", "(", ")", "["),
    *(
        "]",
        "{",
        "}",
        ":",
        ",",
        ".",
        "|",
        "~",
        "+",
        "-",
        "*",
        "**",
        "//",
        "%",
        "==",
        "<",
        "not",
        "and",
        "or",
        "is",
    ),
    *("defined", "else", "elif", "string", "join", "tojson", "list", "map", "role", "content"),
    *("items", "format", "__class__"),
    *("namespace", "recursive", "break", "caller", "call", "endcall", "block", "self", "none", "true"),
    *("=", "'a'", "''"),
)
words = st.sampled_from(WORDS)


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.lists(words, max_size=40).map(" ".join),
        st.lists(words, max_size=12).map(lambda words: "{{ " + " ".join(words) + " }}"),
        st.text(max_size=60),
    )
)
def test_nonsense_is_text_or_a_sentence(source: str) -> None:
    with contextlib.suppress(SmallCoderError):
        assert isinstance(render(source), str)
