#!/usr/bin/env python3
"""Small templates and what Jinja2 makes of them under the settings of transformers' apply_chat_template.

usage: make_jinja_cases.py > jinja_cases.jsonl     (jinja2 3.1.6)
The first line holds the context of all others: {"template", "expected"}, or {"template", "error"} where Jinja2 refuses,
or {"template", "refused": why} where Jinja2 prints something of Python's own that bitworth refuses instead.
"""
import json, re
import jinja2, jinja2.sandbox, jinja2.ext, jinja2.nodes


class Generation(jinja2.ext.Extension):
    """{% generation %}: transformers marks the assistant's part with it; the text is as if it were not there."""
    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        return jinja2.nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=lineno)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


ENV = jinja2.sandbox.ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
ENV.filters["tojson"] = tojson
ENV.globals["raise_exception"] = raise_exception

C = {"s": "Hello World", "u": "naïve café 日本 😀", "e": "", "n": 7, "neg": -7, "f": 2.5, "t": True, "z": None,
     "l": [3, 1, 2], "ls": ["b", "A", "c"], "d": {"a": 1, "b": [1, 2], "items": "shadow"}, "ws": "  \t x y \n ",
     "m": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None, "tool_calls": []}],
     "q": "it's \"q\" \\ \n\t\x01\x7f é \u2028", "nest": {"x": {"y": [{"k": "v"}]}}, "big": 12345678901234567,
     "html": "<b>&amp;'\"</b>"}

