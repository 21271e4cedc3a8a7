"""Not carried: importing this says so."""

raise ImportError(
    "pydantic.v1 is not supported: the sandbox carries a stand-in for pydantic 2, "
    "whose limits are listed in docs/pydantic.md"
)
