"""Design resistances of steel connections to EN 1993-1-8 and EN 1993-1-1."""