X = []  # expressions
X += """1 | 1+2*3 | (1+2)*3 | 7//2 | -7//2 | 7%3 | -7%3 | 7%-3 | 7/2 | 4/2 | 2**10 | 2**3**2 | 2**-1 | 1_000 | 0x1F | 0b101 | 0o17
1.5e3 | 1e16 | 1e15 | 1e-5 | 0.0001 | 123456.789 | 1.0 | -0.0 | 1e100 | 0.1+0.2 | 5//0 | 5%0 | 5/0 | 5.5//2 | -5.5//2 | 5.5%2 | -5.5%2
1==1.0 | true==1 | 1 < 2 < 3 | 1 < 3 < 2 | 'a' < 'b' | 'a' < 1 | [1,2] < [1,3] | none == none | none < 1 | [1] == (1,) | {} == {} | {'a':1} == {'a':1.0}
'a' ~ 1 ~ none ~ true ~ 1.5 | 'a' + 'b' | 'a' + 1 | 1 + 'a' | 'ab' * 3 | 3 * 'ab' | [1] * 2 + [2] | [1] + (2,) | 'a' 'b' "c" | 'a' - 'b'
not true | not none | not '' | not 'x' | true and false | 'a' and 'b' | '' or 'b' | none or 0 or [] | 1 and 0 or 3 | not 1 == 2 | true or x.y
1 in [1,2] | 3 not in [1,2] | 'ell' in s | '' in s | 'a' in d | 'z' in d | 1 in s | 1 in 5 | 1 in undefinedx | 'x' in 'xyz' and not 'q' in 'xyz'
'a' if true else 'b' | 'a' if false else 'b' | 'a' if false | ('a' if false) is undefined | 1 if 0 else 2 if 0 else 3 | [1,2,3][0] | [1,2,3][-1] | [1,2,3][5] | [1,2,3]['x']
l[1:] | l[:-1] | l[::-1] | l[::2] | l[5:] | l[-2:] | l[2:0:-1] | l[1:2:0] | s[0] | s[-1] | s[1:4] | s[::-1] | u[3] | u[2:12] | u[::-1] | u[-2:] | s[100] | s[100:] | (1,2,3)[1:] | l[none:2] | l['a':] | s[::3] | d[1:] | z[1:] | (l|reverse)[1:] | d.items()[1:] | range(5)[::2]|list
d.a | d['a'] | d.b[0] | d.missing | d.missing.x | d['missing'] | d.items | d['items'] | d.get('a') | d.get('q') | d.get('q', 5) | d.keys() | d.values()|list | d.items()|list | d.items() | d.keys()|list
m[0].role | m[0]['role'] | m[1].content | m[1].tool_calls | m[5].x | m[0].x.y | nest.x.y[0].k | nest['x']['y'][0]['k'] | nest.x.y.0.k | nest.q is defined | nest.q.r is defined
s.upper() | s.lower() | s.title() | s.capitalize() | s.strip() | ws.strip() | ws.lstrip() | ws.rstrip() | 'xxaxx'.strip('x') | 'abcba'.lstrip('ab') | 'abcba'.rstrip('ab') | ws.strip(none)
s.split() | s.split('o') | s.split('o', 1) | s.split(' ')[1] | ' a  b c '.split() | ' a  b c '.split(none, 1) | ' a  b c '.rsplit(none, 1) | 'a,b,c'.rsplit(',', 1) | 'a,b,c'.rsplit(',') | ''.split() | ''.split(',') | 'a'.split('') | 'aXbXc'.split('X', maxsplit=1) | s.split(sep='l')
s.startswith('He') | s.endswith('ld') | s.startswith('x') | s.startswith(('x', 'H')) | s.startswith(1) | s.replace('l', 'L') | s.replace('l', 'L', 1) | s.replace('', '-') | s.replace('o', '') | 'aaa'.replace('aa', 'b') | e.replace('', 'x')
s.find('o') | s.rfind('o') | s.find('zz') | s.index('W') | s.index('zz') | u.find('日') | s.count('l') | s.count('') | ','.join(['a','b']) | ','.join([1]) | ','.join('abc') | 'abc'.isalpha() | 'a1'.isalnum() | '12'.isdigit() | ''.isdigit() | '²'.isdigit() | '²'.isdecimal() | ' \\n'.isspace() | 'Ab'.isupper() | 'AB1'.isupper() | 'ab'.islower() | '1'.islower()
'a\\nb\\r\\nc'.splitlines() | 'a\\n'.splitlines() | 'a\\nb'.splitlines(true) | 'pre-x'.removeprefix('pre-') | 'x.gguf'.removesuffix('.gguf') | 'a=b=c'.partition('=') | 'a=b=c'.rpartition('=') | 'abc'.partition('=') | 'abc'.rpartition('=') | 'ß'.upper() | 'ÀÉ'.lower() | 'ǆ'.title() | "they're bill's".title() | 'x'.nosuch | 'x'.nosuch() | 'x'.nosuch is defined
[1,2].index(2) | [1,1].count(1) | [1].append(2) | l.sort() | d.update({}) | d.pop('a') | d.clear | {'a':1}.copy() | [3].copy()
s|upper | s|lower | 'hello wORLD-foo (bar)'|title | 'hELLO'|capitalize | ws|trim | 'xax'|trim('x') | 5|trim | none|trim | undefinedx|trim | s|length | l|length | d|length | 5|length | none|length | undefinedx|length | u|length | range(5)|length | s|count
l|first | l|last | []|first | []|last | ''|first | s|first | s|last | l|join | l|join(',') | l|join(', ')|upper | m|join(',', attribute='role') | 'abc'|join('-') | [1,none,true,'x']|join('|') | undefinedx|join(',') | 5|join
l|sort | l|sort(reverse=true) | ls|sort | ls|sort(case_sensitive=true) | m|sort(attribute='role')|map(attribute='role')|list | [1,'a']|sort | l|reverse|list | 'abc'|reverse | l|reverse | l|list | 'abc'|list | d|list | 5|list | l|sum | [1.5,2]|sum | m|map(attribute='content')|list | []|sum | [[1],[2]]|sum(start=[]) | ['a']|sum | l|max | l|min | ls|max | []|max | [3,3,1]|unique|list | ['a','A']|unique|list | ['a','A']|unique(case_sensitive=true)|list
m|map(attribute='role')|join(',') | l|map('string')|list | ls|map('upper')|list | l|map('default', 1)|list | m|map(attribute='zz', default='none')|list | m|map(attribute='zz')|list | ls|map('replace', 'b', 'x')|list | l|map('nosuch')|list | [' a ']|map('trim')|list | nest.x.y|map(attribute='k')|first | [{'a':{'b':1}}]|map(attribute='a.b')|list | [[1,2]]|map(attribute=1)|list
l|select|list | [0,1,none,'']|select|list | l|select('odd')|list | l|select('gt', 1)|list | l|reject('odd')|list | [0,1]|reject|list | m|selectattr('content')|list|length | m|selectattr('role', 'equalto', 'user')|list | m|selectattr('role', '==', 'user')|list | m|rejectattr('role', 'eq', 'user')|map(attribute='role')|list | m|selectattr('tool_calls', 'defined')|list|length | m|selectattr('content', 'none')|list|length | l|select('nosuch')|list | ls|select('in', ['A'])|list | 'yes' if []|select else 'no' | l|select('odd')|length | (l|select('odd'))[0] is defined
undefinedx|default('d') | none|default('d') | none|default('d', true) | ''|default('d', true) | ''|default('d', boolean=true) | undefinedx|d('x') | d.zz|default(5) | undefinedx|default | x.y|default('d') | 1|default
'3'|int | '3.7'|int | 'x'|int | 'x'|int(5) | 3.9|int | -3.9|int | none|int | '0x1f'|int(base=16) | 'ff'|int(0, 16) | ' 4 '|int | '1_0'|int | true|int | []|int | '1.5'|float | 'x'|float | 'x'|float(2.5) | 3|float | '1e3'|float | ' 2 '|float | none|float | 'nan'|float | 'inf'|float | -3|abs | -3.5|abs | 'a'|abs | 2.5|round | 3.5|round | 2.567|round(2) | 7|round | 2.1|round(0, 'ceil') | 2.9|round(method='floor') | 2.675|round(2) | 'a'|round | 42.55|round(1,'floor')
1|string | 1.5|string | none|string | true|string | l|string | d|string | undefinedx|string | (1,)|string | ()|string | [[],{},()]|string | ['it\\'s', "a\\"b", 'both\\'"', 'nl\\n', 'é', '\\x00', '\\u200b', '\\\\']|string | q|string | [q]|string | [1.0, 1e20, -0.5, true, none]|string | {'k': {'n': [1]}}|string | {1: 'a', none: 2, 1.5: 3, true: 4}|string | [undefinedx]|string
l|tojson | d|tojson | none|tojson | true|tojson | 1.5|tojson | 1e20|tojson | 's'|tojson | u|tojson | u|tojson(ensure_ascii=true) | q|tojson | q|tojson(true) | html|tojson | d|tojson(indent=2) | d|tojson(indent=4) | []|tojson(indent=2) | {}|tojson(indent=2) | {'a':[]}|tojson(indent=2) | [[1,[2]],{'a':{'b':1}}]|tojson(indent=1) | d|tojson(indent=0) | d|tojson(separators=(',',':')) | d|tojson(indent=2, separators=(',',': ')) | {'b':1,'a':{'d':1,'c':2}}|tojson(sort_keys=true) | (1,2)|tojson | undefinedx|tojson | {1:2}|tojson | {true:1, none:2, 1.5:3}|tojson | l|select|tojson | range(3)|tojson | d|tojson(indent='--') | d.items()|tojson | [none,true,false]|tojson | '\\u2028\\ud7ff'|tojson | 'x'|float|tojson | ('nan'|float)|tojson | big|tojson
'%s is %d'|format('a', 5) | '%s %r'|format('a', 'b') | '%.2f'|format(1.005) | '%5d|%-5d|%05d'|format(1,2,3) | '%x %X %o'|format(255,255,8) | '%%'|format | '%s'|format | '%s'|format(1,2) | '%d'|format('a') | 'a %s b' % 'c' | '%s-%s' % (1,2) | '%(a)s'|format(a=1) | '%d'|format(1.9) | '%e'|format(1234.5) | '%s' % none | 'x' % [1] | 'x' % {} | 'x' % (1,) | 'x' % l|map('string')
'a\\nb\\n\\nc'|indent | 'a\\nb'|indent(2) | 'a\\nb'|indent(2, true) | 'a\\n\\nb'|indent(2, false, true) | 'a\\nb'|indent('> ') | 'a\\nb'|indent(width=3, first=true) | 'a\\n'|indent(2) | ''|indent | ''|indent(first=true)
d|items|list | d|dictsort | {'b':1,'a':2}|dictsort | {'b':1,'a':2}|dictsort(by='value') | {'b':1,'A':2}|dictsort(true) | {'b':1,'a':2}|dictsort(reverse=true) | undefinedx|items|list | 5|items | l|batch(2)|list | l|batch(2, 'x')|list
'<b>'|safe | html|safe | s|replace('o', '0') | s|replace('o', '0', 1) | 5|replace('5', '6') | s|replace('l','')|upper|lower|title
x is defined | s is defined | x is undefined | x is not defined | z is none | s is none | s is string | n is string | n is number | t is number | f is number | n is integer | t is integer | f is integer | f is float | n is float | t is boolean | n is boolean | l is sequence | s is sequence | d is sequence | n is sequence | l is iterable | s is iterable | n is iterable | d is mapping | l is mapping | t is true | n is true | t is false | range is callable | s is callable | s.upper is callable
n is odd | n is even | neg is odd | f is odd | 4 is divisibleby 2 | 5 is divisibleby(2) | 5 is eq 5 | 5 is equalto(5) | 5 is == 5 | 5 is ne 4 | 5 is gt 4 | 5 is lt 4 | 5 is ge 5 | 5 is le 4 | 5 is greaterthan 4 | 5 is lessthan 9 | 1 is in [1,2] | 1 is not in [1,2] | none is sameas none | 1 is sameas true | true is sameas true | 's' is lower | 'S' is upper | 'upper' is filter | 'nosuch' is filter | 'odd' is test | s is nosuch | x is none | x is string | x is iterable | x is mapping | x is sequence | x is callable | x is defined in [1] | 2 is even if true | not x is defined | x is defined and x | s is string and s is not none
range(3)|list | range(1,4)|list | range(5,0,-2)|list | range(0)|list | range(3)[1] | range(10)[2:5]|list | range(100001) | range(100000)|length | range(1,2,0) | range('a') | range(-3)|list | range(3)|sum | 2 in range(3) | range(4)|last
[1, 'a', none, [2]] | (1,) | (1, 2) | () | {'a': 1, 'b': [1]} | {'a': 1,} | [1,] | {} | [] | {'a': 1, 'a': 2} | {1: 2}[1] | {[1]: 2} | {none: 1} | 1, 2 | namespace(a=1).a | namespace(a=1).b | namespace({'a': 1}).a | dict(a=1, b=2) | dict({'a':1}, b=2) | dict(a=1).a | dict()
x | x.y | x['y'] | x() | x + 1 | x ~ 'a' | -x | x|upper | x == y | x == none | x != 1 | x > 1 | x in [1] | not x | x and 1 | x or 1 | [x] | x|list | x|length | x[0] | x[1:] | s.x | s.x.y | z.x | z.x.y | z['x'] | n.x | l.x | l.x is defined | x.y is defined
''.__class__ | ''.__class__.__mro__ | ''['__class__'] | ''['__class__'] is defined | l.__init__ | d.__class__.__name__ | s.__class__() | range.__globals__ | self | lipsum is defined | nosuch() | s() | (1)() | '{}'.format | loop | loop.index
'\\x41\\u00e9\\U0001F600\\101\\d\\'\\"\\\\' | "a'b" | 'a"b' | 'a\\\nb' | 'tab\\tnl\\n|' | '\\0' | u|upper | u|title | 'ﬁ'|upper|length > 0 | 'ΑΣ'|lower|length""".split(" | ")
X = [x for line in X for x in line.split("\n") if x.strip()]
# A bar written inside an expression was split above only where it had a space on both sides.
EXPRESSIONS = [("{{ " + x + " }}") for x in X]

