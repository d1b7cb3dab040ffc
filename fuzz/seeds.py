#!/usr/bin/env python3
"""Writes seeds for the fuzz targets, one a request of the catalogue: fuzz/seeds.py DIRECTORY TARGET"""
import json
import pathlib
import sys

directory, target = pathlib.Path(sys.argv[1]), sys.argv[2]
catalog = pathlib.Path(__file__).parent.parent / "exchanges/catalog"
for folder in sorted(place.parent for place in catalog.glob("*/requests.json")):
    if target == "request_parts":
        listed = json.loads((folder / "requests.json").read_text())
        requests = listed["ordinary"] + listed["attacks"]
    else:
        vectors = json.loads((folder / "vectors.json").read_text())
        requests = [vector["signed"] for vector in vectors if vector.get("signed")][:12]
    for number, request in enumerate(requests):
        lines = [f"{folder.name} {request['method']} read trade cancel", request["url"]]
        if target == "sign_again":
            lines += [f"{name}: {value}" for name, value in request["headers"].items()] + [""]
        text = "\n".join(lines + ([request["body"]] if request.get("body") else []))
        (directory / f"catalog-{folder.name}-{number}").write_text(text)
