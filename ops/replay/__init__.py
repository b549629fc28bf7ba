"""Customers and agents played against a running product, through its public interface only."""
