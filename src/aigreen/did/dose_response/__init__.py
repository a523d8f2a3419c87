"""Continuous treatment with staggered adoption: effects by dose."""
