"""Simulated readers: what they would answer, and a client that answers through the real HTTP interface."""
