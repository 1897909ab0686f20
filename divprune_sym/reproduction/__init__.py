"""The paper's reproduction: theory beside measurement, and the report."""
