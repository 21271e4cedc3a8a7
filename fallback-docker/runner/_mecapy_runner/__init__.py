"""Runs a package's handler in processes of their own, one for each call.

Three kinds of processes:

- Process 1 (`process_one`, `supervisor`): speaks with the host, passes on what a call says
  after checking it, and sees that calls end. It imports nothing of any package.
- `nursery`, its child: has imported the slow dependencies, forks the processes of calls,
  kills and reaps what they leave, and empties the folders. It sees no inputs and no results,
  so that a process that is forked from it can find none of an earlier call in its memory.
- `child`, forked from the nursery: imports the handler and runs one call.
"""
