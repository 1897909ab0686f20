"""Claims, the evidence for or against them, and the verdicts that follow."""

from divprune_sym.ground.lazy import lazy_attributes

_WHERE = {
    "Boundary": "evidence",
    "BoundaryOfMinimum": "evidence",
    "Certified": "evidence",
    "Claim": "claim",
    "Inequality": "prover",
    "Measured": "evidence",
    "Missing": "evidence",
    "Proof": "evidence",
    "Region": "claim",
    "Row": "claim",
    "Step": "evidence",
    "UniqueZero": "evidence",
    "Verdict": "claim",
    "Witness": "evidence",
    "ZeroOfSystem": "prover",
    "is_zero": "evidence",
    "same": "evidence",
}
__all__ = list(_WHERE)
__getattr__ = lazy_attributes(__name__, _WHERE)
