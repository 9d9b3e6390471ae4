"""Shipped rules as data; the packs come with the rule engine for operators."""
