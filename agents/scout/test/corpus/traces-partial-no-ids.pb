

*lost