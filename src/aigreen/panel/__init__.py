"""The checked and coded panel that every estimator starts from."""

from aigreen.panel.panel import Panel

__all__ = ["Panel"]
