"""Graphs in engineering: projects, pipe networks, flows, rankings, trusses."""

from typing import Dict, List, Optional

import networkx as nx


def critical_path(tasks: Dict[str, dict], deadline: Optional[float] = None) -> dict:
    """Longest path of a project, the total float of each task and the spare time (days)."""
    graph = nx.DiGraph()
    graph.add_nodes_from(tasks)
    graph.add_edges_from((before, name) for name, task in tasks.items() for before in task.get("after", []))
    if not nx.is_directed_acyclic_graph(graph):
        return {"path": None, "cycle": sorted(edge[0] for edge in nx.find_cycle(graph))}
    order = list(nx.topological_sort(graph))
    start, latest = {}, {}
    for name in order:
        start[name] = max((start[p] + tasks[p]["days"] for p in graph.predecessors(name)), default=0)
    days = max(start[name] + tasks[name]["days"] for name in order)
    for name in reversed(order):
        latest[name] = min((latest[s] for s in graph.successors(name)), default=days) - tasks[name]["days"]

    # The same by networkx: the longest path with each task as the edge from its start to its end.
    events = nx.DiGraph()
    for name, task in tasks.items():
        events.add_edge((name, 0), (name, 1), weight=task["days"])
        events.add_edges_from((((b, 1), (name, 0)) for b in task.get("after", [])), weight=0)
    path = [name for name, end in nx.dag_longest_path(events) if end == 0]
    assert nx.dag_longest_path_length(events) == days
    return {
        "path": path,
        "days": days,
        "float": {name: latest[name] - start[name] for name in tasks},
        "spare": None if deadline is None else deadline - days,
        "cycle": None,
    }


def network(pipes: List[list], source: str, target: str) -> dict:
    graph = nx.Graph()
    graph.add_weighted_edges_from(pipes)
    tree = nx.minimum_spanning_tree(graph)
    return {
        "path": nx.shortest_path(graph, source, target, weight="weight"),
        "length": nx.shortest_path_length(graph, source, target, weight="weight"),
        "tree": sorted(sorted(edge) for edge in tree.edges),
        "tree_length": tree.size(weight="weight"),
        "cut_nodes": sorted(nx.articulation_points(graph)),
        "bridges": sorted(sorted(edge) for edge in nx.bridges(graph)),
    }


def flow(capacities: List[list], source: str = "s", sink: str = "t") -> dict:
    graph = nx.DiGraph()
    for a, b, capacity in capacities:
        graph.add_edge(a, b, capacity=capacity)
    value, flows = nx.maximum_flow(graph, source, sink)
    cut, (near, _) = nx.minimum_cut(graph, source, sink)
    for node in set(graph) - {source, sink}:
        assert sum(flows[p][node] for p in graph.predecessors(node)) == sum(flows[node].values())
    return {"flow": value, "cut": cut, "source_side": sorted(near)}


def rank(links: List[list], damping: float = 0.85) -> dict:
    """PageRank to 1e-14; networkx's own needs scipy."""
    graph = nx.DiGraph()
    graph.add_edges_from(links)
    n = graph.number_of_nodes()
    ranks = dict.fromkeys(graph, 1 / n)
    for iteration in range(1, 1001):
        dangling = sum(ranks[node] for node in graph if not graph.out_degree(node))
        new = {
            node: (1 - damping + damping * dangling) / n
            + damping * sum(ranks[p] / graph.out_degree(p) for p in graph.predecessors(node))
            for node in graph
        }
        change = sum(abs(new[node] - ranks[node]) for node in graph)
        ranks = new
        if change < 1e-14:
            break
    return {"rank": ranks, "iterations": iteration}


def truss(bars: List[list]) -> dict:
    """Counts of a plane truss: bars = 2 joints - 3 is necessary for static determinacy."""
    graph = nx.Graph(bars)
    joints, count = graph.number_of_nodes(), graph.number_of_edges()
    return {
        "joints": joints,
        "bars": count,
        "determinate_count": count == 2 * joints - 3,
        "planar": nx.check_planarity(graph)[0],
        "connected": nx.is_connected(graph),
        "triangles": sum(nx.triangles(graph).values()) // 3,
    }
