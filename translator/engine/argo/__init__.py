"""Runs Workflows on a cluster with Argo Workflows, over the Kubernetes API."""
