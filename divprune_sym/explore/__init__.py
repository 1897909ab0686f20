"""Where does a comparison of pruned errors hold? Maps over (M, Z, k) or (M, Z, p), and what they suggest."""

from divprune_sym.ground.lazy import lazy_attributes

_WHERE = {
    "Map": "maps",
    "Question": "question",
    "explore": "maps",
    "read_domain": "domain",
    "read_question": "question",
}
__all__ = list(_WHERE)
__getattr__ = lazy_attributes(__name__, _WHERE)
