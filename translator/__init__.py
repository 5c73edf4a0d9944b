"""Runs CODO's cloud tasks on Argo Workflows and brings their phase, steps and logs back to agent-server."""

__version__ = "0.1.0"
