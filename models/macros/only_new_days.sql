{#
  For dbt: days from the newest one on, or from the variable `since` on, whose late rows are wanted.
  Tidemark's own runner knows what changed and gives a model only that.
#}
{% macro only_new_days() %}
{% if is_incremental() %}
date >= (select least(coalesce(max(date), date '1970-01-01'), date '{{ var("since", "9999-12-31") }}') from {{ this }})
{% else %}
true
{% endif %}
{% endmacro %}
