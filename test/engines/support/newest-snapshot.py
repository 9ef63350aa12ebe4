# Answers one question a line: which snapshot of a table is the newest, and what its rows add up to.
import json
import sys

import pyarrow.compute as pc
from pyiceberg.catalog import load_catalog
from pyiceberg.table import StaticTable

catalogs = {}


def open_table(question):
    properties = question.get("properties", {})
    if "metadata" in question:
        return StaticTable.from_metadata(question["metadata"], properties)
    uri = question["catalog"]
    if uri not in catalogs:
        catalogs[uri] = load_catalog("tidemark", type="rest", uri=uri, **properties)
    return catalogs[uri].load_table(("tidemark", question["table"]))


def answer(question):
    table = open_table(question)
    snapshot = table.current_snapshot()
    rows = table.scan(selected_fields=tuple(question["summed"])).to_arrow()
    sums = {}
    for name in question["summed"]:
        total = pc.sum(rows[name]).as_py()
        sums[name] = None if total is None else format(total, "f" if hasattr(total, "as_tuple") else "d")
    return {
        "version": int(snapshot.summary["tidemark.catalog-version"]),
        "count": rows.num_rows,
        "sums": sums,
        "total_records": int(snapshot.summary["total-records"]),
    }


for line in sys.stdin:
    try:
        print(json.dumps(answer(json.loads(line))), flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
