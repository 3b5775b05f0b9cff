"""Dynamics, analytic or learned, and the engines that run the network."""
