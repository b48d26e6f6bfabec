// What hostile templates may not do: take the machine's time, memory or stack, or reach outside.
#include <gtest/gtest.h>

#include <ctime>

#include "text/chat.h"

namespace bw::text {
namespace {

ChatTemplate parsed(const std::string& source) {
  auto t = ChatTemplate::parse(source);
  EXPECT_TRUE(t) << source.substr(0, 200) << ": " << (t ? "" : t.error().what);
  return std::move(*t);
}

TEST(ChatBounds, templates_that_never_end_or_grow_without_bound_are_stopped) {
  const std::vector<std::string> sources = {
      "{{ range(1000000000)|length }}",
      "{% for a in range(100000) %}{% for b in range(100000) %}{{ '' }}{% endfor %}{% endfor %}",
      "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
      "{% set n = namespace(s='ab') %}{% for i in range(200) %}{% set n.s = n.s + n.s %}{% endfor %}",
      "{% set n = namespace(s=[1]) %}{% for i in range(200) %}{% set n.s = n.s + n.s %}{% endfor %}",
      "{% set n = namespace(s='ab') %}{% for i in range(200) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
      "{% set n = namespace(s='ab') %}{% for i in range(200) %}{% set n.s = n.s|replace('a', n.s) %}{% "
      "endfor %}",
      "{% set n = namespace(s='ab') %}{% for i in range(200) %}{% set n.s = '%s%s'|format(n.s, n.s) %}{% "
      "endfor %}",
      "{% set n = namespace(s='ab') %}{% for i in range(200) %}{% set n.s = [n.s, n.s]|join %}{% endfor %}",
      "{% set n = namespace(s='ab') %}{% for i in range(200) %}{% set n.s = [n.s, n.s]|tojson %}{% endfor %}",
      "{% set n = namespace(s='ab') %}{% for i in range(200) %}{% set n.s = [n.s, n.s]|string %}{% endfor %}",
      "{% set n = namespace(s='ab') %}{% for i in range(200) %}{% set n.s %}{{ n.s }}{{ n.s }}{% endset %}{% "
      "endfor %}",
      "{% set n = namespace(s=[1]) %}{% for i in range(90) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ "
      "n.s|tojson }}",
      "{% set n = namespace(s=[1]) %}{% for i in range(90) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
      "{% set n = namespace(s=[1], t=[1]) %}{% for i in range(90) %}{% set n.s = [n.s, n.s] %}{% set n.t = "
      "[n.t, n.t] %}{% endfor %}{{ n.s == n.t }}",
      "{% set n = namespace(s=[1], t=[1]) %}{% for i in range(90) %}{% set n.s = [n.s, n.s] %}{% set n.t = "
      "[n.t, n.t] %}{% endfor %}{{ n.s < n.t }}",
      "{% set n = namespace(s={'a': 1}) %}{% for i in range(90) %}{% set n.s = {'a': n.s, 'b': n.s} %}{% "
      "endfor %}{{ n.s|tojson(indent=900) }}",
      "{% set n = namespace(s=[]) %}{% for i in range(100000) %}{% set n.s = [n.s] %}{% endfor %}",
      "{{ 'x' * 1000000000000000000 }}",
      "{{ [1] * 1000000000000000000 }}",
      "{{ 2 ** 1000000000000 }}",
      "{{ 9223372036854775807 + 1 }}",
      "{{ '' * 10 ~ 'x' * 99999999999 }}",
      "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
      "{{ ('a' * 100000)|replace('', 'b' * 100000) }}",
      "{{ ('a' * 1000000).split('a')|map('replace', '', 'x' * 1000)|join }}",
      "{{ (['x'] * 100000)|join('y' * 100000) }}",
      "{{ ('a\n' * 1000000)|indent(1000) }}",
      "{{ [1]|batch(1000000000000, 0)|list }}",
      "{{ range(100000)|list|unique|list|length }}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f(x) %}{{ caller(x) }}{% endmacro %}{% macro g() %}{% call(x) f(1) %}{{ g() }}{% endcall "
      "%}{% endmacro %}{{ g() }}",
      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
      "{% set n = namespace() %}{% macro f() %}{{ n.f() }}{% endmacro %}{% set n.f = f %}{{ n.f() }}",
      "{% for i in range(99999) %}{% set x = 'a' * 100000 %}{% endfor %}",
      "{% for i in range(99999) %}{{ ('a' * 900000) in ('a' * 900001) }}{% endfor %}",
      "{{ " + std::string(100000, '(') + "1" + std::string(100000, ')') + " }}",
      "{{ " + std::string(100000, '[') + " }}",
      "{{ " + std::string(100000, '-') + "1 }}",
      [] {
        std::string s = "{{ ";
        for (int i = 0; i < 50000; ++i) s += "not ";
        return s + "1 }}";
      }(),
      [] {
        std::string s = "{{ ";
        for (int i = 0; i < 50000; ++i) s += "1 if 1 else ";
        return s + "1 }}";
      }(),
      [] {
        std::string s = "{{ 1";
        for (int i = 0; i < 50000; ++i) s += " if 1";
        return s + " }}";
      }(),
      [] {
        std::string s;
        for (int i = 0; i < 50000; ++i) s += "{% if 1 %}";
        return s;
      }(),
      [] {
        std::string s = "{{ ";
        for (int i = 0; i < 50000; ++i) s += "f(";
        return s + " }}";
      }(),
      [] {
        std::string s = "{{ ";
        for (int i = 0; i < 50000; ++i) s += "{1:";
        return s + " }}";
      }(),
      [] {
        std::string s = "{% set ";
        for (int i = 0; i < 50000; ++i) s += "(";
        return s + "a %}";
      }(),
      std::string(100u << 20, 'x'),
  };
  for (const std::string& source : sources) {
    const std::clock_t start = std::clock();  // of this process: other work on the machine does not count
    auto t = ChatTemplate::parse(source);
    std::string error = t ? "" : t.error().what;
    if (t) {
      const auto got = t->render_json("{}");
      error = got ? "" : got.error().what;
    }
    const double s = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    EXPECT_NE(error, "") << source.substr(0, 200);
    EXPECT_LT(s, 20) << source.substr(
        0, 200);  // each takes under a second optimised; the bound is for sanitizers
  }
}

TEST(ChatBounds, long_but_flat_templates_are_no_attack) {
  std::string sum = "{{ 1", chain = "{{ 'a'", text, elifs = "{% if 0 %}";
  for (int i = 0; i < 5000; ++i) sum += " + 1", chain += "|trim", text += "{{ 1 }}", elifs += "{% elif 0 %}";
  EXPECT_EQ(parsed(sum + " }}").render_json("{}")->at(0).text, "5001");
  EXPECT_EQ(parsed(chain + " }}").render_json("{}")->at(0).text, "a");
  EXPECT_EQ(parsed(text).render_json("{}")->at(0).text.size(), 5000u);
  EXPECT_EQ(parsed(elifs + "{% else %}z{% endif %}").render_json("{}")->at(0).text, "z");
}

TEST(ChatBounds, limits_are_the_callers_to_set) {
  const ChatTemplate t = parsed("{% for i in range(100) %}{{ 'abcdefghij' }}{% endfor %}");
  EXPECT_TRUE(t.render_json("{}"));
  RenderLimits few;
  few.max_steps = 100;
  EXPECT_FALSE(t.render_json("{}", few));
  few = {};
  few.max_output = 999;
  EXPECT_FALSE(t.render_json("{}", few));
  few.max_output = 1000;
  EXPECT_TRUE(t.render_json("{}", few));
  const ChatTemplate deep = parsed("{% macro f(n) %}{{ f(n - 1) if n else '' }}{% endmacro %}{{ f(20) }}");
  EXPECT_TRUE(deep.render_json("{}"));
  few = {};
  few.max_depth = 10;
  EXPECT_FALSE(deep.render_json("{}", few));
}

TEST(ChatBounds, contexts_that_are_no_json_or_nest_too_deep_are_refused) {
  const ChatTemplate t = parsed("{{ x }}");
  for (const std::string& context :
       {std::string(""), std::string("[1]"), std::string("{\"x\": "),
        std::string("{\"x\": 99999999999999999999999}"), "{\"x\": " + std::string(1000000, '['),
        "{\"x\": " + std::string(200, '[') + std::string(200, ']') + "}", std::string("{\"x\": \"\xFF\"}")}) {
    const auto got = t.render_json(context);
    if (context.find("9999") != std::string::npos) continue;  // read as a float, as any JSON reader may
    EXPECT_FALSE(got) << context.substr(0, 40);
  }
  EXPECT_EQ(t.render_json("{\"x\": 1, \"x\": 2}")->at(0).text, "2");
}

TEST(ChatBounds, nothing_outside_can_be_reached) {
  for (const char* source : {"{{ ''.__class__.__mro__ }}",
                             "{{ range.__globals__.os }}",
                             "{{ loop.__init__() }}",
                             "{{ self._TemplateReference__context }}",
                             "{{ cycler.__init__.__globals__ }}",
                             "{% include '/etc/passwd' %}",
                             "{% import 'os' as os %}",
                             "{% from 'os' import system %}",
                             "{% extends '/etc/passwd' %}",
                             "{{ lipsum.__globals__ }}",
                             "{{ get_flashed_messages() }}",
                             "{{ request.x }}",
                             "{{ config.x }}",
                             "{{ ''['__class__']['x'] }}",
                             "{{ x|attr('__class__') }}",
                             "{{ [].append(1) }}",
                             "{{ {}.update({}) }}",
                             "{{ '{0.__class__}'.format(1) }}",
                             "{{ namespace().__dict__.x }}",
                             "{{ open('/etc/passwd') }}",
                             "{{ env('HOME') }}",
                             "{% do 1 %}",
                             "{{ [1]|map(attribute='__class__.x')|list }}"}) {
    auto t = ChatTemplate::parse(source);
    if (!t) continue;
    const auto got = t->render_json("{}");
    EXPECT_FALSE(got) << source;
  }
}

TEST(ChatBounds, the_date_is_told_only_when_it_is_given) {
  const ChatTemplate t = parsed("{{ strftime_now('%d %b %Y') }}");
  EXPECT_FALSE(t.render_json("{}"));
  RenderLimits at;
  at.now = 1732406400;  // 2024-11-24 00:00 UTC, by date -u -d @1732406400
  std::string date;
  const auto told = t.render_json("{}", at);
  ASSERT_TRUE(told);
  for (const Segment& s : *told) date += s.text;
  EXPECT_EQ(date, "24 Nov 2024");
}

}  // namespace
}  // namespace bw::text
