"""oracle_networkx.py - immediate dominators by networkx: [root, [[from, to], ...]] on stdin, {node: dominator} on stdout.

A program of its own since networkx is Debian's, and so is its Python: /usr/bin/python3."""
import json
import sys

import networkx

root, links = json.load(sys.stdin)
graph = networkx.DiGraph()
graph.add_node(root)
graph.add_edges_from(links)
json.dump(sorted(networkx.immediate_dominators(graph, root).items()), sys.stdout)
