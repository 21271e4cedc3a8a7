"""Compute kernels: the same source in the sandbox and under native Python.

Each takes how much to do and gives a number that shows that it did.
"""

import decimal
import json
import math
import time


def float_loop(n):
    total, x = 0.0, 0.5
    for i in range(n):
        x = 3.7 * x * (1.0 - x)
        total += x * 0.5 - i * 1e-9
    return total


def queens(n):
    def place(row, columns, rising, falling):
        if row == size:
            return 1
        found = 0
        for column in range(size):
            if column not in columns and row + column not in rising and row - column not in falling:
                found += place(row + 1, columns | {column}, rising | {row + column}, falling | {row - column})
        return found

    size = 7
    return sum(place(0, frozenset(), frozenset(), frozenset()) for _ in range(n))


class Body:
    def __init__(self, position, velocity, mass):
        self.position, self.velocity, self.mass = position, velocity, mass


def nbody(n):
    bodies = [
        Body([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], 39.478),
        Body([4.841, -1.160, -0.104], [0.606, 2.812, -0.025], 0.0377),
        Body([8.343, 4.125, -0.404], [-1.011, 1.826, 0.008], 0.0113),
        Body([12.894, -15.111, -0.223], [1.083, 0.869, -0.011], 0.0017),
        Body([15.380, -25.919, 0.179], [0.979, 0.595, -0.035], 0.0020),
    ]
    pairs = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1 :]]
    step = 0.01
    for _ in range(n):
        for a, b in pairs:
            dx = a.position[0] - b.position[0]
            dy = a.position[1] - b.position[1]
            dz = a.position[2] - b.position[2]
            pull = step / (dx * dx + dy * dy + dz * dz) ** 1.5
            for body, other, sign in ((a, b, -1.0), (b, a, 1.0)):
                force = sign * other.mass * pull
                velocity = body.velocity
                velocity[0] += dx * force
                velocity[1] += dy * force
                velocity[2] += dz * force
        for body in bodies:
            body.position = [x + step * v for x, v in zip(body.position, body.velocity)]
    return bodies[0].position[0]


def matrices(n):
    size = 60
    a = [[(i * j) % 7 + 0.5 for j in range(size)] for i in range(size)]
    b = [[(i + j) % 5 - 1.5 for j in range(size)] for i in range(size)]
    total = 0.0
    for _ in range(n):
        columns = list(zip(*b))
        product = [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]
        total += product[7][11]
    return total


def text(n):
    counts = {}
    words = ["beam", "bolt", "column", "weld", "plate", "truss", "rivet", "girder"]
    for i in range(n):
        line = f"{words[i % 8]}-{i % 97}: {i * 0.25:.2f} kN; " + words[(i * 3) % 8].upper()
        for part in line.replace(":", " ").replace(";", " ").split():
            counts[part] = counts.get(part, 0) + len(part)
    joined = ",".join(sorted(counts))
    return sum(counts.values()) + joined.count("bolt")


def decimals(n):
    with decimal.localcontext() as context:
        context.prec = 40
        total = decimal.Decimal(0)
        for i in range(1, n):
            total += (decimal.Decimal(i) / 7).sqrt() * decimal.Decimal("1.0825")
        return float(total)


def documents(n):
    document = {
        "beams": [{"id": i, "length": i * 0.125, "name": f"beam {i}", "loads": [i, i + 0.5], "fixed": i % 2 == 0}
                  for i in range(100)]
    }
    size = 0
    for _ in range(n):
        text = json.dumps(document)
        document = json.loads(text)
        size += len(text)
    return size


def calculate(inputs):
    """The fastest of some runs of a kernel, in seconds, and what it gave."""
    kernel = globals()[inputs["kernel"]]
    best = math.inf
    for _ in range(inputs["repeats"]):
        started = time.perf_counter()
        result = kernel(inputs["n"])
        best = min(best, time.perf_counter() - started)
    return {"seconds": best, "result": result}
