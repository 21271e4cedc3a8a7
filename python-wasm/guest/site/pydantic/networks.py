"""Not carried: importing this says so."""

raise ImportError(
    "pydantic.networks is not supported: the sandbox carries a stand-in for pydantic, "
    "whose limits are listed in docs/pydantic.md"
)
