import json, types as _t, traceback
from componentize_py_types import Err
from wit_world.imports import types
_mod=None
def load(handler, left_out):
    global _mod
    m = _t.ModuleType("handler")
    src = open("/app/"+handler.path.replace(".","/")+".py").read()
    exec(compile(src, "handler.py", "exec"), m.__dict__)
    _mod = getattr(m, handler.callable)
def call(inputs, output_limit):
    try:
        return json.dumps(_mod(json.loads(inputs)))
    except BaseException as e:
        raise Err(types.Failure(types.FailureKind.RAISED, type(e).__name__, str(e), traceback.format_exc(), None, None))
def describe(): pass
def inspect(policy): pass
def test(left_out): pass
def compile_sources(paths): pass
