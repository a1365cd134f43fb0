# Tests of kind unit.