STATEMENTS = [
    "{% for x in l %}{{ x }}{% endfor %}", "{% for x in l %}{{ loop.index }}/{{ loop.length }} {% endfor %}",
    "{% for x in l %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem|default('-') }}{{ loop.nextitem|default('-') }} {% endfor %}",
    "{% for x in l %}{{ loop.cycle('a','b') }}{% endfor %}", "{% for x in [1,1,2] %}{{ loop.changed(x) }} {% endfor %}",
    "{% for x in [] %}a{% else %}none{% endfor %}", "{% for x in l %}a{% else %}none{% endfor %}",
    "{% for x in undefinedx %}a{% else %}none{% endfor %}", "{% for x in none %}a{% endfor %}", "{% for x in 5 %}a{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d|items %}{{ k }}{{ loop.last }}{% endfor %}", "{% for k, v in d|dictsort %}{{ k }}{% endfor %}",
    "{% for a, b in [[1,2],[3,4]] %}{{ a+b }} {% endfor %}", "{% for a, b in [[1,2,3]] %}{{ a }}{% endfor %}", "{% for a, b in [1] %}{{ a }}{% endfor %}",
    "{% for (a, (b, c)) in [[1,[2,3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for c in 'añb' %}[{{ c }}]{% endfor %}",
    "{% for x in l if x > 1 %}{{ x }}{{ loop.index }}{{ loop.length }}{{ loop.last }};{% endfor %}", "{% for x in l if x > 9 %}a{% else %}e{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% for y in ls %}{{ x }}{{ y }}{{ loop.index }} {% endfor %}{{ loop.index }}\n{% endfor %}",
    "{% for x in l %}{% for y in [1,2,3] %}{% if y == 2 %}{% break %}{% endif %}{{ y }}{% endfor %}|{% endfor %}", "{% break %}",
    "{% for x in l %}{{ x }}{% endfor %}{{ x }}", "{% set x = 1 %}{% for x in l %}{% endfor %}{{ x }}",
    "{% set c = 0 %}{% for x in l %}{% set c = c + 1 %}{{ c }}{% endfor %}{{ c }}",
    "{% set ns = namespace(c=0) %}{% for x in l %}{% set ns.c = ns.c + x %}{% endfor %}{{ ns.c }}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b is defined }}", "{% set d.a = 5 %}{{ d.a }}", "{% set q.a = 5 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set a = 1, 2 %}{{ a }}", "{% set (a, b) = 'xy' %}{{ a }}{{ b }}",
    "{% set x %}a{{ n }}b{% endset %}[{{ x }}]{{ x|length }}", "{% set x | upper %}abc{% endset %}{{ x }}", "{% set x | replace('a','b') | trim %} aa {% endset %}[{{ x }}]",
    "{% if n == 7 %}y{% endif %}", "{% if n %}a{% else %}b{% endif %}", "{% if z %}a{% elif t %}b{% else %}c{% endif %}", "{% if z %}a{% elif z %}b{% elif e %}c{% else %}d{% endif %}",
    "{% if true %}{% set v = 1 %}{% endif %}{{ v }}", "{% if false %}{% set v = 1 %}{% endif %}{{ v }}", "{% set v = 5 %}{% if true %}{% set v = v + 1 %}{% endif %}{{ v }}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=1, a=0) }}{{ m() }}", "{% macro m(a) %}x{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, k=4) }}", "{% macro m(a) %}x{% endmacro %}{{ m(k=1) }}", "{% macro m(a) %}x{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m() %}{{ s }}{% endmacro %}{{ m() }}", "{% set g = 1 %}{% macro m() %}{{ g }}{% endmacro %}{% set g = 2 %}{{ m() }}", "{% macro m() %}{% set g = 9 %}{% endmacro %}{{ m() }}{{ g }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %},{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}", "{% macro a() %}A{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}",
    "{% macro m(x) %}[{{ caller(x) }}]{% endmacro %}{% call(y) m(3) %}<{{ y }}>{% endcall %}", "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}in{{ n }}{% endcall %}",
    "{% macro m() %}x{% endmacro %}{% call m() %}in{% endcall %}", "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(4) }}", "{% macro m() %} x {% endmacro %}{{ m()|trim }}|{{ m()|length }}",
    "{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro m(l) %}{% for x in l recursive %}{{ x }}{% endfor %}{% endmacro %}{{ m([1,2]) }}",
    "{% for x in [1,[2,[3]]] recursive %}{% if x is iterable %}({{ loop(x) }}:{{ loop.depth }}){% else %}{{ x }}{% endif %}{% endfor %}", "{% for x in l %}{{ loop(x) }}{% endfor %}",
    "{% with a=1, b=2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a }}", "{% set a = 1 %}{% with a=2, b=a %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% filter upper %}abc{{ s }}{% endfilter %}", "{% filter replace('a','b')|upper %}aa{% endfilter %}", "{% raw %}{{ x }}{% if %}{% endraw %}", "{%- raw -%}  {{ x }}  {%- endraw -%}  y", "{% raw %}\n a\n{% endraw %}\nb",
    "{% generation %}a{{ n }}{% endgeneration %}", "{% generation %}{% set w = 1 %}{{ w }}{% endgeneration %}",
    "{# comment #}a", "a{# c #}\nb", "a{#- c -#}\n b", "  {# c #}\nb", "{# {{ x }} {% if %} #}ok", "{#-#}a", "a {#+ c +#}\nb",
    "a\n{% if true %}\nb\n{% endif %}\nc", "a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  {%+ if true %}\n  b\n  {%+ endif %}\nc", "a {% if true +%}\nb{% endif %}", "a  {%- if true -%}  b  {%- endif -%}  c",
    "  {{ n }}  \n", "a\n  {{- n -}}  \nb", "x {{ n }}\n", "x {{ n }}\n\n", "{% if true %}a{% endif %}\n\nb", "\n{% if true %}a{% endif %}", "  {% if true %}  a  {% endif %}  ", "a  {% if true %}b{% endif %}",
    "{{ 1 }}  {% set a = 1 %}\n{{ 2 }}", "\t{% set a = 1 %}\tx", "a\r\n{% if true %}\r\nb{% endif %}\r\n", "{%set a=1%}{{a}}", "{{n}}{{-n}}{{+n}}{{- n}}", "{{ {'a': {'b': 1}}.a.b }}", "{{ '}}' }}{{ '%}' }}", "{{ [1,{'a':2}][1]['a'] }}",
    "{{ n", "{% if n %}", "{% endif %}", "{% if %}{% endif %}", "{% for x %}{% endfor %}", "{% for x in %}{% endfor %}", "{{ }}", "{{ 1 + }}", "{{ (1 }}", "{{ [1 }}", "{{ 1) }}", "{{ 'abc }}", "{% nosuch %}", "{% set %}", "{% set 1 = 2 %}", "{{ a b }}", "{{ a ! }}", "{{ x|nosuch }}", "{{ x is nosuch }}",
    "{% macro %}{% endmacro %}", "{% macro m(a, a) %}{% endmacro %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% block a %}{% endblock %}{% extends 'x' %}", "{% include 'x' %}", "{% import 'x' as y %}", "{# open", "{% raw %}x", "{% if true %}{% for x in l %}{% endif %}{% endfor %}", "{{ f(a=1, 2) }}", "{{ x if }}", "{% set none = 1 %}", "{% for loop in l %}{% endfor %}",
    "{{ raise_exception('stop ' ~ n) }}", "{% if n > 5 %}{{ raise_exception('too big') }}{% endif %}", "{{ strftime_now('%Y') if strftime_now is defined else 'no clock' }}",
    "{% set messages = m[1:] %}{{ messages|length }}{{ m|length }}", "{% set loop_m = m %}{% for x in loop_m %}{{ x['role'] }}{% endfor %}", "{% set x = {'a': 1} %}{{ x.a }}{{ x['a'] }}{{ 'a' in x }}",
    "{% for x in m %}{% if (x['role'] == 'user') != (loop.index0 % 2 == 0) %}bad{% endif %}{{ x.role }}{% endfor %}", "{% for x in m[::-1] %}{{ x.role }}{% endfor %}", "{% for x in l|reverse %}{{ x }}{{ loop.last }}{% endfor %}",
    "{% set g = l|select('odd') %}{{ g|list }}{{ g|list }}", "{% set g = l|map('string') %}{% for x in g %}{{ x }}{% endfor %}{% for x in g %}{{ x }}{% else %}empty{% endfor %}", "{% set g = l|reverse %}{{ g|first }}{{ g|first }}",
    "{{ 'a' 'b' ~ 'c' 'd' }}", "{{ -1|abs }}", "{{ -n|abs }}", "{{ 1 if true else 2 if false else 3 }}", "{{ not not true }}", "{{ 1 + 2 ~ 3 + 4 }}", "{{ 2 * 3 ~ 4 * 5 }}", "{{ '1' ~ 2 + 3 }}", "{{ 10 - 2 - 3 }}", "{{ 2 ** 2 * 3 }}", "{{ -2 ** 2 }}", "{{ 7 // 2 * 2 }}", "{{ 1 < 2 and 2 < 3 or false }}", "{{ 'a' in 'abc' == true }}", "{{ 1 == 1 in [true] }}",
    "{{ m[0]['content'] + '!' if m[0]['role'] == 'user' else '' }}", "{{ (m|selectattr('role','equalto','assistant')|list)[-1].role }}", "{{ m | map(attribute='role') | unique | join('/') }}", "{{ (l|sort)[0] }}", "{{ (s|list|reverse|list)[0] }}", "{{ ('a,b' | string).split(',') | last }}", "{{ [s, e] | select | join(' ') }}", "{{ s is string and s|length > 3 }}", "{{ 'x' if x is not defined else x }}", "{{ s[:5] ~ '…' if s|length > 5 else s }}",
    "{{ d['items'] }}{{ d.items is callable }}{{ d['keys'] is callable }}", "{{ l is not string and l is iterable }}", "{{ {'a':1}.items()|list }}", "{{ {'a':1}.items()|first }}", "{{ d.items()|length }}", "{{ d.items()[0] is defined }}", "{{ namespace(a=1) is mapping }}", "{{ (1,2) == (1,2) }}", "{{ 'Ab' == 'ab' }}", "{{ [1,2] == [1,2] }}{{ [1,2] != [1,3] }}", "{{ 1 == '1' }}{{ none == false }}{{ 0 == false }}{{ '' == none }}",
    "{{ n|string + 'x' }}", "{{ 'x' * 0 }}|{{ 'x' * -1 }}", "{{ 'a' * 'b' }}", "{{ [] + [] }}", "{{ d + d }}", "{{ none + 1 }}", "{{ l|join(n) }}", "{{ u|length }}{{ u[-1] }}", "{{ l.0 }}{{ l.2 }}", "{{ m.0.role }}", "{{ 9223372036854775807 }}", "{{ 1.0|int }}{{ 1e3|int }}", "{{ [1,2,3][0:2] }}", "{{ 1 if x else 0 }}{{ 1 if x is defined and x else 0 }}",
    "{% for x in range(3) %}{{ x }}{{ ',' if not loop.last }}{% endfor %}", "{% for x in l -%}\n  {{ x }}\n{%- endfor %}", "{%- for x in l %}\n{{ x }}\n{%- endfor -%}\n", "{% for k, v in {'a': {'b': 1}}.items() %}{% for k2, v2 in v.items() %}{{ k }}{{ k2 }}{{ v2 }}{% endfor %}{% endfor %}",
    "{%- macro render(v, depth=0) -%}{%- if v is mapping -%}{ {%- for k, x in v.items() -%}{{ k }}: {{ render(x, depth + 1) }}{{ ', ' if not loop.last }}{%- endfor -%} }{%- elif v is iterable and v is not string -%}[{%- for x in v -%}{{ render(x, depth + 1) }}{{ ', ' if not loop.last }}{%- endfor -%}]{%- else -%}{{ v|tojson }}{%- endif -%}{%- endmacro -%}{{ render(nest) }}{{ render(d) }}",
    "{% set content = 'a</think>b'.split('</think>') %}{{ content[-1] }}{{ content[0] }}", "{% if '</think>' in s %}y{% else %}n{% endif %}", "{% set x = s.split('o')[-1].lstrip('\\n') %}{{ x }}", "{{ s.split(' ')|first|lower }}",
    "{% set ns = namespace(found=false) %}{% for x in m %}{% if x.content is none %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}", "{% set ns = namespace(l=[]) %}{% for x in l %}{% set ns.l = ns.l + [x * 2] %}{% endfor %}{{ ns.l }}",
    "{% call(a) nosuch() %}{% endcall %}", "{{ caller }}", "{% for x in l %}{{ loop }}{% break %}{% endfor %}", "{% set x = loop %}", "{{ range }}", "{% if x %}{% endif %}{{ x|default('u') }}", "{% for x in l %}{% set y = x %}{% if loop.last %}{{ y }}{% endif %}{% endfor %}{{ y is defined }}",
    "{{ ('<a>'|safe) ~ '<b>' }}", "{{ ('<a>'|safe) + '<b>' }}", "{{ '<b>&' + ('<a>'|safe) }}", "{{ ('<a>'|safe) + ('<b>'|safe) + '\"' + \"'\" }}", "{{ (html|safe + html)|length }}", "{% set x = html|safe if n else s %}{{ x ~ x }}{{ x is escaped }}{{ s is escaped }}",
    "{{ '<a>'|safe|safe }}", "{{ ('<a>'|safe|string) + '<' }}", "{{ ('<a>'|safe ~ '<') + '<' }}", "{{ [('<a>'|safe), '<b>']|join }}", "{{ '%s<'|format('<a>'|safe) }}", "{{ '<'|replace('<', '<a>'|safe) + '<' }}", "{{ ('<a>'|safe) == '<a>' }}{{ '<' in ('<a>'|safe) }}", "{{ ('<a>'|safe)|length }}{{ ('<a>'|safe)|tojson }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{{ m('<a>'|safe) + '<' }}", "{% set x %}{{ '<a>'|safe }}{% endset %}{{ x + '<' }}", "{% for c in '<a>'|safe %}{{ c + '<' }}{% endfor %}", "{{ n|safe + '<' }}", "{{ (l|safe) + '<' }}", "{{ missing|safe }}", "{{ none|safe ~ 1 }}", "{{ {'k': '<a>'|safe}.k + '<' }}", "{{ [html]|map('safe')|first + '<' }}", "{{ ('<a>'|safe)|default('x') + '<' }}", "{{ ['a<', 'b'|safe]|sum(start='') }}",
    "{% filter safe %}<a>{% endfilter %}", "{% set x | safe %}<a>{% endset %}{{ x + '<' }}", "{{ ('<'|safe) + 1 }}", "{{ ('<a>'|safe)|upper ~ '' if false }}",
]


def case(template):
    row = {"template": template}
    try:
        row["expected"] = ENV.from_string(template).render(**json.loads(json.dumps(C)))
        if re.search("<.*(object|function|Context|Reference|Undefined)", row["expected"]) or "lipsum" in template:
            row["refused"] = "Python's own: " + re.sub(" at 0x[0-9a-f]+", "", row.pop("expected"))
    except Exception as e:
        row["error"] = f"{type(e).__name__}: {e}"
    return row


def main():
    seen = set()
    print(json.dumps({"context": C}))  # the first line: the context of all the others
    for template in EXPRESSIONS + STATEMENTS:
        if template in seen:
            continue
        seen.add(template)
        print(json.dumps(case(template)))


if __name__ == "__main__":
    main()
