{#
  Statistics are doubles, and a sum of doubles depends on the order of its rows. These sum doubles as decimals, so that the
  same rows give the same digits wherever they are computed.
#}
{% macro exact_sum(value) %}sum(({{ value }})::decimal(38, 20))::double{% endmacro %}

{# Standard deviation of a sample; null with fewer than two values. #}
{% macro exact_stddev(value) %}
case when count({{ value }}) > 1 then sqrt(greatest(0,
    ({{ exact_sum(value ~ ' * ' ~ value) }} - {{ exact_sum(value) }} * {{ exact_sum(value) }} / count({{ value }})::double)
    / (count({{ value }}) - 1)::double)) end
{% endmacro %}
